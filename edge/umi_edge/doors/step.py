"""Steps: what an event of a session comes to for whoever watches it, and what each reader saw of it.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from umi_edge.labelling.text import LabelledText, Span
from umi_edge.labelling.vault import Vault
from umi_edge.session.events import (
    Answered,
    AnswerStarted,
    AnswerStreamed,
    Asked,
    AskedUser,
    CallWritten,
    ClockTold,
    Ended,
    Ending,
    Event,
    GaveUp,
    Instructed,
    Observed,
    Planned,
    PlanStarted,
    Progressed,
    Questioned,
    QuestionStreamed,
    RationaleStreamed,
    Refused,
    Replied,
    Retrying,
    Sent,
    Stopped,
)
from umi_edge.tools import Failed
from umi_shared.handles import Handle, parts_of, render
from umi_shared.labels import PLANNER, SUMMARIZER, ClientSink, Sink, tool_sink

__all__ = ["YOU", "Happened", "Piece", "Seen", "Step", "happened", "plainly", "seen_by", "shown_to_user"]

YOU = "you"
"""The user: who asked, and reads the answer with its values."""
_MOST_OF_ONE = 20_000
"""Characters that are kept of what one reader saw in one step."""
_CUT = "… (cut)"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of what a reader saw."""

    shown: str = field(repr=False)
    """Exactly as they saw it."""
    value: str = field(repr=False)
    """With the value in place; the same where nothing stayed."""
    stayed: bool = False
    """Whether the value stayed from this reader."""
    rule: str = field(default="", repr=False)
    """The rule that kept it; of a model's words none."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one reader saw in a step."""

    reader: str
    """`planner`, `summarizer`, `tool:<name>`, `client:<name>`, or `you`."""
    pieces: tuple[Piece, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What an event comes to."""

    kind: str
    """`begun` (its words are the title), `clock`, `instruction`, `reply`, `step`, `sent`, `retry`, `rationale`, `plan`,
    `question`, `call`, `asked`, `server-question`, `progress`, `refused`, `result`, `failure`, `shown` (a program has
    it shown to the user), `answering`, `answer`, `ended`. A `rationale`, a `question` and an `answer` come in pieces;
    after a `retry` they begin anew."""
    by: str = "umi"
    """Who said or did it: `you`, `planner`, `caller`, `tool:<name>`, `client:<name>`, `summarizer`, or `umi`."""
    tool: str = ""
    words: str = field(default="", repr=False)
    """What is said of it besides, for the user's eyes."""
    seen: tuple[Seen, ...] = field(default=(), repr=False)
    sink: str = ""
    """Where a message went (`sent`)."""
    size_bytes: int = 0
    sha256: str = field(default="", repr=False)
    """Of the message, as in the ledger."""

    @property
    def characters(self) -> int:
        """How much there is of it."""
        pieces = [piece for one in self.seen for piece in one.pieces]
        return len(self.words) + sum(len(piece.shown) + len(piece.value) for piece in pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happened in a conversation."""

    number: int
    """Counts over all conversations, and only grows."""
    conversation: str
    door: str
    at: float
    """In seconds since 1970."""
    what: Happened


def seen_by(text: LabelledText, sink: Sink) -> Seen:
    """What one reader of the cloud sees of labelled text."""
    return Seen(
        str(sink),
        _bounded(_piece(span, sink) for span in text),
    )


def _piece(span: Span, sink: Sink) -> Piece:
    stayed = not span.label.may_read(sink)
    return Piece(render(span.seen_by(sink)), span.clear, stayed, span.rule if stayed else "")


def _by_cloud(text: LabelledText) -> tuple[Seen, ...]:
    return (seen_by(text, PLANNER), seen_by(text, SUMMARIZER))


def shown_to_user(handles: Iterable[Handle], vault: Vault, client: ClientSink) -> Happened:
    """What a program asks to be shown to the user."""
    pieces = [_in_place(handle, vault) for handle in handles]
    lines = [piece for each in pieces for piece in (Piece("\n", "\n"), each)][1:]
    return Happened(kind="shown", by=str(client), seen=(Seen(YOU, _bounded(lines)),))


def _in_place(handle: Handle, vault: Vault) -> Piece:
    value = vault[handle].value
    return Piece(
        str(handle), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), stayed=True
    )


def _written(text: str, vault: Vault, reader: str) -> Seen:
    """What a model wrote, with handles that may stand for something."""
    pieces = []
    for part in parts_of(text):
        known = isinstance(part, Handle) and part in vault
        value = str(vault[part].value) if known and isinstance(part, Handle) else str(part)
        pieces.append(Piece(str(part), value, stayed=known))
    return Seen(reader, _bounded(pieces))


def plainly(text: str, reader: str) -> Seen:
    """What a reader sees that sees all of a text."""
    return Seen(reader, _bounded([Piece(text, text)]))


def _bounded(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """As much of it as is kept; neighbours that everybody sees alike are one."""
    kept: list[Piece] = []
    left = _MOST_OF_ONE
    for piece in pieces:
        if left <= 0:
            kept.append(Piece(_CUT, _CUT))
            break
        one = replace(piece, shown=piece.shown[:left], value=piece.value[:left])
        left -= max(len(one.shown), len(one.value))
        if kept and not one.stayed and not kept[-1].stayed:
            last = kept.pop()
            one = Piece(last.shown + one.shown, last.value + one.value)
        if one.shown or one.value:
            kept.append(one)
    return tuple(kept)


def _read(text: LabelledText, client: ClientSink | None) -> tuple[Seen, ...]:
    return _by_cloud(text) if client is None else (seen_by(text, client),)


def _given(arguments: Mapping[str, Any], tool: str) -> Seen:
    return plainly(json.dumps(dict(arguments), ensure_ascii=False, default=dict), tool_sink(tool))


def happened(event: Event, vault: Vault, client: ClientSink | None = None) -> Happened:  # one case an event
    """What an event of a session with this vault comes to; of one whose calls a program makes, `client` reads it."""
    match event:
        case ClockTold(text):
            return Happened(kind="clock", seen=_by_cloud(text))
        case Instructed(text):
            return Happened(kind="instruction", by=YOU, seen=_by_cloud(text))
        case Replied(text):
            return Happened(kind="reply", by=YOU, seen=_by_cloud(text))
        case PlanStarted(step):
            return Happened(kind="step", words=str(step))
        case Sent(sink, size_bytes, sha256):
            return Happened(kind="sent", sink=sink, size_bytes=size_bytes, sha256=sha256)
        case Retrying(attempt):
            return Happened(kind="retry", words=str(attempt))
        case RationaleStreamed(text):
            return Happened(kind="rationale", by=PLANNER, seen=(_written(text, vault, PLANNER),))
        case QuestionStreamed(text):
            return Happened(kind="question", by=PLANNER, seen=(plainly(text, YOU),))
        case Planned(next=next_, tool=tool, rationale=text):
            return Happened(kind="plan", by=PLANNER, tool=tool, words=next_, seen=_by_cloud(text))
        case CallWritten(tool=tool, arguments=text):
            return Happened(
                kind="call",
                by="caller" if client is None else str(client),
                tool=tool,
                seen=_read(text, client),
            )
        case Asked(tool, approved):
            return Happened(kind="asked", by=YOU, tool=tool, words="approved" if approved else "declined")
        case Questioned(tool=tool, reply=reply):
            return Happened(kind="server-question", by=tool_sink(tool), tool=tool, words=reply)
        case Progressed(tool=tool, done=done, total=total, message=message):
            far = f"{done:g} of {total:g}" if total is not None else f"{done:g}"
            words = f"{far} {message[:_MOST_OF_ONE]}".strip()
            return Happened(kind="progress", by=tool_sink(tool), tool=tool, words=words)
        case Refused(tool, kind, reasons):
            return Happened(kind="refused", tool=tool, words="; ".join((kind, *reasons)))
        case Observed(tool=tool, outcome=outcome, observation=text):
            seen = (_given(event.given, tool), *_read(text, client))
            words = _failure(outcome) if isinstance(outcome, Failed) else ""
            kind = "failure" if words else "result"
            return Happened(kind=kind, by=tool_sink(tool), tool=tool, words=words, seen=seen)
        case AnswerStarted():
            return Happened(kind="answering")
        case AnswerStreamed(text):
            return Happened(kind="answer", by=SUMMARIZER, seen=(plainly(text, YOU),))
        case Ended(ending):
            return Happened(kind="ended", words=_ending(ending))
    assert_never(event)


def _failure(failed: Failed) -> str:
    return f"{failed.kind}: {failed.detail[:_MOST_OF_ONE]}".removesuffix(": ")


def _ending(ending: Ending) -> str:
    match ending:
        case Answered():
            return "answered"
        case AskedUser():
            return "asked"
        case GaveUp(reason):
            return f"gave up: {reason}"
        case Stopped(reason):
            return f"stopped: {reason}"
    assert_never(ending)
