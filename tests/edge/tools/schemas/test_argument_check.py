"""Arguments are checked against the tool's own schema, whatever a grammar could not hold, in bounded time."""

import json
import time
from typing import Any

import pytest

from tests.edge.tools.schemas.kinds import KINDS, Kind
from umi_edge.tools.schemas import ArgumentCheck, SoundSchema


def problems(schema: dict[str, Any], arguments: dict[str, Any]) -> Any:
    return ArgumentCheck(SoundSchema.of(schema)).problems(arguments)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_schema_of_a_kind_that_servers_have_admits_what_it_says_and_nothing_else(kind: Kind) -> None:
    for arguments in kind.good:
        assert problems(kind.schema, arguments) == ()
    for arguments in kind.bad:
        assert problems(kind.schema, arguments), arguments


def test_the_rule_holds_no_value_and_the_text_says_where_and_why() -> None:
    schema = {
        "properties": {"to": {"type": "array", "items": {"type": "string", "format": "email"}}},
        "required": ["to"],
    }
    (problem,) = problems(schema, {"to": ["canary"]})
    assert problem.location == ("to", 0)
    assert problem.rule == "properties/to/items/format: must be email"
    assert problem.text == "to.0: 'canary' is not a 'email'"
    assert "canary" not in repr(problem)
    assert not problem.by_names_only
    (problem,) = problems(schema, {})
    assert problem.by_names_only


def test_what_values_decide_is_not_decided_by_names() -> None:
    schema = {"if": {"properties": {"a": {"const": 1}}, "required": ["a"]}, "then": {"required": ["b"]}}
    (problem,) = problems(schema, {"a": 1})
    assert not problem.by_names_only


def many_alternatives() -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(9):
        schema = {"oneOf": [schema, {"allOf": [schema, {"minLength": 2}]}]}
    return schema


def doubling() -> dict[str, Any]:
    parts: dict[str, Any] = {"p0": {"type": "integer"}}
    for number in range(50):
        reference = {"$ref": f"#/$defs/p{number}"}
        parts[f"p{number + 1}"] = {
            "anyOf": [{"allOf": [reference, reference]}, {"not": {"oneOf": [reference, reference]}}]
        }
    return parts


HOSTILE: dict[str, tuple[dict[str, Any], Any]] = {
    "a pattern that backtracks for ever": ({"type": "string", "pattern": "^(a+)+$"}, "a" * 5000 + "b"),
    "one that only a backtracking library knows": (
        {"type": "string", "pattern": "^(?!x)(a+)+$"},
        "a" * 5000 + "b",
    ),
    "a member's name against such a pattern": (
        {"patternProperties": {"^(a|a)*$": {}}, "additionalProperties": False},
        {"a" * 200 + "b": 1},
    ),
    "a schema that is itself": ({"$ref": "#"}, 1),
    "alternatives of alternatives": (many_alternatives(), "x"),
    "a long list against itself": ({"uniqueItems": True}, [[number] for number in range(20000)]),
}


@pytest.mark.parametrize(("schema", "value"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_schema_takes_no_long_time(schema: dict[str, Any], value: Any) -> None:
    began = time.process_time()
    problems({"properties": {"x": schema}}, {"x": value})
    assert time.process_time() - began < 5


def test_references_that_double_take_no_long_time() -> None:
    began = time.process_time()
    assert problems({"properties": {"x": {"$ref": "#/$defs/p50"}}, "$defs": doubling()}, {"x": "a"}) == ()
    assert time.process_time() - began < 5


def test_a_schema_is_bounded_in_depth() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"properties": {"a": deep}}
    with pytest.raises(ValueError, match="deep"):
        SoundSchema.of(deep)
    with pytest.raises(ValueError, match="JSON"):
        SoundSchema.of({"default": {1, 2}})


def test_a_sound_schema_is_sound_already() -> None:
    for kind in KINDS:
        sound = SoundSchema.of(kind.schema).schema
        assert json.dumps(SoundSchema.of(sound).schema) == json.dumps(sound), kind.name
