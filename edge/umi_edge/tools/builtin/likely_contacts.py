"""Likely contacts: whom a phrase means that is no name, as people speak of each other: `the yard that takes our boat`.

What stands before a `that`, an `at` or a comma says whom; the rest tells one of several from another. Only where nobody
is all of that, the words count by how rare they are among the cards, and most of their weight must be there.

Covered: English, German, French and Spanish. Not covered: whom only a letter or a note tells of (`search.answer`).
"""

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from umi_edge.policy.person_names.words import everyday, plain
from umi_edge.policy.projection import projected
from umi_edge.tools.builtin.contact import Contact
from umi_edge.tools.builtin.trades import is_kin, same_kin, same_trade, says_nothing
from umi_edge.tools.builtin.words import folded, tells_of

__all__ = ["likely", "names_in", "names_kin"]

_MOST = 5
"""More people than these are no answer to who is meant."""
_ENOUGH = 0.6
"""The share of the words' weight that must be there, where nobody is all of what is said first."""
_ENOUGH_OF_DEEDS = 0.45
"""The same where it is only said what somebody does: a card hardly says it all."""
_NOTED = 0.8
"""What a word in a note weighs, of what it does in a name, a company or a role."""
_BENT = 0.9
"""What a form of a word weighs: an account manager is no accountant where there is one."""
_LEAST = 3
"""A shorter word stands for itself only, and no other begins with it."""

_BREAK = re.compile(
    r"[,;:()]|\b(?:that|who|whom|which|where|whose|at|of|from|for|in|with|by|near|"
    r"bei|beim|von|vom|aus|fur|im|mit|qui|que|de|du|des|chez|dans|pour|del|para|con)\b"
)
_OWNED = re.compile(r"(?P<owner>[^,;:()'’]+(?:['’]s|s['’])) (?P<thing>[^,;:()'’]+)")
_DESCRIBED = re.compile(r"(?<![^\W_])[a-zß-ÿ]{4,}")
"""A word in small letters, which no name has but for `van` and the like: `Beth at the café`."""


def likely(contacts: Sequence[Contact], phrase: str) -> list[Contact]:
    """Those whom a phrase means; several where it does not tell them apart, none where it fits nobody well."""
    cards = [_Card(one) for one in contacts]
    whom, *rest = map(_words, _BREAK.split(_plain(_owned_first(phrase))))
    told = [word for words in rest for word in words]
    weights = {word: _rarity(word, cards) for word in (*whom, *told)}
    meant = [card for card in cards if whom and all(card.has(word) for word in whom)]
    if not meant:
        if whom and all(map(is_kin, whom)):
            return []  # a relation is nobody else's, whatever more is said of them
        enough = sum(weights.values()) * (_ENOUGH if whom else _ENOUGH_OF_DEEDS)
        meant = [card for card in cards if card.weight(weights) >= max(enough, sys.float_info.min)]
    best = max((card.weight(weights) for card in meant), default=0.0)
    meant = [card for card in meant if card.weight(weights) == best]
    return [card.contact for card in meant] if len(meant) <= _MOST else []


def names_kin(phrase: str) -> bool:
    """Whether a phrase says of somebody how they are related to the user, and nothing else.

    >>> names_kin("my mum"), names_kin("my mum's plumber")
    (True, False)
    """
    words = _words(_plain(phrase))
    return bool(words) and all(map(is_kin, words))


def names_in(phrase: str) -> str:
    """The words of a phrase that may be a name, where others are words of the language and nobody's name.

    >>> names_in("Nina dinner"), names_in("Nina Dinerowicz"), names_in("dinner"), names_in("Nina's dinner")
    ('Nina', '', '', 'Nina')
    """
    words = re.sub(r"['’]s?(?!\w)", " ", phrase).split()
    names = [word for word in words if _may_be_a_name(word)]
    return " ".join(names) if len(names) < len(words) else ""


def _may_be_a_name(word: str) -> bool:
    """Whether a word is none of the language; one that is both, such as `Baker`, with a capital letter only."""
    plainly = projected(word)
    is_word = plainly in plain() or says_nothing(plainly) or (word.islower() and plainly in everyday())
    return not is_word


def _rarity(word: str, cards: Sequence["_Card"]) -> float:
    """What a word weighs: the fewer cards have it, the more."""
    return math.log(1 + len(cards) / max(1, sum(1 for card in cards if card.has(word))))


@dataclass(frozen=True)
class _Card:
    """A contact, and what of it a word may mean."""

    contact: Contact = field(repr=False)

    def has(self, word: str) -> float:
        """How well a word fits: 1 in what it is and is called, less in what is noted of it, 0 nowhere."""
        if word not in self._known:
            self._known[word] = self._fit(word)
        return self._known[word]

    def weight(self, weights: Mapping[str, float]) -> float:
        """What it has of some words, by what each of them weighs."""
        return sum(self.has(word) * weight for word, weight in weights.items())

    @cached_property
    def _known(self) -> dict[str, float]:
        return {}

    def _fit(self, word: str) -> float:
        one = self.contact
        if is_kin(word):
            return float(any(same_kin(word, said) for said in (*one.known_by(), one.role, one.note)))
        if self._is_called(word) or same_trade(word, self._does):
            return 1.0
        if says_nothing(word):
            return 0.0  # a note says "it" of anything
        if form := _form_in(self._does, word):
            return form
        return _NOTED * (same_trade(word, self._noted) or _form_in(self._noted, word))

    def _is_called(self, word: str) -> bool:
        names = " ".join((*self.contact.known_by(), *self.contact.found_by()))
        return not {word, word.removesuffix("s")}.isdisjoint(re.findall(r"\w+", folded(names)))

    @cached_property
    def _does(self) -> str:
        """What it is, in words that are not the person's own name: Ann Baker need not bake."""
        one = self.contact
        own = {word for name in one.other_names for word in folded(name).split()}
        titles = [word for word in one.name.split() if own and folded(word) not in own]
        described = one.kind or one.name == one.company or _DESCRIBED.search(one.name)
        names = [one.name] if described else titles
        return " ".join((*names, one.company or "", one.department, one.role, *one.categories))

    @cached_property
    def _noted(self) -> str:
        one = self.contact
        return " ".join((one.note, *one.related, *(place.value for place in one.addresses)))


def _form_in(text: str, word: str) -> float:
    """1 where a text has a word, less where it has a form of it, 0 where neither; never within another word."""
    there = re.findall(r"\w+", folded(text))
    if word in there:
        return 1.0
    forms = (own for own in there if own[0] == word[0] and min(len(own), len(word)) > _LEAST)
    return _BENT if any(tells_of(own, word) for own in forms) else 0.0


def _plain(phrase: str) -> str:
    return re.sub(r"['’]s?\b", " ", folded(phrase))


def _owned_first(phrase: str) -> str:
    """A phrase with whom it is about first: of `Jule's coach` the coach. A relation is nothing without whose it is.

    >>> _owned_first("jule's fencing coach"), _owned_first("lisa's mum")
    ("fencing coach of jule's", "lisa's mum")
    """
    found = _OWNED.fullmatch(phrase)
    if found is None or not _words(folded(found["thing"])) or names_kin(found["thing"]):
        return phrase
    return f"{found['thing']} of {found['owner']}"


def _words(part: str) -> list[str]:
    """The words that tell somebody; where none does, a trade that is spelt as a word that tells nobody: the IT guy."""
    words = re.findall(r"\w+", part)
    return [word for word in words if not says_nothing(word)] or [
        word for word in words[:-1] if same_trade(word, word)
    ]
