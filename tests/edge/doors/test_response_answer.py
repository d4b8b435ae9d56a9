"""Answers in the form of OpenAI's responses, as the `openai` package's own models read them."""

import json
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from umi_edge.doors.response_answer import ResponseAnswer
from umi_edge.doors.run import Called, Ended, Piece, Returned, Said, Thought

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
PIECES: list[Piece] = [
    Thought("To look, "),
    Thought("use box.open.\n"),
    Called("box.open", '{"lid": "<text:1>"}'),
    Thought("Waiting for your yes.\n"),
    Returned(told='{"said": "<text:2>"}', done=True),
    Called("box.shut", "{}"),
    Returned(told="not done: the user said no", done=False, made=False),
    Thought("That is all."),
    Said("It says "),
    Said("hello."),
    Thought("too late"),
    Ended(USAGE),
]


def streamed(answer: ResponseAnswer, pieces: list[Piece]) -> list[Any]:
    """The events as the package reads them; each line says what its body says."""
    raw = [*answer.opening(), *(event for piece in pieces for event in answer.of(piece)), *answer.ending()]
    found = []
    for event in raw:
        kind, data = event.decode().removesuffix("\n\n").split("\n")
        body = json.loads(data.removeprefix("data: "))
        assert kind == f"event: {body['type']}"
        found.append(EVENT.validate_python(body, strict=True))
        assert not _unknown(found[-1])
    return found


def _unknown(value: Any) -> list[str]:
    """The members, at any depth, that the package's models do not name."""
    if isinstance(value, list):
        return [name for one in value for name in _unknown(one)]
    if not isinstance(value, BaseModel):
        return []
    inside = [name for one in value.__dict__.values() for name in _unknown(one)]
    return [*(value.model_extra or {}), *inside]


def test_the_items_of_an_answer_come_in_order():
    whole = Response.model_validate(ResponseAnswer("Be brief.").whole(PIECES), strict=True)
    assert [item.type for item in whole.output] == [
        "reasoning",
        "function_call",
        "reasoning",
        "function_call_output",
        "function_call",
        "function_call_output",
        "reasoning",
        "message",
    ]
    assert (whole.output_text, whole.status, whole.instructions) == (
        "It says hello.",
        "completed",
        "Be brief.",
    )
    assert whole.usage is not None
    assert (whole.usage.input_tokens, whole.usage.output_tokens, whole.usage.total_tokens) == (5, 2, 7)
    assert not _unknown(whole)


def test_a_call_has_its_output_as_parts_with_a_status():
    output = ResponseAnswer().whole(PIECES)["output"]
    call, returned = output[1], output[3]
    assert (call["name"], call["arguments"], call["status"]) == (
        "box.open",
        '{"lid": "<text:1>"}',
        "completed",
    )
    assert returned["output"] == [{"type": "input_text", "text": '{"said": "<text:2>"}'}]
    assert (returned["call_id"], returned["status"]) == (call["call_id"], "completed")
    assert output[5]["status"] == "incomplete"
    assert output[5]["call_id"] == output[4]["call_id"] != call["call_id"]


def test_a_stream_tells_the_same_in_events_that_are_counted():
    events = streamed(ResponseAnswer(), PIECES)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert all(event.response.output == [] for event in events[:2])
    last = events[-1]
    assert last.type == "response.completed"
    added = [event for event in events if event.type == "response.output_item.added"]
    done = [event for event in events if event.type == "response.output_item.done"]
    assert [event.item for event in done] == last.response.output
    assert [event.item.id for event in added] == [item.id for item in last.response.output]
    assert [event.output_index for event in added] == list(range(len(added)))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == "It says hello."


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        (
            "reasoning",
            [
                "output_item.added",
                "reasoning_summary_part.added",
                "reasoning_summary_text.delta",
                "reasoning_summary_text.delta",
                "reasoning_summary_text.done",
                "reasoning_summary_part.done",
                "output_item.done",
            ],
        ),
        (
            "function_call",
            [
                "output_item.added",
                "function_call_arguments.delta",
                "function_call_arguments.done",
                "output_item.done",
            ],
        ),
        ("function_call_output", ["output_item.added", "output_item.done"]),
        (
            "message",
            [
                "output_item.added",
                "content_part.added",
                "output_text.delta",
                "output_text.delta",
                "output_text.done",
                "content_part.done",
                "output_item.done",
            ],
        ),
    ],
)
def test_an_item_begins_grows_and_ends(kind, events):
    found = streamed(ResponseAnswer(), PIECES)
    index = next(e.output_index for e in found if e.type.endswith("item.added") and e.item.type == kind)
    of_item = [e.type for e in found if getattr(e, "output_index", None) == index]
    assert of_item == [f"response.{name}" for name in events]


def test_a_call_that_was_cut_off_is_not_left_for_the_client_to_answer():
    *_, returned = ResponseAnswer().whole([Called("box.open", "{}")])["output"]
    assert (returned["type"], returned["status"]) == ("function_call_output", "incomplete")
    events = streamed(ResponseAnswer(), [Called("box.open", "{}")])
    assert [item.type for item in events[-1].response.output] == ["function_call", "function_call_output"]
