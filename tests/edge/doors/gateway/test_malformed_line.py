"""A line of a program that is no message is answered as JSON-RPC wants it, in words that hold nothing of it."""

import json

import pytest
from mcp.types import jsonrpc_message_adapter
from pydantic import ValidationError

from umi_edge.doors.gateway.malformed_line import answer_to

CANARY = "Qxbrand"


def answered(line: str) -> dict | None:
    with pytest.raises(ValidationError) as caught:
        jsonrpc_message_adapter.validate_json(line, by_name=False)
    answer = answer_to(caught.value)
    return None if answer is None else json.loads(answer.model_dump_json(by_alias=True, exclude_unset=True))


@pytest.mark.parametrize("line", [f'{{"method": "{CANARY}"', CANARY, "[" * 100_000])
def test_what_is_no_json_is_a_parse_error_of_no_request(line):
    answer = answered(line)
    assert (answer["id"], answer["error"]["code"]) == (None, -32700)
    assert CANARY not in json.dumps(answer)


@pytest.mark.parametrize(
    ("line", "known"),
    [
        (f'{{"jsonrpc": "2.0", "id": 7, "method": ["{CANARY}"]}}', 7),
        (f'{{"id": "a", "method": "{CANARY}"}}', "a"),
        (f'{{"jsonrpc": "2.0", "id": 7, "error": "{CANARY}"}}', None),
        (f'{{"jsonrpc": "2.0", "id": true, "method": ["{CANARY}"]}}', None),
        (f'[{{"jsonrpc": "2.0", "id": 1, "method": "{CANARY}"}}]', None),
    ],
)
def test_what_is_no_message_is_an_invalid_request_with_the_id_of_a_request(line, known):
    answer = answered(line)
    assert (answer["id"], answer["error"]["code"]) == (known, -32600)
    assert CANARY not in json.dumps(answer)


@pytest.mark.parametrize("line", ["", "\n", "  \r\n"])
def test_a_blank_line_is_not_answered(line):
    assert answered(line) is None


def test_a_fault_that_is_in_no_line_is_not_answered():
    assert answer_to(OSError(CANARY)) is None
