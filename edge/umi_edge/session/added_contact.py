"""Added contacts: what is added of somebody who has a card goes into that card, and a card has a name.

"Deniz has a mobile, 0151 555 0934, can you put it into his card?": a small planner adds a contact, and its caller calls
that by the number. What is put in its place is read from the request, the call and a look-up as the planner sees them.
So nothing that stays decides, with one exception: whether a card lacks what is added, where no words speak of a card.
That is looked at only where the policy tells such facts, and charged.

Covered: umi's own tools; a card that the words speak of, or that has the very name and none of what is added; a number
or an address in the place of a name; a company that is named behind its description. Not covered: a request that was
asked about since; two cards in one request; a name in small letters that the device does not know.

I3: docs/design.md#i3-noninterference
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from umi_edge.policy.person_names.words import is_listed
from umi_edge.policy.projection import projected
from umi_edge.session.listed_items import Item
from umi_edge.values.word_lists import word_lists
from umi_shared.handles import HANDLE_PATTERN

__all__ = ["ADD", "CHANGE", "REACHED", "AddedContact", "NoNameError"]

ADD, CHANGE = "contacts.add", "contacts.change"
REACHED = ("email", "phone")
_HANDLE = re.compile(HANDLE_PATTERN)
_LIKE_HANDLE = re.compile(r"<(\w+):(\d+)>")
_NAMING = frozenset({"person", "company", "name", "project"})
"""The types of handles that may be in a name."""
_ADDRESS = re.compile(r"\S+@\S+\.\S+")
_NUMBER = re.compile(r"[\d\s()+/.-]*\d[\d\s()+/.-]{3,}")
_NAMES = re.compile(r"<(?:person|company):\d+>(?:[ -]<(?:person|company):\d+>)*")
_CAPITALS = r"[^\W\d_a-z][\w'’&.-]+(?: (?:[^\W\d_a-z][\w'’&.-]*|&)){0,3}"
_MEMBERS = ("email", "phone", "company", "role")


class NoNameError(Exception):
    """A contact without a name, where the user's words have none either."""


