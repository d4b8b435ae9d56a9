"""What other people's clients send to responses, and what of it umi can do."""

from typing import Any

import pytest

from tests.edge.doors.test_chat_request import recorded
from umi_edge.doors.chat_request import ApiError, Turn
from umi_edge.doors.response_request import OWN_CALL, read_response_request


def body(given: Any = "Hello", **changes: Any) -> dict[str, Any]:
    return {"model": "umi", "input": given} | changes


@pytest.mark.parametrize("file", ["openai-responses.json", "litellm.json"])
def test_every_recorded_request_is_read_or_refused_for_what_it_wants(file):
    bodies = recorded(file, "/v1/responses")
    assert bodies
    for sent in bodies:
        if sent.get("tools") or sent.get("previous_response_id"):
            with pytest.raises(ApiError) as refused:
                read_response_request(sent)
            assert refused.value.status == 400
            assert refused.value.param in sent
        else:
            request = read_response_request(sent)
            assert request.asked in ("Say hello", "hi")
            assert request.stream is bool(sent.get("stream"))
            assert request.system == sent.get("instructions", "")


def test_what_umi_drew_of_its_own_work_is_passed_over():
    call = {"call_id": f"{OWN_CALL}1", "status": "completed"}
    request = read_response_request(
        body(
            [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "input_text", "text": "What is in the box?"}]},
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"type": "function_call", "name": "box.open", "arguments": "{}", **call},
                {"type": "function_call_output", "output": [{"type": "input_text", "text": "x"}], **call},
                {
                    "type": "message",
                    "id": "msg_1",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "It says ", "annotations": []}],
                },
                {"type": "message", "role": "assistant", "content": "hello."},
                {"role": "user", "content": "Again?"},
            ],
            instructions="In German.",
        )
    )
    assert request.before == (Turn("user", "What is in the box?"), Turn("assistant", "It says hello."))
    assert request.system == "In German.\nBe brief."
    assert request.asked == "Again?"


@pytest.mark.parametrize(
    ("changes", "param", "said"),
    [
        ({"model": "gpt-5"}, "model", "called `umi`"),
        ({"input": []}, "input", "at least one item"),
        ({"input": None}, "input", "at least one item"),
        ({"input": ["x"]}, "input[0]", "an item is an object"),
        ({"input": [{"role": "user", "content": "x"}] * 1001}, "input", "start a new chat"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "input[0].role", "one of system"),
        ({"input": [{"role": ["user"], "content": "x"}]}, "input[0].role", "one of system"),
        ({"input": [{"role": "assistant", "content": "x"}]}, "input", "the last message"),
        ({"input": " "}, "input", "the last message"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
            "input[0].content",
            "text only",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": ["input_text"], "text": "x"}]}]},
            "input[0].content",
            "text only",
        ),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]", "its own tools"),
        ({"input": [{"type": ["message"], "role": "user"}]}, "input[0]", "its own tools"),
        (
            {"input": [{"type": "function_call_output", "call_id": "call_1", "output": "Sunny"}]},
            "input[0]",
            "its own tools",
        ),
        ({"tools": [{"type": "web_search"}]}, "tools", "its own tools"),
        ({"tool_choice": "required"}, "tool_choice", "its own tools"),
        ({"tool_choice": {"type": "function", "name": "x"}}, "tool_choice", "its own tools"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "the whole conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation", "the whole conversation"),
        ({"background": True}, "background", "waits"),
        ({"prompt": {"id": "p"}}, "prompt", "no prompt templates"),
        ({"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}}, "text.format", "plain"),
    ],
)
def test_what_cannot_be_done_is_refused_and_told_why(changes, param, said):
    with pytest.raises(ApiError) as refused:
        read_response_request(body() | changes)
    assert refused.value.param == param
    assert said in refused.value.message
    assert refused.value.status in (400, 404)


@pytest.mark.parametrize(
    "changes",
    [
        {"store": True},
        {"tool_choice": "auto", "tools": [], "parallel_tool_calls": True},
        {"reasoning": {"effort": "low"}, "text": {"verbosity": "low"}, "max_output_tokens": 9},
        {"include": ["reasoning.encrypted_content"], "metadata": {"a": "b"}, "truncation": "auto"},
        {"previous_response_id": None, "background": False, "text": {"format": {"type": "text"}}},
    ],
)
def test_what_does_no_harm_is_passed_over(changes):
    assert read_response_request(body(**changes)).asked == "Hello"


def test_a_body_that_is_no_object_is_refused():
    with pytest.raises(ApiError):
        read_response_request(["umi"])
