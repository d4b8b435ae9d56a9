"""Schemas as a client is told of them."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from umi_edge.doors.gateway.schemas import given_result, widened
from umi_edge.policy import Resolution, load_policy
from umi_shared.labels import ClientSink, Label, Locality

ARGUMENTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "Any."},
        "day": {"type": "string", "format": "date", "pattern": "^[0-9-]+$"},
        "count": {"type": "integer", "minimum": 1},
        "kind": {"enum": ["a", "b"]},
        "list": {"type": "array", "items": {"type": "number"}, "maxItems": 2},
        "inner": {"type": "object", "properties": {"flag": {"type": "boolean"}}, "required": ["flag"]},
        "either": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
        "far": {"$ref": "#/$defs/far"},
    },
    "required": ["text"],
    "additionalProperties": False,
    "$defs": {"far": {"type": "integer"}},
}


@pytest.mark.parametrize("name", ARGUMENTS["properties"])
def test_any_argument_may_be_a_handle(name):
    check = Draft202012Validator(widened(ARGUMENTS, lambda _: ""))
    assert check.is_valid({"text": "x", name: "<value:1>"})
    assert not check.is_valid({"text": "x", "other": "<value:1>"})


@pytest.mark.parametrize(
    "arguments",
    [
        {"text": "x", "day": "2026-01-01", "count": 2, "kind": "a", "list": [1, "<number:1>"], "far": 3},
        {"text": "x", "inner": {"flag": "<value:1>"}, "either": None},
    ],
)
def test_what_the_tool_admits_and_handles_within_are_admitted(arguments):
    assert Draft202012Validator(widened(ARGUMENTS, lambda _: "")).is_valid(arguments)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"kind": "c"}, {"count": "three"}])
def test_what_neither_the_tool_nor_a_handle_is_stays_wrong(wrong):
    assert not Draft202012Validator(widened(ARGUMENTS, lambda _: "")).is_valid({"text": "x", **wrong})


def test_an_argument_of_a_type_takes_handles_of_that_type_only():
    check = Draft202012Validator(widened(ARGUMENTS, lambda name: "date" if name == "day" else ""))
    assert check.is_valid({"text": "x", "day": "<date:1>"})
    assert not check.is_valid({"text": "x", "day": "<email:1>"})


RESULT = {
    "type": "object",
    "properties": {
        "mail": {"type": "string", "format": "email", "description": "Of Ann", "enum": ["ann@example.org"]},
        "shelf": {"type": "integer"},
        "rows": {"type": "array", "items": {"type": "object", "properties": {"open": {"type": "boolean"}}}},
        "whole": {"type": "object", "properties": {"x": {"type": "string"}}},
        "ann": {"type": "string"},
    },
}
POLICY = """
version: 1
tools:
  t.x:
    results:
      "$.mail": {locality: handle, type: email}
      "$.shelf": planner
      "$.rows[*].open": cloud
      "$.whole": {locality: handle, shape: hidden}
"""


def test_a_result_is_described_as_it_is_given():
    at = load_policy(POLICY).table("t.x", "results").assign(None).at

    def told(sink: ClientSink) -> dict[str, Any]:
        def may_read(rule: Resolution) -> bool:
            return Label.at(rule.locality).may_read(sink)

        described = given_result(RESULT, at, may_read, lambda name: name != "ann")
        return dict(described["properties"])

    everyone, editor = told(ClientSink("a")), told(ClientSink("b", Locality.PLANNER))
    handle = {"type": "string", "description": "stays on the device: a handle such as <email:1>"}
    assert everyone["mail"] == editor["mail"] == handle
    assert everyone["shelf"]["type"] == "string"
    assert editor["shelf"] == {"type": ["integer", "string"]}
    assert everyone["rows"]["items"]["properties"]["open"] == {"type": ["boolean", "string"]}
    assert everyone["whole"]["type"] == "string"
    assert "ann" not in everyone
    assert "example.org" not in str(everyone) + str(editor)
