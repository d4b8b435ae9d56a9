"""A draft: what a plan would have its tool given, and what of it the device keeps.

A planner gives a draft whole, or spells values in its rationale (`query "dentist"`). What is kept of one is what the
caller could have written itself, and nothing is decided by what a handle stands for: so which gaps are left shows
nothing of what stays. A day or a time is kept where the user's words or a result name it (ADR 16).

I3: docs/design.md#i3-noninterference
I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from umi_edge.session.time_arguments import SpokenTimes
from umi_edge.session.time_wording import TimeKind
from umi_edge.session.written_arguments import read_arguments
from umi_edge.tools.schemas.argument_check import ArgumentCheck
from umi_edge.tools.schemas.sound_schema import SoundSchema
from umi_edge.values.json_walk import scalars
from umi_shared.errors import MalformedError
from umi_shared.handles import Handle, parts_of

__all__ = ["CheckedDraft", "Draft"]

_OBJECT = re.compile(r"\{\s*\"")
_LONGEST = 4_000
"""Characters of a rationale that are searched for values: a planner may write what takes long to search."""
_ENDS = r"(?=[\s,.;:)\]}]|$)"
"""What follows a quotation's end, so that a quotation mark inside does not end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Arguments as a planner would have them, as it wrote them: nothing of it is checked."""

    arguments: Mapping[str, Any] = field(repr=False)
    whole: bool
    """Whether the planner gave all that it has to give. A rationale may say the rest in other words."""
    carried: bool = False
    """Whether the plan carried it as a draft, apart from its rationale."""
    mentioned: frozenset[str] = field(default=frozenset(), repr=False)
    """Arguments that a rationale speaks of without spelling them."""

    @classmethod
    def of(
        cls, written: str, rationale: str, tool: str, schema: Mapping[str, Any], tools: Collection[str]
    ) -> Self | None:
        """What a plan of a tool gives; None where it gives nothing that can be read.

        `tools` are the names of all tools: what is said of another one is no value of this one's.
        """
        names = tuple(schema.get("properties", {}))
        if written:
            found = _object(written)
            return None if found is None else cls(arguments=found, whole=True, carried=True)
        said = _said_of(rationale, tool, tools)[:_LONGEST]
        for start in _OBJECT.finditer(said):
            found = _object(_first_object(said[start.start() :]))
            if found and set(found) <= set(names):
                return cls(arguments=found, whole=True)
        spelled = dict(_spelled(said, names))
        if not spelled:
            return None
        mentioned = frozenset(name for name in names if name not in spelled and _mentions(said, name))
        return cls(arguments=spelled, whole=False, mentioned=mentioned)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedDraft:
    """What of a draft is kept, and which arguments are left for the caller."""

    kept: Mapping[str, Any] = field(repr=False)
    gaps: frozenset[str] = field(repr=False)

    @classmethod
    def of(
        cls,
        draft: Draft,
        admitted: Mapping[str, Any],
        kinds: Mapping[str, TimeKind],
        times: SpokenTimes,
        handles: Collection[Handle],
    ) -> Self:
        """Hold a draft against the schema of what a caller may write, `admitted`; `handles` are those it may use."""
        properties = admitted.get("properties", {})
        parts = {"type": "object", "properties": properties, "$defs": admitted.get("$defs", {})}
        check = ArgumentCheck(SoundSchema.of(parts))
        days = (TimeKind.DATE, TimeKind.DAYS)
        beside = " ".join(str(draft.arguments.get(n, "")) for n, k in kinds.items() if k in days)
        kept: dict[str, Any] = {}
        for name in properties:
            if name not in draft.arguments:
                continue
            value = draft.arguments[name]
            figures = isinstance(value, str) and not any(isinstance(p, Handle) for p in parts_of(value))
            if name in kinds and figures:
                # What nobody named stays where there is no word to put in its place: it is asked about then.
                if times.names(kinds[name], value, beside) or (
                    draft.whole and not times.offered(kinds[name])
                ):
                    kept[name] = value
            elif _known(value, handles) and not check.problems({name: value}):
                kept[name] = value
        wanted = {*draft.arguments, *draft.mentioned, *admitted.get("required", ())}
        return cls(kept=kept, gaps=frozenset(wanted & set(properties) - set(kept)))

    def of_gaps(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The schema of a call that has the gaps only."""
        return {
            **schema,
            "properties": {name: one for name, one in schema["properties"].items() if name in self.gaps},
            "required": [name for name in schema.get("required", ()) if name in self.gaps],
        }

    def filled(self, written: Mapping[str, Any], order: Collection[str]) -> dict[str, Any]:
        """All arguments, in the order of the tool's own."""
        both = {**self.kept, **{name: value for name, value in written.items() if name in self.gaps}}
        return {name: both[name] for name in order if name in both}


def _known(value: Any, handles: Collection[Handle]) -> bool:
    """Whether every handle in a value is one of these."""
    texts = [one for one in scalars(value) if isinstance(one, str)]
    return all(part in handles for text in texts for part in parts_of(text) if isinstance(part, Handle))


def _object(text: str) -> dict[str, Any] | None:
    try:
        return read_arguments(text)
    except MalformedError:
        return None


def _first_object(text: str) -> str:
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return ""
    return text[:end]


def _said_of(rationale: str, tool: str, tools: Collection[str]) -> str:
    """What a rationale says after it has named the tool for the last time, up to the next tool's name."""
    _, named, after = rationale.rpartition(tool)
    if not named:
        return ""
    others = "|".join(re.escape(one) for one in sorted(tools, key=len, reverse=True) if one != tool)
    return re.split(rf"(?<![\w.])(?:{others})(?![\w])", after, maxsplit=1)[0] if others else after


def _mentions(said: str, name: str) -> bool:
    """Whether an argument is spoken of, and not as one that is not to be given.

    >>> _mentions("for 30 minutes, with no location", "duration_minutes"), _mentions("and no sender.", "sender")
    (True, False)
    """
    words = "|".join(map(re.escape, name.split("_")))
    return re.search(rf"(?<!\bno )(?<!\bwithout )(?<!\w)(?:{words})(?!\w)", said, re.IGNORECASE) is not None


def _spelled(said: str, names: Collection[str]) -> Iterator[tuple[str, Any]]:
    r"""The values that stand in quotation marks after an argument's name, or as a list of such.

    >>> dict(_spelled('with to "<email:1>" and a short body: "Hi, I am late."', ("to", "body")))
    {'to': '<email:1>', 'body': 'Hi, I am late.'}
    >>> dict(_spelled('with exactly "to": ["<email:1>", "<email:2>"]', ("to",)))
    {'to': ['<email:1>', '<email:2>']}
    """
    for name in names:
        before = rf"(?<![\w\"])\"?{re.escape(name)}\"?(?: set to| =|:|=)? *"
        several = re.search(before + r"(\[\s*\"[^\]]*\])", said)
        if several:
            try:
                yield name, json.loads(several[1])
                continue
            except (ValueError, RecursionError):
                pass
        one = re.search(before + rf"(?:\"(.+?)\"|“(.+?)”){_ENDS}", said, re.DOTALL)
        if (
            one and said[one.end() :].count('"') % 2 == 0
        ):  # else it quotes something itself: where does it end?
            yield name, one[1] or one[2]
