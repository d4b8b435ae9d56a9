"""Taken texts: arguments that a caller took from the user's own words, ended where the clause of theirs ends.

A small caller copies the beginning of what it is to write, and stops too early: "I'm bringing my amp" of "let josie
know i'm bringing my amp so no need to hire one". What is put behind are the user's words, as the cloud has read them,
with handles in them as they stand there. So it depends on nothing that stays, and nothing new leaves.

Covered: what a tool of umi's own has written down, by the names of its schema: a body, a text, a message; a subject or
a title where the tool says that it is read back. Not covered: values that the plan gives; a caller that sees values.

I3: docs/design.md#i3-noninterference
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from umi_edge.policy.families import BUILT_IN
from umi_edge.session.time_arguments import SpokenTimes, time_kinds
from umi_edge.session.time_wording import TimeKind
from umi_edge.tools import Tool
from umi_edge.values.clauses import Request, folded
from umi_edge.values.time_words import TimePhrases
from umi_shared.handles import Handle, parts_of, render
from umi_shared.transcript import Instruction, Plan, View

__all__ = ["TakenTexts", "TextKind", "text_kinds"]

_PROSE = frozenset({"body", "text", "message", "content", "note", "comment", "description", "new"})
_HEADINGS = frozenset({"title", "subject", "summary", "headline", "about"})
_LONGEST_HEADING = 12
"""Words of a heading that is made longer."""
_TURNS = 3
"""Requests that are looked through, the newest first: a correction leaves the words of the one before."""
_ENDS = ".!?… \n"
_FIGURES = re.compile(r"(?<!\w)(?:\d{4}-\d{2}-\d{2}|\d{1,2}[:.]\d{2}|\d{1,2}[./]\d{1,2}[./]?)(?!\w)")
_QUOTED = re.compile(r"[\"“„«]([^\"”“»]+)[\"”“»]")


class TextKind(StrEnum):
    """What a person writes."""

    PROSE = "prose"
    HEADING = "heading"


def text_kinds(tool: Tool) -> Mapping[str, TextKind]:
    """The arguments of a tool that are texts as people write them, by their names.

    A heading is one where it is read back: else it may name a thing that is there already. Of other people's tools
    nobody knows what they do with a text, so there are none.
    """
    if tool.source != BUILT_IN:
        return {}
    found: dict[str, TextKind] = {}
    for name, child in tool.input_schema.get("properties", {}).items():
        if not isinstance(child, Mapping) or child.get("type") != "string":
            continue
        if child.keys() & {"format", "pattern", "enum", "const"}:
            continue
        if name in _PROSE:
            found[name] = TextKind.PROSE
        elif name in _HEADINGS and any(one.covers((name,)) and one.places for one in tool.stored_as):
            found[name] = TextKind.HEADING
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenTexts:
    """The texts of one call, beside the requests that they may be taken from."""

    requests: Sequence[Request] = field(repr=False)
    """As the planner reads them, the newest first."""
    quoted: frozenset[str] = field(repr=False)
    """What the plan spells in quotation marks, folded."""
    words: TimePhrases = field(repr=False)

    @classmethod
    def of(cls, view: View, words: TimePhrases) -> "TakenTexts":
        """Those of the call that the last plan of a view is about."""
        said = [render(entry.text) for entry in view.entries if isinstance(entry, Instruction)]
        plans = [render(entry.rationale) for entry in view.entries if isinstance(entry, Plan)]
        return cls(
            requests=[Request(text) for text in reversed(said[-_TURNS:])],
            quoted=frozenset(folded(one).strip(_ENDS) for one in _QUOTED.findall(plans[-1] if plans else "")),
            words=words,
        )

    def mended(
        self,
        tool: Tool,
        arguments: Mapping[str, Any],
        given: Collection[str],
        admits: Callable[[str, Sequence[Handle]], bool],
    ) -> dict[str, Any]:
        """The arguments, with each text that the caller cut off as far as the user's clause goes.

        `given` are those that the plan gives, which stay. `admits` says whether an argument may hold handles, too.
        """
        kinds = {
            name: kind
            for name, kind in text_kinds(tool).items()
            if isinstance(arguments.get(name), str) and name not in given
        }
        timed = bool(time_kinds(tool.check.sound.schema).keys() & arguments.keys())
        whole = dict(arguments)
        bodies = {name for name, kind in kinds.items() if kind is TextKind.PROSE}
        for name, kind in sorted(kinds.items(), key=lambda one: one[1] is TextKind.HEADING):
            text = str(arguments[name])
            same = next((one for one in sorted(bodies) if _plain(str(arguments[one])) == _plain(text)), None)
            if kind is TextKind.HEADING and (bodies or _has_prose(tool, arguments)):
                longer = str(whole[same]).rstrip(_ENDS) if same and whole[same] != arguments[same] else text
            else:
                longer = self._longer(text, kind, timed=timed)
            added = [one for one in parts_of(longer) if isinstance(one, Handle) and str(one) not in text]
            most = tool.input_schema["properties"][name].get("maxLength")
            if (most is None or len(longer) <= most) and (not added or admits(name, added)):
                whole[name] = longer
        return whole

    def _longer(self, text: str, kind: TextKind, *, timed: bool) -> str:
        """A text as far as the clause goes that it begins; the text itself where nothing tells that it goes on."""
        if _plain(text) in self.quoted:
            return text
        for request in self.requests:
            run = request.run_of(text)
            if run is None:
                continue
            heading = kind is TextKind.HEADING
            if not (
                heading or run.words > 1 or request.is_introduced(run.start) or request.is_object(run.start)
            ):
                return text
            times = list(self._times(request)) if timed else []
            if any(start < run.end and run.start < end for start, end in times):
                return text
            ends = request.heading_end if heading else request.clause_end
            end = ends(run, [start for start, _ in times])
            longer = run.own + request.text[run.goes_on : max(end, run.end)].rstrip(" ,;:-–")
            if heading and len(longer.split()) > _LONGEST_HEADING:
                return text
            ending = text[len(text.rstrip(_ENDS)) :].strip()
            return longer + ending if _plain(longer) != _plain(text) else text
        return text

    def _times(self, request: Request) -> Iterator[tuple[int, int]]:
        """Where a request speaks of days, times and lengths."""
        spoken = SpokenTimes(self.words, [request.text], ())
        phrases = {
            phrase
            for kind in (TimeKind.DATE, TimeKind.TIME, TimeKind.MINUTES)
            for phrase in spoken.offered(kind)
        }
        found = [re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)") for phrase in phrases]
        yield from (match.span() for one in (*found, _FIGURES) for match in one.finditer(request.text))


def _plain(text: str) -> str:
    return folded(text).strip(_ENDS)


def _has_prose(tool: Tool, arguments: Mapping[str, Any]) -> bool:
    return any(kind is TextKind.PROSE and name in arguments for name, kind in text_kinds(tool).items())
