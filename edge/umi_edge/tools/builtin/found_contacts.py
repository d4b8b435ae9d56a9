"""Found contacts: whom words mean, by name first, then by all else that their cards say."""

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

from umi_edge.tools.builtin.contact import Contact
from umi_edge.tools.builtin.likely_contacts import likely, names_in, names_kin
from umi_edge.tools.builtin.trades import is_of_trade
from umi_edge.tools.builtin.words import folded, has_words

__all__ = ["called", "found"]

_FEWEST_DIGITS = 5


def found(contacts: Iterable[Contact], query: str, *, anywhere: bool = False) -> list[Contact]:
    """Those whom the words mean: who is called so, else whose name begins so, else in whom they occur at all.

    `anywhere`: also in roles, categories, postal addresses and notes, those of the trade that is meant, and at last who
    is likely meant by a phrase that is no name, or that has more words than the name.
    """
    everyone = list(contacts)
    ranked: dict[int, list[Contact]] = {}
    for contact in everyone:
        rank = _rank(contact, query)
        if anywhere and rank > _IN_WHAT_IS_KNOWN:
            rank = min(rank, _rank_anywhere(contact, query))
        ranked.setdefault(rank, []).append(contact)
    ranked.pop(_NOT_MEANT, None)
    best = min(ranked, default=_NOT_MEANT)
    # A mother is no Mothersole, mum no Mumtaz, and nobody of whose card it says that she is another's.
    if anywhere and (not ranked or (best > _CALLED_SO and names_kin(query))):
        return likely(everyone, query) or _named(everyone, names_in(query))
    return ranked.get(best, [])


def called(contacts: Sequence[Contact], words: str) -> list[Contact]:
    """Those whom the user calls so: by words that are whole in the names of a card, else by what they are to them."""
    return _named(contacts, words) or (likely(contacts, words) if names_kin(words) else [])


def _named(contacts: Sequence[Contact], names: str) -> list[Contact]:
    return [one for one in contacts if _rank(one, names) == _CALLED_SO] if names else []


_CALLED_SO = 0
_IN_WHAT_IS_KNOWN = 3
_NOT_MEANT = 10


def _rank_anywhere(contact: Contact, query: str) -> int:
    said = " ".join((*contact.known_by(), *contact.found_by(), contact.role, *contact.categories))
    if has_words(said, query):
        return _IN_WHAT_IS_KNOWN
    does = " ".join(
        (contact.company or "", contact.department, contact.role, *contact.categories, contact.note)
    )
    if is_of_trade(does, query):
        return 5
    rest = " ".join((said, contact.birthday, contact.note, *(one.value for one in contact.addresses)))
    if has_words(rest, query):
        return 8
    asked, names = folded(query).split(), folded(" ".join(contact.known_by())).split()
    if asked and all(has_words(rest, one) or any(_bent(one, name) for name in names) for one in asked):
        return 9
    return _NOT_MEANT


def _rank(contact: Contact, query: str) -> int:
    asked = folded(query).split()
    names = " ".join(contact.known_by())
    words = {part for word in folded(names).split() for part in (word, *re.findall(r"\w+", word))}
    if asked and all(one in words for one in asked):
        return 0
    if asked and all(any(word.startswith(one) for word in words) for one in asked):
        return 1
    if has_words(names, query):
        return 2
    if has_words(f"{names} {' '.join(contact.found_by())}", query):
        return 3
    if asked and all({one, re.sub(r"['’]?s$", "", one)} & words for one in asked):
        return 4
    if asked and all(any(_bent(one, word) for word in words) for one in asked):
        return 6
    digits = re.sub(r"\D", "", query)
    numbers = [re.sub(r"\D", "", one.value) for one in contact.phones]
    return 7 if len(digits) >= _FEWEST_DIGITS and any(digits in number for number in numbers) else _NOT_MEANT


def _bent(asked: str, name: str) -> bool:
    """Whether a word may be a name with another ending, as languages give them: `Lenas`, `Pawłem`.

    >>> _bent("lenas", "lena"), _bent("heikkiselta", "heikkinen"), _bent("anna", "andrew")
    (True, True, False)
    """
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(asked, name, strict=False)))
    return same >= max(_FEWEST_SAME, len(name) - _LONGEST_REPLACED, len(asked) - _LONGEST_ENDING)


_FEWEST_SAME = 3
_LONGEST_REPLACED = 3
_LONGEST_ENDING = 5
