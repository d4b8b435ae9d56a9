"""Addressing: a call that writes to somebody, looks them up, or adds them, is for those whom the user's words tell.

What `AddressedMail` and `AddedContact` read is all that the planner sees, so nothing of what stays decides here. There
is one exception, which is charged: whether a card lacks what is added.

I3: docs/design.md#i3-noninterference
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from umi_edge.caller import WrittenCall
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.text import LabelledEntry
from umi_edge.policy.document import RelationsWord
from umi_edge.policy.families import BUILT_IN
from umi_edge.session.added_contact import ADD, CHANGE, AddedContact, NoNameError
from umi_edge.session.addressed_mail import LETTERS, SEARCH, AddressedMail, UnknownAddresseeError
from umi_edge.session.described_person import description_in, whole_description
from umi_edge.session.invited_guests import with_all_guests
from umi_edge.session.listed_items import Item
from umi_edge.session.narrowed_search import Request
from umi_edge.session.time_arguments import Timed
from umi_edge.tools import Catalogue
from umi_shared.errors import MalformedError

__all__ = ["Addressed", "Addressing"]

CREATE = "calendar.create"


LookUp = Callable[[str, Timed], Awaitable[None]]
"""Makes a call of a tool that only reads."""


class Addressed(NamedTuple):
    """A call as it is written, for those whom the user's words tell."""

    written: WrittenCall
    timed: Timed


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """Of one session, as it is at one step."""

    catalogue: Catalogue
    told: frozenset[str] = field(repr=False)
    """The tools that the cloud is told of: no other one is called, or shows."""
    labeller: Labeller = field(repr=False)
    entries: Sequence[LabelledEntry] = field(repr=False)
    """The transcript, as it grows."""

    async def addressed(self, written: WrittenCall, timed: Timed, look_up: LookUp) -> Addressed | None:
        """The call for those who are told, once each is looked up; None where that does not tell one of each.

        Raises `MalformedError` where it would go to somebody else, and whoever plans has seen who was found.
        """
        if written.tool == ADD and self._is_built_in(ADD):
            return await self._added(written, timed, look_up)
        if written.tool == CREATE and self._is_built_in(CREATE) and self._may_mend(SEARCH):
            guests = with_all_guests(timed.arguments, self._mail.request, self.entries)
            return _with(written, timed, guests or timed.arguments)
        if not self._may_mend(written.tool):
            return Addressed(written, timed)
        if written.tool == SEARCH:
            return await self._looked_up(written, timed, look_up)
        missing = self._mail.missing(timed.arguments)
        for name in missing:
            await look_up(SEARCH, Timed(arguments={"name": name}))
        try:
            arguments = self._mail.mended(timed.arguments) or timed.arguments
        except UnknownAddresseeError:
            if missing:
                return None
            raise MalformedError("it goes to somebody whom the user does not address") from None
        return _with(written, timed, arguments)

    async def _looked_up(self, written: WrittenCall, timed: Timed, look_up: LookUp) -> Addressed | None:
        """A look-up of whom the words mean; None where they were found by all that the words say that they are."""
        mail, given = self._mail, timed.arguments.get("name")
        if not isinstance(given, str) or not Request("", mail.request).looks_up:
            name = mail.look_up(given)
        elif mail.is_invented(given):
            name = description_in(mail.request)
        else:
            name, whole = None, whole_description(mail.request, given)
            if whole is not None and mail.found(whole) is None:
                await look_up(SEARCH, Timed(arguments={"name": whole}))
                if self._mail.found(whole):
                    return None
        return _with(written, timed, timed.arguments if name is None else {"name": name})

    async def _added(self, written: WrittenCall, timed: Timed, look_up: LookUp) -> Addressed:
        """A contact that is added under a name; or the change of a card, where one look-up finds that it is there.

        Raises `MalformedError` where the words have no name.
        """
        request = self._mail.request
        if not request:
            return Addressed(written, timed)
        try:
            named = AddedContact(request, timed.arguments).named()
        except NoNameError:
            raise MalformedError("a contact's name is no number and no address") from None
        added = AddedContact(request, named)
        if added.may_be_there and self._is_built_in(CHANGE) and self._may_mend(SEARCH):
            name = str(named["name"])
            if self._mail.found(name) is None:
                await look_up(SEARCH, Timed(arguments={"name": name}))
            found = self._mail.found(name) or ()
            change = added.change_of(found) if len(found) == 1 or self._may_ask else None
            if change is not None and (added.speaks_of_a_card or self._is_lacking(added, found)):
                return _with(replace(written, tool=CHANGE), timed, change)
        return _with(written, timed, named)

    def _is_lacking(self, added: AddedContact, found: Sequence[Item]) -> bool:
        """Whether the one card of that very name has nothing yet of what is added: that is told, and charged."""
        if not self._may_ask or not added.is_named_so(found):
            return False
        self.labeller.shapes.chosen(ADD, 2)
        return added.is_lacking(found)

    @property
    def _may_ask(self) -> bool:
        """Whether values that stay may tell of whom a call is, and the user is asked where they do not."""
        return self.labeller.policy.relations is RelationsWord.TOLD

    def _may_mend(self, tool: str) -> bool:
        return (
            tool in LETTERS | {SEARCH}
            and self._is_built_in(tool)
            and self._is_built_in(SEARCH)
            and not self.labeller.hides_shape(SEARCH)
        )

    def _is_built_in(self, tool: str) -> bool:
        return tool in self.told and self.catalogue[tool].source == BUILT_IN

    @property
    def _mail(self) -> AddressedMail:
        return AddressedMail(self.entries)


def _with(written: WrittenCall, timed: Timed, arguments: dict[str, Any]) -> Addressed:
    if arguments == timed.arguments:
        return Addressed(written, timed)
    said = {
        name: words for name, words in timed.said.items() if arguments.get(name) == timed.arguments.get(name)
    }
    text = json.dumps(arguments, ensure_ascii=False)
    return Addressed(replace(written, arguments=text), replace(timed, arguments=arguments, said=said))
