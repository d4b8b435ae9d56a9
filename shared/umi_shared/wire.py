"""The wire: domain values to protobuf messages and back. Nothing else in umi sees protobuf types.

Encoding takes `Released` values and nothing else (I1). Decoding treats the peer as hostile (I6): every count,
size and enum is checked before a value is made.

I1: docs/design.md#i1-release-only
I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from umi_proto.v1 import agent_pb2 as pb
from umi_shared.errors import MalformedError
from umi_shared.handles import Handle, Text
from umi_shared.released import Released
from umi_shared.transcript import (
    Answer,
    AnswerDelta,
    Call,
    Clock,
    Decision,
    DraftUse,
    Entry,
    Instruction,
    Next,
    Observation,
    Plan,
    PlanEvent,
    QuestionDelta,
    RationaleDelta,
    Relation,
    SummarizeEvent,
    ToolCard,
    Usage,
    View,
)

__all__ = [
    "Request",
    "WireLimits",
    "plan_event",
    "plan_event_message",
    "plan_events_message",
    "plan_request",
    "read_plan_events",
    "read_request",
    "read_summarize_events",
    "read_view",
    "strings_of",
    "summarize_event",
    "summarize_event_message",
    "summarize_events_message",
    "summarize_request",
]

_NEXT_TO_PB = {
    Next.CALLER: pb.NEXT_CALLER,
    Next.SUMMARIZER: pb.NEXT_SUMMARIZER,
    Next.GIVE_UP: pb.NEXT_GIVE_UP,
    Next.ASK_USER: pb.NEXT_ASK_USER,
}
_NEXT_FROM_PB = {number: word for word, number in _NEXT_TO_PB.items()}
_DRAFT_TO_PB = {
    DraftUse.NONE: pb.DRAFT_UNSPECIFIED,
    DraftUse.KEPT: pb.DRAFT_KEPT,
    DraftUse.CHANGED: pb.DRAFT_CHANGED,
}
_DRAFT_FROM_PB: dict[int, DraftUse] = {number: word for word, number in _DRAFT_TO_PB.items()}
_MAX_OVERHEAD = 6
"""The most bytes that a bytes field adds to its content: its tag, and a length of up to five bytes."""
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_TEXT_OF = {
    "clock": "text",
    "instruction": "text",
    "plan": "rationale",
    "call": "arguments",
    "observation": "content",
    "answer": "text",
}
"""The text of each kind of entry."""
_decoded = json.JSONDecoder().decode
_handle = lru_cache(maxsize=4096)(Handle)
"""Handles are `<person:1>` for everybody, and values: each is made once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """What one request may hold; a peer that exceeds a limit gets an error that names it."""

    message_bytes: int = 4 * 1024 * 1024
    """gRPC refuses larger messages before they are parsed."""
    tools: int = 512
    """Tools in the catalogue."""
    schema_bytes: int = 64 * 1024
    """Bytes in one tool's schema."""
    schema_depth: int = 32
    """Levels of nesting in one tool's schema."""
    entries: int = 512
    """Entries of the session so far."""
    segments: int = 50_000
    """Segments of text and handles, in all texts together."""
    relations: int = 512
    """Relations between handles that one result tells."""
    name_bytes: int = 128
    """Bytes in a tool's name, a failure's kind or a request's id."""
    delta_bytes: int = 64 * 1024
    """Bytes in one streamed piece of text, as a device reads it."""
    draft_bytes: int = 64 * 1024
    """Bytes in the draft of a call's arguments, as a device reads it."""
    events: int = 16
    """Events in one streamed message, as a device reads it."""
    padding_bytes: int = 1024 * 1024
    """Bytes of padding."""


# Encoding, on the device.


def plan_request(request_id: str, view: Released[View], *, bucket_bytes: int = 0) -> pb.PlanRequest:
    """The request for one plan, padded with zero bytes to a multiple of `bucket_bytes`."""
    request = pb.PlanRequest(request_id=request_id, view=_view_message(_released(view)), reads_several=True)
    request.padding = _padding(request.ByteSize(), bucket_bytes)
    return request


def summarize_request(request_id: str, view: Released[View], *, bucket_bytes: int = 0) -> pb.SummarizeRequest:
    """The request for the answer, padded like a plan's."""
    request = pb.SummarizeRequest(
        request_id=request_id, view=_view_message(_released(view)), reads_several=True
    )
    request.padding = _padding(request.ByteSize(), bucket_bytes)
    return request


def _released(view: Released[View]) -> View:
    """The payload of a real `Released`: an object that only looks like one could carry anything."""
    if type(view) is not Released:
        raise TypeError("the wire takes Released views only")
    return view.payload


