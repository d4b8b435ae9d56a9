"""Addressing: a call that writes to somebody, or looks somebody up for that, is for those whom the user's words tell.

What `AddressedMail` reads is all that the planner sees, so nothing of what stays decides here.

I3: docs/design.md#i3-noninterference
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from umi_edge.caller import WrittenCall
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.text import LabelledEntry
from umi_edge.policy.families import BUILT_IN
from umi_edge.session.addressed_mail import LETTERS, SEARCH, AddressedMail, UnknownAddresseeError
from umi_edge.session.time_arguments import Timed
from umi_edge.tools import Catalogue
from umi_shared.errors import MalformedError

__all__ = ["Addressed", "Addressing"]


class Addressed(NamedTuple):
    """A call as it is written, for those whom the user's words tell."""

    written: WrittenCall
    timed: Timed


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """Of one session, as it is at one step."""

    catalogue: Catalogue
    labeller: Labeller = field(repr=False)
    entries: Sequence[LabelledEntry] = field(repr=False)
    """The transcript, as it grows."""

    async def addressed(
        self, written: WrittenCall, timed: Timed, look_up: Callable[[str], Awaitable[None]]
    ) -> Addressed | None:
        """The call for those who are told, once each is looked up; None where that does not tell one of each.

        Raises `MalformedError` where it would go to somebody else, and whoever plans has seen who was found.
        """
        if not self._may_mend(written.tool):
            return Addressed(written, timed)
        if written.tool == SEARCH:
            name = self._mail.look_up(timed.arguments.get("name"))
            return _with(written, timed, timed.arguments if name is None else {"name": name})
        missing = self._mail.missing(timed.arguments)
        for name in missing:
            await look_up(name)
        try:
            arguments = self._mail.mended(timed.arguments) or timed.arguments
        except UnknownAddresseeError:
            if missing:
                return None
            raise MalformedError("it goes to somebody whom the user does not address") from None
        return _with(written, timed, arguments)

    def _may_mend(self, tool: str) -> bool:
        return (
            tool in LETTERS | {SEARCH}
            and self._is_built_in(tool)
            and self._is_built_in(SEARCH)
            and not self.labeller.hides_shape(SEARCH)
        )

    def _is_built_in(self, tool: str) -> bool:
        return any(one.name == tool and one.source == BUILT_IN for one in self.catalogue)

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
