"""The call writer: has the caller write a call, or what a draft leaves of it, and works out its days and times.

I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from umi_edge.caller import WrittenCall
from umi_edge.labelling.text import LabelledEntry
from umi_edge.policy.document import ClockWord
from umi_edge.policy.families import BUILT_IN
from umi_edge.session.draft import CheckedDraft
from umi_edge.session.item_look_up import look_up_of
from umi_edge.session.ports import CallerPort
from umi_edge.session.shifted_event import MOVES, shifted, without_moment
from umi_edge.session.stray_text import held_to_words, stray_text
from umi_edge.session.taken_texts import TakenTexts
from umi_edge.session.time_arguments import SpokenTimes, Timed
from umi_edge.session.time_wording import UnclearTimeError
from umi_edge.session.totals import Totals
from umi_edge.session.unclear_choice import begins_at
from umi_edge.session.writing_rules import WritingRules
from umi_edge.session.written_arguments import read_arguments
from umi_edge.tools import Tool
from umi_shared.errors import MalformedError
from umi_shared.transcript import Usage, View

__all__ = ["CallWriter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWriter:
    """Of one session, for one view; without `times` the caller sees values."""

    caller: CallerPort = field(repr=False)
    rules: WritingRules
    entries: Sequence[LabelledEntry] = field(repr=False)
    """The transcript."""
    totals: Totals
    times: SpokenTimes | None = field(repr=False)

    async def write(
        self, view: View, schemas: Mapping[str, Mapping[str, Any]], draft: CheckedDraft | None = None
    ) -> tuple[WrittenCall, Timed]:
        """Have the caller write a call, or what a draft leaves of it. Raises `MalformedError`, `UnclearTimeError`."""
        if draft is not None:
            [(planned, schema)] = schemas.items()
            gaps = {planned: draft.of_gaps(schema)}
            written = (
                await self.caller.call(view, gaps)
                if draft.gaps
                else WrittenCall(tool=planned, arguments="{}", usage=Usage())
            )
        else:
            written = await self.caller.call(view, schemas)
        self.totals.caller += written.usage
        if written.tool not in schemas:
            raise MalformedError("the caller names another tool than the planned one")
        arguments = read_arguments(written.arguments, handles=self.times is not None)
        if draft is not None:
            arguments = draft.filled(arguments, schemas[written.tool]["properties"])
            written = replace(written, arguments=json.dumps(arguments, ensure_ascii=False))
        if self.times is None:
            return written, Timed(arguments=arguments)
        tool, given = self.rules.catalogue[written.tool], draft.kept if draft is not None else {}
        stray = stray_text(tool, arguments, given, view)
        held = held_to_words(schemas[tool.name], stray, view) if stray else None
        if (
            held is not None and held != schemas[tool.name]
        ):  # once: who writes the same again is not asked a third time
            rest = {name: value for name, value in arguments.items() if name != stray}
            return await self.write(view, {tool.name: held}, CheckedDraft(kept=rest, gaps=frozenset({stray})))
        taken = TakenTexts.of(view, self.times.words)
        arguments = taken.mended(tool, arguments, given, partial(self.rules.admits, tool))
        return written, self._timed(tool, arguments, self.times)

    async def write_again(
        self, view: View, schemas: Mapping[str, Mapping[str, Any]], *, hidden: bool
    ) -> tuple[WrittenCall, Timed]:
        """The same after a refusal. Where that stays (`hidden`), no question to the user may come of it."""
        try:
            return await self.write(view, schemas)
        except UnclearTimeError as error:
            if not hidden:
                raise
            raise MalformedError("the call says a day or a time that nobody named") from error

    def _timed(self, tool: Tool, arguments: dict[str, Any], times: SpokenTimes) -> Timed:
        """The arguments with the user's words for days and times in figures. Raises `UnclearTimeError`.

        A caller that sees values has its words left as they are: what they mean may tell of what stays.
        """
        begins = None if tool.hints.read_only else begins_at(arguments, self.entries)
        own = tool.source == BUILT_IN
        shift = times.shift if own and tool.name == MOVES and begins is not None else None
        if shift is not None:
            arguments = without_moment(arguments)
        schema, read_only = tool.check.sound.schema, tool.hints.read_only
        tells_today = self.rules.labeller.policy.clock is not ClockWord.HIDDEN
        timed = times.timed(
            arguments,
            schema,
            read_only=read_only,
            now_at=None if begins is None else begins.time(),
            tells_today=tells_today,
            keeps=own and look_up_of(tool.name) is not None,
        )
        if shift is None or begins is None:
            return timed
        return replace(timed, arguments=shifted(timed.arguments, begins, shift))