@dataclass(frozen=True, slots=True)
class AddedContact:
    """What is added, and the request that it is for, both as the planner sees them."""

    request: str = field(repr=False)
    arguments: Mapping[str, Any] = field(repr=False)

    def named(self) -> dict[str, Any]:
        """The arguments with a name in the place of a number, an address or a description. Raises `NoNameError`.

        >>> words = "<person:1> finally has a mobile, <phone:1>, can you put it into his card?"
        >>> AddedContact(words, {"name": "<Phone:1>"}).named()
        {'name': '<person:1>', 'phone': '<phone:1>'}
        >>> words = "save the raffle printers as a contact, Ticket Fox, <email:1>"
        >>> AddedContact(words, {"name": "Raffle printers"}).named()
        {'name': 'Ticket Fox'}
        """
        given = str(self.arguments.get("name", "")).strip()
        if not is_no_name(given):
            name = self._named_behind(given)
            return {**self.arguments} if name is None else {**self.arguments, "name": name}
        found = _only(_NAMES.findall(self.request)) or _only(self._names_in_words())
        if found is None:
            raise NoNameError
        return {**self.arguments, "name": found, **self._misplaced(given)}

    @property
    def speaks_of_a_card(self) -> bool:
        """Whether the words speak of a card that is there already."""
        return _words().of_card.search(self.request) is not None and not self.is_fresh

    @property
    def is_fresh(self) -> bool:
        """Whether the words speak of a card that is not there yet."""
        return _words().fresh.search(self.request) is not None

    @property
    def may_be_there(self) -> bool:
        """Whether a card of that name is looked for: the words speak of one, or the device knows the name."""
        name = str(self.arguments.get("name", ""))
        stands = name.casefold() in self.request.casefold()
        return stands and (
            self.speaks_of_a_card or (_NAMES.fullmatch(name) is not None and not self.is_fresh)
        )

    def change_of(self, found: Sequence[Item]) -> dict[str, Any] | None:
        """The arguments of a change of one of those whom a look-up found; None where there is nobody, or no change."""
        new = self._new
        cards = [one.seen["id"] for one in found if isinstance(one.seen, Mapping) and one.seen.get("id")]
        return {"id": cards[0], **new} if new and cards else None

    def is_named_so(self, found: Sequence[Item]) -> bool:
        """Whether a look-up found one person, of that very name."""
        names = [one.seen.get("name") for one in found if isinstance(one.seen, Mapping)]
        return bool(self._new) and names == [self.arguments.get("name")]

    def is_lacking(self, found: Sequence[Item]) -> bool:
        """Whether cards have nothing yet of what is added: a fact of what stays."""
        return not any(
            isinstance(one.known, Mapping) and one.known.get(name) for one in found for name in self._new
        )

    @property
    def _new(self) -> dict[str, Any]:
        return {name: self.arguments[name] for name in _MEMBERS if self.arguments.get(name)}

    def _misplaced(self, given: str) -> dict[str, str]:
        """What was given as the name, at its own place."""
        found = _LIKE_HANDLE.fullmatch(given)
        kind = found[1].lower() if found else "email" if _ADDRESS.fullmatch(given) else "phone"
        if kind not in REACHED or self.arguments.get(kind):
            return {}
        return {kind: f"<{kind}:{found[2]}>" if found else given}

    def _named_behind(self, given: str) -> str | None:
        """The one name that stands between commas behind a description, where that is what was given."""
        described = re.search(rf"\b{_words().article} {re.escape(given)}(?!\w)", self.request, re.IGNORECASE)
        if described is None or _HANDLE.search(given) or _capitals_in(self.request[slice(*described.span())]):
            return None
        parts = re.split(r"\s*[,;:()]\s*", self.request[described.end() :])[1:]
        named = [
            one for one in parts if re.fullmatch(_CAPITALS, one.strip()) or _NAMES.fullmatch(one.strip())
        ]
        return _only(named)

    def _names_in_words(self) -> list[str]:
        """Names that the device does not know: capital letters, behind others or as who has something now.

        >>> AddedContact("Deniz finally has a mobile, <phone:1>", {})._names_in_words()
        ['Deniz']
        >>> AddedContact("Put <phone:1> into Deniz's card", {})._names_in_words()
        ['Deniz']
        >>> AddedContact("call <phone:1> on Monday", {})._names_in_words()
        []
        """
        found = [one[0] for one in _words().names.finditer(self.request)]
        names = [re.sub(r"['’]s$", "", one) for one in found]
        return [one for one in names if not is_listed(projected(one))]


def is_no_name(text: str) -> bool:
    """Whether a text is a number, an address or a handle of such a type, and no name.

    >>> is_no_name("<Phone:1>"), is_no_name("0151 555 0934"), is_no_name("ann@x.example"), is_no_name("Studio 54")
    (True, True, True, False)
    >>> is_no_name("<person:1>"), is_no_name("Mr <person:2>")
    (False, False)
    """
    left = _LIKE_HANDLE.sub(lambda one: one[0] if one[1].lower() in _NAMING else "", text)
    if not left.strip(" ,.;"):
        return True
    return _ADDRESS.fullmatch(text) is not None or _NUMBER.fullmatch(text) is not None


def _capitals_in(described: str) -> bool:
    """Whether what stands behind an article is in capital letters: `the Ticket Fox`."""
    return any(word[0].isupper() for word in described.split()[1:])


def _only(found: Sequence[str]) -> str | None:
    different = list(dict.fromkeys(one.strip() for one in found))
    return different[0] if len(different) == 1 else None


class _Words(NamedTuple):
    of_card: "re.Pattern[str]"
    fresh: "re.Pattern[str]"
    names: "re.Pattern[str]"
    article: str


@cache
def _words() -> _Words:
    words = word_lists("umi_edge.session.words", "cards.yaml")
    one = words.any_of
    cards = rf"(?:\b{one('whose')}|{one('owns')}) {one('cards')}\b"
    return _Words(
        of_card=re.compile(rf"{cards}|\b{one('has_now')}\b", re.IGNORECASE),
        fresh=re.compile(rf"\b{one('fresh')}\b", re.IGNORECASE),
        names=re.compile(
            rf"(?<=[^\W\d_A-Z] ){_CAPITALS}|(?<=[,:;] ){_CAPITALS}|^{_CAPITALS}(?= (?i:{one('has_now')})\b)"
        ),
        article=one("articles"),
    )