def _padding(size: int, bucket_bytes: int) -> bytes:
    """Zero bytes that bring a message up to a multiple of the bucket, the field's own tag and length included."""
    if bucket_bytes <= 0:
        return b""
    short = -size % bucket_bytes
    if short == 0:
        return b""
    for room in range(
        short, 3 * bucket_bytes, bucket_bytes
    ):  # no length gives a size just past the point where the overhead grows
        for length in range(max(room - _MAX_OVERHEAD, 1), room):
            if length + 1 + (length.bit_length() + 6) // 7 == room:
                return bytes(length)
    return b""


def _text_message(text: Text) -> pb.Text:
    # As dicts, which protobuf takes in at once: to make each part's messages first takes more than twice as long.
    parts: list[Any] = [
        {"handle": {"type": part.type, "number": part.number}}
        if isinstance(part, Handle)
        else {"clear": part}
        for part in text
    ]
    return pb.Text(segments=parts)


def _handle_message(handle: Handle) -> pb.Handle:
    return pb.Handle(type=handle.type, number=handle.number)


def _view_message(view: View) -> pb.View:
    return pb.View(
        catalogue=[
            pb.ToolCard(
                name=card.name,
                description=_text_message(card.description),
                input_schema=json.dumps(card.input_schema, separators=(",", ":"), ensure_ascii=False),
            )
            for card in view.catalogue
        ],
        entries=[_entry_message(entry) for entry in view.entries],
        may_ask=view.may_ask,
    )


def _entry_message(entry: Entry) -> pb.Entry:
    match entry:
        case Clock(text):
            return pb.Entry(clock=pb.Clock(text=_text_message(text)))
        case Instruction(text):
            return pb.Entry(instruction=pb.Instruction(text=_text_message(text)))
        case Plan(rationale, next_, tool):
            return pb.Entry(
                plan=pb.Plan(rationale=_text_message(rationale), next=_NEXT_TO_PB[next_], tool=tool)
            )
        case Call(tool, arguments, draft):
            call = pb.Call(tool=tool, arguments=_text_message(arguments), draft=_DRAFT_TO_PB[draft])
            return pb.Entry(call=call)
        case Observation(tool, content, failure, relations):
            return pb.Entry(
                observation=pb.Observation(
                    tool=tool,
                    content=_text_message(content),
                    failure=failure,
                    relations=[
                        pb.Relation(whole=_handle_message(one.whole), part=_handle_message(one.part))
                        for one in relations
                    ],
                )
            )
        case Answer(text):
            return pb.Entry(answer=pb.Answer(text=_text_message(text)))


def strings_of(message: bytes) -> list[str]:
    """Every string in a serialized request, in order; nothing when the bytes are not a request.

    Both requests have the same fields; a test holds that, and that no string is left out.
    """
    try:
        request = pb.PlanRequest.FromString(message)
    except DecodeError:
        return []
    strings = [request.request_id]
    for card in request.view.catalogue:
        strings += [card.name, *_segment_strings(card.description), card.input_schema]
    for entry in request.view.entries:
        match entry.WhichOneof("entry"):
            case "clock":
                strings += _segment_strings(entry.clock.text)
            case "instruction":
                strings += _segment_strings(entry.instruction.text)
            case "plan":
                strings += [*_segment_strings(entry.plan.rationale), entry.plan.tool]
            case "call":
                strings += [entry.call.tool, *_segment_strings(entry.call.arguments)]
            case "observation":
                observation = entry.observation
                strings += [observation.tool, *_segment_strings(observation.content), observation.failure]
                strings += [one.type for each in observation.relations for one in (each.whole, each.part)]
            case "answer":
                strings += _segment_strings(entry.answer.text)
    return strings


def _segment_strings(text: pb.Text) -> list[str]:
    return [segment.clear or segment.handle.type for segment in text.segments]


# Decoding, in the cloud.


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it was read."""

    request_id: str
    view: View
    padding_bytes: int
    reads_several: bool
    """Whether the device reads messages of several events."""


def read_request(raw: bytes, limits: WireLimits) -> Request:
    """The request in these bytes, a plan's or an answer's: they have the same fields.

    Raises `MalformedError` when the bytes are not a request, exceed a limit or hold an impossible value.
    """
    request = _parsed(pb.PlanRequest, raw)
    return Request(
        request_id=request.request_id,
        view=read_view(request, limits),
        padding_bytes=len(request.padding),
        reads_several=request.reads_several,
    )


def read_plan_events(raw: bytes, limits: WireLimits) -> tuple[PlanEvent, ...]:
    """The planner's events in these bytes, one or several; raises `MalformedError`."""
    return tuple([plan_event(one, limits) for one in _each(_parsed(pb.PlanEvent, raw), limits)])


