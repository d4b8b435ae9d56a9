"""Recorded sessions: what happened, in structure and labels, for `umi policy replay` and `explain`; never a value.

A recording is made of what the planner and the summarizer were shown, and of words of the program: tool names, rules,
verdicts. The recorder never looks at a tool's result nor at the vault's values (but for `sizes`), so two sessions that
differ only in what stays give recordings that are equal byte for byte. Of a call whose caller sees values, only that it
was made is recorded.

What a recording reveals to whoever reads it: which tools were called in which order, the member names and list lengths
that the cloud saw, the types and numbers of the handles and thus which values are equal, the exact size of what left in
clear (not the text), and the policy's rules by name and line. Of what stays, it tells no length. With `sizes` it tells
for each value with a handle the next power of four of its bytes; never for what is hidden, kept whole or unlinked.

The format, version 1, is frozen: one JSON object a line, read by `policy_tools.recorded`. `names` are those that the
policy's rules spell: a member that has another name is recorded as the handle that the cloud saw in its place.

    {"kind":"session","umi_recording":1,"policy":"laptop"}
    {"kind":"instruction","leaves":[{"path":[],"clear":{"planner":31},"handles":[{"handle":"<email:1>", ...}]}]}
    {"kind":"plan","next":"caller","tool":"contacts.search","handles":["<email:1>"]}
    {"kind":"call","tool":"contacts.search","source":"builtin","hints":["read_only"],"leaves":[...]}
    {"kind":"call","tool":"a.tool.whose.caller.sees.values","whole":true}
    {"kind":"verdict","tool":"contacts.search","verdict":"allowed"}
    {"kind":"result","tool":"contacts.search","names":["email","matches"],
     "leaves":[{"path":["matches",0,"email"],"clear":{},"handles":[{"handle":"<email:2>", ...}]}]}
    {"kind":"end","ending":"answered"}
"""

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from umi_edge.labelling.release import seen_by
from umi_edge.labelling.text import LabelledText, Span
from umi_edge.labelling.vault import Source, Vault
from umi_edge.policy import Policy
from umi_edge.policy.families import BUILT_IN
from umi_edge.session.events import (
    Asked,
    CallWritten,
    Ended,
    Event,
    Instructed,
    Observed,
    Planned,
    Refused,
    Replied,
)
from umi_edge.tools import Catalogue, Hints
from umi_edge.values.json_walk import walk
from umi_shared.errors import ConfigError
from umi_shared.handles import Handle, parts_of, render
from umi_shared.labels import PLANNER, SUMMARIZER

__all__ = ["FORMAT", "Observer", "SessionRecorder", "Watch", "recorded", "recording_file", "unwatched"]

FORMAT = 1
_SINKS = (PLANNER, SUMMARIZER)
_HIDDEN = "[hidden]"

Observer = Callable[[Vault], Callable[[Event], None]]
Watch = Callable[[str], AbstractContextManager[Observer]]
"""Gives the observer of the session of a name, for as long as it lasts."""


def unwatched(_: str) -> AbstractContextManager[Observer]:
    """Nobody observes the session."""
    return nullcontext(lambda _: lambda _: None)


def recorded(
    observe: Observer, target: Path | None, policy: Policy, catalogue: Catalogue, *, sizes: bool = False
) -> Observer:
    """The same observer, with a recorder before it; without a target, the observer itself."""
    if target is None:
        return observe

    def both(vault: Vault) -> Callable[[Event], None]:
        recorder = SessionRecorder(recording_file(target), policy, catalogue, vault, sizes=sizes)
        shown = observe(vault)

        def on(event: Event) -> None:
            recorder(event)
            shown(event)

        return on

    return both


def recording_file(target: Path) -> Path:
    """The file for a new session: the target where it is a `.jsonl` file, else a new one in that folder."""
    if target.suffix == ".jsonl" and not target.is_dir():
        return target
    return target / f"session-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}.jsonl"


