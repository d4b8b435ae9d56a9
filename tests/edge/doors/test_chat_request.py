"""What other people's clients send, and what of it umi can do."""

import json
from pathlib import Path
from typing import Any

import pytest

from umi_edge.doors.chat_request import ApiError, ChatRequest, Turn

RECORDED = Path(__file__).parents[4] / "shared" / "data" / "clients"


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "umi", "messages": [{"role": "user", "content": "Hello"}]} | changes


def recorded(file: str, to: str = "/v1/chat/completions") -> list[dict[str, Any]]:
    path = RECORDED / file
    if not path.exists():
        pytest.skip(f"the recorded clients are not beside this checkout ({file})")
    rows = json.loads(path.read_text())
    return [row["body"] for row in rows if row["path"] == to]


@pytest.mark.parametrize("file", ["openai-chat.json", "llm.json", "litellm.json"])
def test_every_recorded_request_is_read_or_refused_for_what_it_wants(file):
    bodies = recorded(file)
    assert bodies
    for sent in bodies:
        wants_more = (
            sent.get("tools")
            or sent.get("response_format")
            or any(message["role"] == "tool" for message in sent["messages"])
            or any(isinstance(message["content"], list) for message in sent["messages"])
        )
        if wants_more:
            with pytest.raises(ApiError) as refused:
                ChatRequest.read(sent)
            assert refused.value.status == 400
        else:
            request = ChatRequest.read(sent)
            assert request.stream is bool(sent.get("stream"))
            assert request.asked == sent["messages"][-1]["content"]


def test_a_whole_conversation_is_turns_and_the_rest_stays_apart():
    request = ChatRequest.read(
        body(
            messages=[
                {"role": "developer", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}],
                },
                {"role": "assistant", "content": "<think>\nhm</think>\nThree."},
                {"role": "user", "content": " Four? "},
            ],
            stream=True,
            stream_options={"include_usage": True},
            temperature=2,
            seed=7,
        )
    )
    assert request.system == "Be brief."
    assert request.before == (Turn("user", "One\ntwo"), Turn("assistant", "<think>\nhm</think>\nThree."))
    assert request.before[1].bare == "Three."
    assert (request.asked, request.stream, request.with_usage) == ("Four?", True, True)


@pytest.mark.parametrize(
    ("changes", "param", "said"),
    [
        ({"model": "gpt-5"}, "model", "the one there is is called `umi`"),
        ({"messages": []}, "messages", "at least one message"),
        ({"messages": "Hello"}, "messages", "at least one message"),
        ({"messages": [{"role": "user", "content": "x"}] * 1001}, "messages", "start a new chat"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role", "one of system"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "a text or a list"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages", "the last message"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages", "the last message"),
        ({"messages": ["x"]}, "messages[0]", "an object"),
        ({"tools": [{}]}, "tools", "its own tools"),
        ({"n": 3}, "n", "one answer"),
        ({"response_format": {"type": "json_object"}}, "response_format", "plain text"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(changes, param, said):
    with pytest.raises(ApiError) as refused:
        ChatRequest.read(body(**changes))
    error = refused.value.body()["error"]
    assert error["param"] == param
    assert said in error["message"]


def test_a_picture_is_refused_and_not_passed_over():
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    with pytest.raises(ApiError, match="text only"):
        ChatRequest.read(body(messages=[{"role": "user", "content": parts}]))


def test_the_same_body_has_the_same_digest():
    assert ChatRequest.read(body()).digest == ChatRequest.read(dict(reversed(body().items()))).digest
    assert ChatRequest.read(body()).digest != ChatRequest.read(body(seed=1)).digest


def test_no_text_is_in_a_repr():
    request = ChatRequest.read(body(messages=[{"role": "user", "content": "the door code is 4711"}]))
    assert "4711" not in repr(request) + repr(request.turns)