def read_summarize_events(raw: bytes, limits: WireLimits) -> tuple[SummarizeEvent, ...]:
    """The summarizer's events in these bytes, one or several; raises `MalformedError`."""
    return tuple([summarize_event(one, limits) for one in _each(_parsed(pb.SummarizeEvent, raw), limits)])


Events = TypeVar("Events", pb.PlanEvent, pb.SummarizeEvent)


def _each(message: Events, limits: WireLimits) -> Sequence[Events]:
    if message.WhichOneof("event") != "several":
        return (message,)
    events: Sequence[Events] = message.several.events
    if not events:  # or nothing could be said for ever
        raise MalformedError("a message of several events has none")
    _at_most("events in one message", len(events), limits.events)
    return events


M = TypeVar("M", bound=Message)


def _parsed(kind: type[M], raw: bytes) -> M:
    try:
        return kind.FromString(raw)
    except DecodeError:
        # Without its cause: protobuf's text may quote the bytes.
        raise MalformedError(
            f"these bytes are not a {kind.DESCRIPTOR.name}",
            fix="use the same version of umi on the laptop and on the planner",
        ) from None


def read_view(request: pb.PlanRequest | pb.SummarizeRequest, limits: WireLimits) -> View:
    """The view of a request.

    Raises `MalformedError` when it exceeds a limit or holds an impossible value.
    """
    view = request.view
    _at_most("tools", len(view.catalogue), limits.tools)
    _at_most("entries", len(view.entries), limits.entries)
    _at_most("padding bytes", len(request.padding), limits.padding_bytes)
    _at_most("request id bytes", len(request.request_id), limits.name_bytes)
    if not view.entries:
        raise MalformedError("the request has no entries; it starts with the instruction")
    cards, entries = list(view.catalogue), [_said(entry) for entry in view.entries]
    if not all(card.name for card in cards):
        raise MalformedError("a tool in the catalogue has no name")
    segments = sum([len(text.segments) for _, _, text in entries])
    segments += sum([len(card.description.segments) for card in cards])
    _at_most("segments", segments, limits.segments)
    return View(
        catalogue=tuple([_read_card(card, limits) for card in cards]),
        entries=tuple([_read_entry(*said, limits) for said in entries]),
        may_ask=view.may_ask,
    )


def _at_most(what: str, number: int, limit: int) -> None:
    if number > limit:
        raise MalformedError(f"{number} {what}, and the limit is {limit}")


def _said(entry: pb.Entry) -> tuple[str, Any, pb.Text]:
    """Which entry it is, its own message, and the text in that."""
    kind = entry.WhichOneof("entry")
    if kind is None:
        raise MalformedError("an entry of the view is empty")
    message: Any = getattr(entry, kind)
    return kind, message, getattr(message, _TEXT_OF[kind])


def _read_text(text: pb.Text) -> Text:
    # Most are clear, and to ask which a segment is costs as much as to read it.
    return tuple([segment.clear or _read_segment(segment) for segment in text.segments])


def _read_segment(segment: pb.Segment) -> str | Handle:
    if (handle := segment.handle).number:
        return _read_handle(handle)
    if segment.WhichOneof("part") == "clear":
        return segment.clear
    raise MalformedError("a segment is neither clear text nor a handle")


def _read_handle(handle: pb.Handle) -> Handle:
    try:
        return _handle(handle.type, handle.number)
    except ValueError as error:
        raise MalformedError("a handle has an invalid type or number") from error


def _read_card(card: pb.ToolCard, limits: WireLimits) -> ToolCard:
    name, schema_text = card.name, card.input_schema
    _at_most("bytes in a tool's name", len(name.encode()), limits.name_bytes)
    _at_most("bytes in a tool's schema", len(schema_text.encode()), limits.schema_bytes)
    brackets = schema_text.count("{") + schema_text.count("[")
    if brackets > limits.schema_depth and _depth(schema_text) > limits.schema_depth:
        raise MalformedError(f"a tool's schema is nested deeper than {limits.schema_depth} levels")
    try:
        schema: Any = _decoded(schema_text or "{}")
    except ValueError as error:
        raise MalformedError("a tool's schema is not JSON") from error
    if not isinstance(schema, dict):
        raise MalformedError("a tool's schema is not a JSON object")
    return ToolCard(name=name, description=_read_text(card.description), input_schema=schema)