@dataclass(slots=True)
class SessionRecorder:
    """Takes the events of one session and appends what may be kept of them to a file.

    Raises `ConfigError` where the file cannot be written: who asked for a recording gets one, or hears of it.
    """

    file: Path
    policy: Policy
    catalogue: Catalogue
    vault: Vault
    sizes: bool = False
    _asked: bool = field(default=False, init=False)
    _whole: bool = field(default=False, init=False)
    """Whether the step's caller sees values: then what it writes, and what comes of it, may tell of them."""

    def __post_init__(self) -> None:
        self._write(kind="session", umi_recording=FORMAT, policy=self.policy.name)

    def __call__(self, event: Event) -> None:
        """Take one event; those without structure of their own are not recorded."""
        match event:
            case Instructed(text) | Replied(text):
                spans = list(self._leaf((), _parts(text), _rules(text)))
                self._write(kind="instruction", leaves=spans)
            case Planned():
                self._plan(event)
            case CallWritten() | Asked() | Refused() | Observed() if self._whole:
                pass
            case CallWritten():
                self._call(event)
            case Asked():
                self._asked = True
            case Refused(tool, kind, reasons):
                self._verdict(tool, "denied" if kind == "denied" else kind, reasons)
            case Observed():
                self._verdict(event.tool, "asked" if self._asked else "allowed", ())
                self._result(event)
            case Ended(ending):
                self._write(kind="end", ending=type(ending).__name__.lower())

    def _plan(self, event: Planned) -> None:
        handles = sorted(_handles(seen_by(event.rationale, PLANNER)))
        self._write(kind="plan", next=str(event.next), tool=event.tool, handles=[str(one) for one in handles])
        self._asked = False
        self._whole = event.tool in self.catalogue and self.policy.tool(event.tool).caller == "values"
        if self._whole:
            self._write(kind="call", tool=event.tool, whole=True)

    def _call(self, event: CallWritten) -> None:
        tool = self.catalogue[event.tool]
        hints = [one.name for one in fields(Hints) if getattr(tool.hints, one.name)]
        leaves = list(self._leaves(event.arguments))
        stored = {one.argument.text: [str(place) for place in one.places] for one in tool.stored_as}
        said = {"stored_as": stored} if stored and tool.source != BUILT_IN else {}
        self._write(kind="call", tool=event.tool, source=tool.source, hints=hints, leaves=leaves, **said)

    def _verdict(self, tool: str, verdict: str, reasons: tuple[str, ...]) -> None:
        self._write(kind="verdict", tool=tool, verdict=verdict, reasons=list(reasons))

    def _result(self, event: Observed) -> None:
        self._write(
            kind="result",
            tool=event.tool,
            failure=event.failure,
            names=sorted(self.policy.table(event.tool, "results").names),
            leaves=list(self._leaves(event.observation)),
        )

    def _leaves(self, text: LabelledText) -> Iterator[Mapping[str, Any]]:
        """Every leaf as the sinks saw it: their views of one text have the same structure."""
        rules = _rules(text)
        views = {sink: _parsed(text, sink) for sink in _SINKS}
        if any(view is None for view in views.values()):
            return
        leaves = [
            {step.location: step for step in walk(view) if not step.punctuation} for view in views.values()
        ]
        for location in leaves[0]:
            parts = {
                sink: _parts_of_leaf(steps[location].value)
                for sink, steps in zip(_SINKS, leaves, strict=True)
                if location in steps
            }
            yield from self._leaf(location, parts, rules)

    def _leaf(
        self,
        location: tuple[str | int, ...],
        parts: Mapping[str, tuple[str | Handle, ...]],
        rules: Mapping[Handle, Span],
    ) -> Iterator[Mapping[str, Any]]:
        handles = sorted(set().union(*map(_handles, parts.values())))
        told = [rules[handle] for handle in handles if handle in rules and rules[handle].fact]
        clear = {
            sink: _clear_bytes(seen)
            for sink, seen in parts.items()
            if all(
                span.label.may_read(sink) for span in told
            )  # else the text beside the handle is its `show`
        }
        leaf: dict[str, Any] = {"path": list(location), "clear": {s: n for s, n in clear.items() if n}}
        if told:
            leaf["shown"] = True
        if all(seen == (_HIDDEN,) for seen in parts.values()):
            leaf |= {"clear": {}, "hidden": True}
        if handles:
            leaf["handles"] = [self._handle(handle, rules.get(handle)) for handle in handles]
        yield leaf

    def _handle(self, handle: Handle, span: Span | None) -> Mapping[str, Any]:
        """One handle, with what the program knows of it."""
        if handle not in self.vault:
            return {"handle": str(handle)}
        kept = self.vault[handle]
        found: dict[str, Any] = {
            "handle": str(handle),
            "locality": str(kept.label.locality),
            "integrity": str(kept.label.integrity),
        }
        if span is not None and span.rule != "handle":
            found["rule"] = span.rule
        if kept.origin.source is Source.ARGUMENTS:
            found["written"] = True
        if self.sizes and kept.linked and kept.label.visible:
            found["at_most"] = _size_class(kept.value)
        return found

    def _write(self, **record: Any) -> None:
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(line.encode())
        except OSError as error:
            raise ConfigError(
                f"the session cannot be recorded in {self.file}: {error.strerror or error}",
                fix="mend the folder, or take `record` out of the configuration",
            ) from error


def _parsed(text: LabelledText, sink: str) -> Any:
    """The JSON value that a sink saw; None where it saw none."""
    try:
        return json.loads(render(seen_by(text, sink)))
    except (ValueError, RecursionError):
        return None


def _parts(text: LabelledText) -> Mapping[str, tuple[str | Handle, ...]]:
    return {sink: seen_by(text, sink) for sink in _SINKS}


def _parts_of_leaf(value: Any) -> tuple[str | Handle, ...]:
    return parts_of(value) if isinstance(value, str) else (json.dumps(value),)


def _handles(parts: tuple[str | Handle, ...]) -> set[Handle]:
    return {part for part in parts if isinstance(part, Handle)}


def _clear_bytes(parts: tuple[str | Handle, ...]) -> int:
    return sum(len(part.encode()) for part in parts if isinstance(part, str))


def _rules(text: LabelledText) -> dict[Handle, Span]:
    """The span that each handle stands for."""
    return {part: span for span in text for part in span.masked if isinstance(part, Handle)}


def _size_class(value: Any) -> int:
    """A power of four that is no less than the value's bytes, and no less than 16."""
    size = len((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode())
    limit = 16
    while limit < size:
        limit *= 4
    return limit
