"""The schemas of calls: each tool's own, with handles where they fit, and nothing else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import llguidance
import pytest

from umi_edge.caller.schemas import HandleRule, call_schemas
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.builtin.home import HomeConfig
from umi_edge.tools.catalogue import Catalogue
from umi_shared.dialects import UmiDialect
from umi_shared.engine import JsonSchema
from umi_shared.handles import Handle

HANDLES = [Handle("email", 1), Handle("email", 2), Handle("person", 1), Handle("number", 3)]

MAIL = {
    "type": "object",
    "properties": {
        "to": {"type": "string", "format": "email"},
        "subject": {"type": "string", "maxLength": 40},
        "priority": {"enum": ["low", "high"]},
        "copies": {"type": "integer", "minimum": 1, "maximum": 9},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
    },
    "required": ["to", "subject"],
    "$defs": {
        "Part": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "inner": {"$ref": "#/$defs/Part"}},
            "required": ["name"],
        }
    },
}


def no_rule(_tool: str, _argument: str) -> HandleRule:
    return HandleRule()


@pytest.fixture(scope="module")
def tokenizer() -> llguidance.LLTokenizer:
    return llguidance.LLTokenizer("byte")


def admits(tokenizer: llguidance.LLTokenizer, schemas: dict[str, Any], call: str) -> bool:
    """Whether the grammar that the caller decodes under admits this very text, to its end."""
    constraint = UmiDialect().call_constraint(schemas)
    assert isinstance(constraint, JsonSchema)
    grammar = llguidance.LLMatcher.grammar_from_json_schema(
        json.dumps(constraint.schema), overrides={"whitespace_flexible": False}
    )
    matcher = llguidance.LLMatcher(tokenizer, grammar, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    taken = matcher.try_consume_tokens(tokens := tokenizer.tokenize_str(call))
    return taken == len(tokens) and matcher.is_accepting()


def call(tool: str, **arguments: Any) -> str:
    return json.dumps({"tool": tool, "arguments": arguments}, separators=(",", ":"), ensure_ascii=False)


ADMITTED = {
    "a handle for a format": call("mail", to="<email:1>", subject="Hi"),
    "clear text for a format": call("mail", to="a@example.org", subject="Hi"),
    "handles inside text": call("mail", to="<email:2>", subject="for <person:1>!"),
    "text with angle brackets that are no handles": call("mail", to="<email:1>", subject="1 < 2, <3"),
    "a comparison of letters": call("mail", to="<email:1>", subject="a < b, c <"),
    "an enum": call("mail", to="<email:1>", subject="x", priority="high"),
    "a number": call("mail", to="<email:1>", subject="x", copies=3),
    "a handle for a number": call("mail", to="<email:1>", subject="x", copies="<number:3>"),
    "nested and recursive": call(
        "mail", to="<email:1>", subject="x", parts=[{"name": "a", "inner": {"name": "<person:1>"}}]
    ),
    "accents and quotes": call("mail", to="<email:1>", subject='Élodie says "hé"'),
}

REFUSED = {
    "an unknown tool": call("post", to="<email:1>", subject="x"),
    "a missing argument": call("mail", to="<email:1>"),
    "an argument that the tool does not have": call("mail", to="<email:1>", subject="x", bcc="y"),
    "a handle that does not exist": call("mail", to="<email:1>", subject="for <person:2>"),
    "a handle with a space in it": call("mail", to="<email:1>", subject="for < person:1>"),
    "a whole handle that does not exist": call("mail", to="<email:9>", subject="x"),
    "an escaped handle": call("mail", to="<email:1>", subject="<\\person:1>"),
    "an enum's other value": call("mail", to="<email:1>", subject="x", priority="<person:1>"),
    "a number out of range": call("mail", to="<email:1>", subject="x", copies=12),
    "text that is too long": call("mail", to="<email:1>", subject="x" * 41),
    "text that is too long by a last bracket": call("mail", to="<email:1>", subject="x" * 40 + "<"),
}


@pytest.mark.parametrize("text", ADMITTED.values(), ids=ADMITTED)
def test_calls_that_fit_the_schema_or_use_handles_are_admitted(
    tokenizer: llguidance.LLTokenizer, text: str
) -> None:
    assert admits(tokenizer, call_schemas([("mail", MAIL)], HANDLES, no_rule), text)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_other_calls_are_not(tokenizer: llguidance.LLTokenizer, text: str) -> None:
    assert not admits(tokenizer, call_schemas([("mail", MAIL)], HANDLES, no_rule), text)


def test_a_typed_argument_takes_handles_of_its_type_only(tokenizer: llguidance.LLTokenizer) -> None:
    schemas = call_schemas([("mail", MAIL)], HANDLES, lambda _tool, _argument: HandleRule(type="email"))
    assert admits(tokenizer, schemas, call("mail", to="<email:1>", subject="x"))
    assert admits(tokenizer, schemas, call("mail", to="<email:1>", subject="<email:1> or <email:2>"))
    assert not admits(tokenizer, schemas, call("mail", to="<person:1>", subject="x"))
    assert not admits(tokenizer, schemas, call("mail", to="<email:1>", subject="for <person:1>"))


def test_what_stands_for_a_handle_is_no_text_even_where_none_fits(tokenizer: llguidance.LLTokenizer) -> None:
    schemas = call_schemas([("mail", MAIL)], HANDLES, lambda _tool, _argument: HandleRule(type="phone"))
    assert admits(tokenizer, schemas, call("mail", to="a@example.org", subject="x < y"))
    assert not admits(tokenizer, schemas, call("mail", to="a@example.org", subject="< person:1>"))


def test_an_argument_that_must_be_trusted_offers_no_text_of_the_callers_own(
    tokenizer: llguidance.LLTokenizer,
) -> None:
    schemas = call_schemas(
        [("mail", MAIL)], HANDLES, lambda _tool, name: HandleRule(type="email", only=name == "to")
    )
    assert not admits(tokenizer, schemas, call("mail", to="a@example.org", subject="x"))


def test_without_handles_every_tool_stays_callable(tokenizer: llguidance.LLTokenizer) -> None:
    schemas = call_schemas([("mail", MAIL)], [], lambda _t, _a: HandleRule(type="email", only=True))
    assert admits(tokenizer, schemas, call("mail", to="a@example.org", subject="x"))


def test_definitions_of_two_tools_do_not_clash(tokenizer: llguidance.LLTokenizer) -> None:
    other = {
        "type": "object",
        "properties": {"part": {"$ref": "#/$defs/Part"}},
        "$defs": {"Part": {"type": "integer"}},
    }
    schemas = call_schemas([("mail", MAIL), ("other", other)], [], no_rule)
    assert admits(tokenizer, schemas, call("other", part=3))
    assert not admits(tokenizer, schemas, call("other", part={"name": "x"}))


def test_what_is_admitted_without_handles_is_valid_for_the_tool(tokenizer: llguidance.LLTokenizer) -> None:
    schema = call_schemas([("mail", MAIL)], [], no_rule)["mail"]
    jsonschema.Draft202012Validator.check_schema(schema)
    good = {"to": "a@example.org", "subject": "x", "parts": [{"name": "y"}]}
    jsonschema.validate(good, MAIL)
    assert admits(tokenizer, {"mail": schema}, call("mail", **good))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "string", "pattern": "^[A-Z]{2}$"},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "date-time"},
        {"const": "x"},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        {},
        {"type": "string", "minLength": 700},
    ],
    ids=json.dumps,
)
def test_every_kind_of_schema_compiles(tokenizer: llguidance.LLTokenizer, schema: dict[str, Any]) -> None:
    tool = {"type": "object", "properties": {"x": schema}, "required": ["x"]}
    schemas = call_schemas([("t", tool)], HANDLES, no_rule)
    admits(tokenizer, schemas, "")


def test_a_time_as_people_write_it_can_be_written_where_nobody_has_said_one(
    tokenizer: llguidance.LLTokenizer,
) -> None:
    """`format: time` alone is RFC 3339's, with seconds and a zone, which no text of the pattern is."""
    clock = {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$", "format": "time"}
    schemas = call_schemas(
        [("t", {"type": "object", "properties": {"x": clock}, "required": ["x"]})], [], no_rule
    )
    assert admits(tokenizer, schemas, call("t", x="09:30"))
    assert not admits(tokenizer, schemas, call("t", x="half past nine"))


@pytest.mark.parametrize("handles", [[], HANDLES], ids=["no handles", "handles"])
def test_a_call_of_each_built_in_tool_can_be_written(
    tokenizer: llguidance.LLTokenizer, tmp_path: Path, handles: list[Handle]
) -> None:
    home = replace(HomeConfig.under(tmp_path), more=True)
    for tool in Catalogue(builtin_tools(home)):
        schemas = call_schemas([(tool.name, tool.input_schema)], handles, no_rule)
        admits(tokenizer, schemas, "")