def _depth(text: str) -> int:
    """The nesting of JSON text, found without parsing it; brackets in strings do not count."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _read_entry(kind: str, message: Any, said: pb.Text, limits: WireLimits) -> Entry:
    text = _read_text(said)
    match kind:
        case "clock":
            return Clock(text)
        case "instruction":
            return Instruction(text)
        case "plan":
            _at_most("bytes in a tool's name", len(message.tool.encode()), limits.name_bytes)
            return Plan(text, _read_next(message.next), message.tool)
        case "call":
            _at_most("bytes in a tool's name", len(message.tool.encode()), limits.name_bytes)
            # What a later version says of a draft is nothing that this one could tell a model.
            return Call(message.tool, text, _DRAFT_FROM_PB.get(message.draft, DraftUse.NONE))
        case "observation":
            _at_most("bytes in a failure", len(message.failure.encode()), limits.name_bytes)
            _at_most("relations", len(message.relations), limits.relations)
            relations = [
                Relation(_read_handle(one.whole), _read_handle(one.part)) for one in message.relations
            ]
            return Observation(message.tool, text, message.failure, tuple(relations))
        case _:
            return Answer(text)


def _read_next(number: int) -> Next:
    try:
        return _NEXT_FROM_PB[number]  # type: ignore[index]  # any number may come over the wire
    except KeyError as error:
        raise MalformedError("a plan says neither caller, summarizer, give up nor ask user") from error


# Events, both ways.


def plan_event_message(event: PlanEvent) -> pb.PlanEvent:
    """What the server streams for an event."""
    match event:
        case RationaleDelta(text):
            return pb.PlanEvent(rationale_delta=text)
        case QuestionDelta(text):
            return pb.PlanEvent(question_delta=text)
        case Decision(next_, tool, draft):
            return pb.PlanEvent(decision=pb.Decision(next=_NEXT_TO_PB[next_], tool=tool, draft=draft))
        case Usage():
            return pb.PlanEvent(usage=_usage_message(event))


def summarize_event_message(event: SummarizeEvent) -> pb.SummarizeEvent:
    """What the server streams for an event."""
    match event:
        case AnswerDelta(text):
            return pb.SummarizeEvent(answer_delta=text)
        case Usage():
            return pb.SummarizeEvent(usage=_usage_message(event))


def plan_events_message(events: Sequence[PlanEvent]) -> pb.PlanEvent:
    """What the server streams for events of one moment; for a device that reads several in a message."""
    if len(events) == 1:
        return plan_event_message(events[0])
    return pb.PlanEvent(several=pb.PlanEvents(events=map(plan_event_message, events)))


def summarize_events_message(events: Sequence[SummarizeEvent]) -> pb.SummarizeEvent:
    """What the server streams for events of one moment; for a device that reads several in a message."""
    if len(events) == 1:
        return summarize_event_message(events[0])
    return pb.SummarizeEvent(several=pb.SummarizeEvents(events=map(summarize_event_message, events)))


def plan_event(message: pb.PlanEvent, limits: WireLimits) -> PlanEvent:
    """One event as the device reads it; raises `MalformedError`, for several in one, too."""
    match message.WhichOneof("event"):
        case "rationale_delta":
            _at_most("bytes in one delta", len(message.rationale_delta.encode()), limits.delta_bytes)
            return RationaleDelta(message.rationale_delta)
        case "question_delta":
            _at_most("bytes in one delta", len(message.question_delta.encode()), limits.delta_bytes)
            return QuestionDelta(message.question_delta)
        case "decision":
            _at_most("bytes in a tool's name", len(message.decision.tool.encode()), limits.name_bytes)
            _at_most("bytes in a draft", len(message.decision.draft.encode()), limits.draft_bytes)
            return Decision(_read_next(message.decision.next), message.decision.tool, message.decision.draft)
        case "usage":
            return _read_usage(message.usage)
    raise MalformedError("the planner sent an empty event, or several within several")


def summarize_event(message: pb.SummarizeEvent, limits: WireLimits) -> SummarizeEvent:
    """One event as the device reads it; raises `MalformedError`, for several in one, too."""
    match message.WhichOneof("event"):
        case "answer_delta":
            _at_most("bytes in one delta", len(message.answer_delta.encode()), limits.delta_bytes)
            return AnswerDelta(message.answer_delta)
        case "usage":
            return _read_usage(message.usage)
    raise MalformedError("the summarizer sent an empty event, or several within several")


def _usage_message(usage: Usage) -> pb.Usage:
    """Without the cached tokens, which tell what the cache held before: they stay in the server's log."""
    return pb.Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
    )


def _read_usage(usage: pb.Usage) -> Usage:
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
    )
