"""Addressed mail: a letter goes to those whom the user's words tell, and who is looked up for it are they.

A small planner looks up a person of the message, and mails them. What is put in their place is read from the request,
the calls and the results as the planner sees them, so it depends on nothing that stays. A letter is given to somebody
else only where all of its recipients stand in the message, and a look-up of each who is told found one of that name.

Covered: umi's own tools. Not covered: a recipient whom no look-up found, such as the sender of a letter; one of two who
are told; a letter that is written anew where one is to be sent on; replies; a request that was asked about since.

I3: docs/design.md#i3-noninterference
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

from umi_edge.labelling.text import LabelledEntry
from umi_edge.session.addressees import Addressees, addressees_of, only_in_message, tells_detail
from umi_edge.session.listed_items import Item, given_to, listings, marks, taken_by
from umi_edge.session.own_words import seen_text, seen_words
from umi_edge.session.unclear_choice import turns_of
from umi_shared.handles import HANDLE_PATTERN
from umi_shared.transcript import Call, Instruction

__all__ = ["FORWARD", "LETTERS", "SEARCH", "AddressedMail", "UnknownAddresseeError"]

SEARCH, FORWARD = "contacts.search", "mail.forward"
_SEND = "mail.send"
LETTERS = frozenset({_SEND, FORWARD})
"""The tools whose recipients are looked at."""
_MAIL = frozenset({_SEND, FORWARD, "mail.reply"})
_WORD = re.compile(rf"{HANDLE_PATTERN}|[\w'’-]+")
_TYPED = re.compile(r"<email:\d+>")
_ALIKE = 0.75
"""How alike two spellings of one name are."""


class UnknownAddresseeError(Exception):
    """No look-up found one of the name that the user tells, with an address."""


@dataclass(frozen=True)
class AddressedMail:
    """Of one session, as it is at one step."""

    entries: Sequence[LabelledEntry] = field(repr=False)

    @cached_property
    def _requests(self) -> tuple[str, ...]:
        """What the user asked for, as the planner sees it, the newest last; nothing where they were asked since."""
        said = seen_words(self.entries)
        turns = turns_of(self.entries, said)
        return () if not turns or len(turns[-1].said) > 1 else tuple(" ".join(turn.said) for turn in turns)

    @property
    def request(self) -> str:
        """What the user asked for last, as the planner sees it; empty where they were asked since."""
        return self._requests[-1] if self._requests else ""

    @cached_property
    def _told(self) -> Addressees | None:
        if not self._requests:
            return None
        return addressees_of(self._requests[-1])

    def look_up(self, name: object) -> str | None:
        """Who is to be looked up in the place of somebody of the message; None where that may stay."""
        told = self._told
        if told is None or not isinstance(name, str):
            return None
        if owned := [one for one in told.whom if _is_owner(name, one)]:
            return owned[0] if self.found(owned[0]) is None else None
        if any(self._may_be(name, one) for one in told.whom):
            return None
        missing = [one for one in told.whom if not _TYPED.fullmatch(one) and self.found(one) is None]
        request = self._requests[-1]
        if not missing or tells_detail(request, told):
            return None
        if name.casefold() in request.casefold():
            return missing[0] if only_in_message(request, told, name) else None
        return missing[0] if self.is_invented(name) else None

    def is_invented(self, name: str) -> bool:
        """Whether nobody said a name, and no result has it."""
        return name.casefold() not in " ".join(map(seen_text, self.entries)).casefold()

    def missing(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Who has to be looked up before a letter can go to those who are told."""
        if not self._is_wrong(arguments):
            return ()
        return tuple(one for one in self._open if not _TYPED.fullmatch(one) and self.found(one) is None)

    def mended(self, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """The arguments with the recipients who are told; None where they stay. Raises `UnknownAddresseeError`."""
        if not self._is_wrong(arguments):
            return None
        to = [self._address(one) for one in self._open]
        kept = {
            name: value for name, value in arguments.items() if name != "cc" or self._keeps_copy(value, to)
        }
        return {**kept, "to": to[0] if len(to) == 1 else to}

    @property
    def _open(self) -> list[str]:
        """Those told who were not written to yet."""
        sent = self._sent_to
        return [] if self._told is None else [one for one in self._told.whom if not self._marks(one) & sent]

    @property
    def _sent_to(self) -> set[str]:
        last = max(
            (at for at, one in enumerate(self.entries) if isinstance(one.template, Instruction)), default=-1
        )
        calls = [
            one
            for one in self.entries[last:]
            if isinstance(one.template, Call) and one.template.tool in _MAIL
        ]
        return {token for one in calls for token in taken_by({"to": given_to(one).get("to")})}

    def _is_wrong(self, arguments: Mapping[str, Any]) -> bool:
        """Whether a letter goes to nobody but people of the message."""
        to = set(taken_by({"to": arguments.get("to")}))
        return bool(self._open and to) and to <= self._strangers

    @property
    def _strangers(self) -> set[str]:
        """What stands for people of the message alone, of all whom look-ups found."""
        told, strangers, others = self._told, set[str](), set[str]()
        for result in listings(self.entries):
            name = self._name(result.at)
            found = {token for items in result.lists for item in items for token in marks(item)}
            in_message = (
                told is not None
                and name is not None
                and not any(self._may_be(name, one) for one in told.whom)
                and only_in_message(self._requests[-1], told, name)
            )
            if in_message:
                strangers |= found
            else:
                others |= found
        return strangers - others

    def _may_be(self, name: str, whom: str) -> bool:
        """Whether a look-up may be for somebody: a part of a name that stays is not seen to be one."""
        unseen = "<" not in name and name.casefold() not in self._requests[-1].casefold()
        return _same(name, whom) or (unseen and whom.startswith("<"))

    def _keeps_copy(self, value: object, to: Sequence[str]) -> bool:
        return not set(taken_by({"cc": value})) & (self._strangers | set(to))

    def _marks(self, whom: str) -> set[str]:
        if _TYPED.fullmatch(whom):
            return {whom}
        return {token for item in self.found(whom) or () for token in marks(item)}

    def found(self, whom: str) -> list[Item] | None:
        """Whom the newest look-up of somebody found; None where there was none."""
        looked_up = [
            at
            for at in range(len(self.entries))
            if (name := self._name(at)) is not None and _parts(whom) <= _parts(name)
        ]
        if not looked_up:
            return None
        found = [result for result in listings(self.entries) if result.at == looked_up[-1]]
        items = [item for result in found for items in result.lists for item in items]
        return [item for item in items if isinstance(item.seen, Mapping) and "name" in item.seen]

    def _name(self, at: int) -> str | None:
        """For whom the look-up was whose result an entry is."""
        call = self.entries[at - 1] if at else None
        if call is None or not isinstance(call.template, Call) or call.template.tool != SEARCH:
            return None
        name = given_to(call).get("name")
        return name if isinstance(name, str) else None

    def _address(self, whom: str) -> str:
        if _TYPED.fullmatch(whom):
            return whom
        people = self.found(whom) or []
        seen = people[0].seen if len(people) == 1 else {}
        address = seen.get("email")
        if str(seen.get("name", "")).casefold() != whom.casefold() or not isinstance(address, str):
            raise UnknownAddresseeError
        return address


def _is_owner(name: str, whom: str) -> bool:
    """Whether somebody is described by whose they are.

    >>> _is_owner("jule", "Jule's fencing coach"), _is_owner("<person:1>", "<person:1>")
    (True, False)
    """
    return re.match(rf"{re.escape(name)}(?:['’]s|s['’]) \w", whom, re.IGNORECASE) is not None


def _same(name: str, whom: str) -> bool:
    """Whether a look-up is for somebody: their name, a part of it, or another spelling.

    >>> _same("Lambert", "sophie lambert"), _same("Harriet", "hariet"), _same("Jule", "svenja")
    (True, True, False)
    """
    one, other = _parts(name), _parts(whom)
    if not one or not other:
        return False
    alike = (
        "<" not in name + whom and SequenceMatcher(None, name.casefold(), whom.casefold()).ratio() >= _ALIKE
    )
    return alike or one <= other or other <= one


def _parts(text: str) -> frozenset[str]:
    return frozenset(one[0] for one in _WORD.finditer(text.casefold()))
