"""A plain schema admits every instance that the tool's own schema admits, and a grammar can be made of it."""

import json
from typing import Any

import jsonschema
import llguidance
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge.tools.schemas.kinds import KINDS, Kind
from umi_edge.caller.schemas import HandleRule, call_schemas
from umi_edge.tools.schemas import ArgumentCheck, SoundSchema, grammar_refusal, plain_schema
from umi_shared.handles import Handle

TOKENIZER = llguidance.LLTokenizer("byte")


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    return plain_schema(SoundSchema.of(schema))


def admits(schema: dict[str, Any], instance: Any) -> bool:
    """Whether the grammar of a schema admits the instance, written in the schema's order."""
    grammar = llguidance.LLMatcher.grammar_from_json_schema(
        json.dumps(schema), overrides={"whitespace_flexible": False}
    )
    matcher = llguidance.LLMatcher(TOKENIZER, grammar, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    text = json.dumps(ordered(instance, schema, schema), separators=(",", ":"), ensure_ascii=False)
    tokens = TOKENIZER.tokenize_str(text)
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def ordered(instance: Any, schema: Any, root: dict[str, Any]) -> Any:
    """The instance with its members in the order that a grammar gives them."""
    if not isinstance(schema, dict):
        return instance
    if "$ref" in schema:
        return ordered(instance, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    for choice in schema.get("anyOf", ()):
        if not ArgumentCheck(SoundSchema({**choice, "$defs": root.get("$defs", {})})).problems(instance):
            return ordered(instance, choice, root)
    if isinstance(instance, dict):
        declared = schema.get("properties", {})
        names = [name for name in declared if name in instance]
        names += [name for name in instance if name not in declared]
        other = schema.get("additionalProperties", {})
        return {name: ordered(instance[name], declared.get(name, other), root) for name in names}
    if isinstance(instance, list):
        first = schema.get("prefixItems", [])
        rest = schema.get("items", {})
        return [ordered(v, first[i] if i < len(first) else rest, root) for i, v in enumerate(instance)]
    return instance


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
NAMES = st.sampled_from(["a", "b", "type", "default", "title", "$ref", "é"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.sampled_from([0.5, -2.25, 1.125]),
    st.sampled_from(["", "a", "ab", "x1", "2026-05-01", "a@b.org", "http://a/b", "é"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
KEYWORDS: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(
        [
            "object",
            "array",
            "string",
            "integer",
            "number",
            "boolean",
            "null",
            ["string", "null"],
            ["integer", "array"],
        ]
    ),
    "enum": st.lists(SCALARS, min_size=1, max_size=4),
    "const": SCALARS,
    "minimum": st.sampled_from([0, -1.5, 3, -(2**63), 10**18]),
    "maximum": st.sampled_from([10, 2.5, 2**63 - 1, 2**64]),
    "exclusiveMaximum": st.sampled_from([10, 2.5]),
    "multipleOf": st.sampled_from([1, 5, 0.25, 1e-12]),
    "minLength": st.integers(0, 3),
    "maxLength": st.integers(0, 8),
    "pattern": st.sampled_from(
        ["^a", "[a-z", "^(?!x)", r"\d+", r"^\p{L}+$", r"(a)\1", r"\bx", "^[[a]]$", "a{9}{999}"]
    ),
    "format": st.sampled_from(["date", "json", "path", "email"]),
    "minItems": st.integers(0, 2),
    "maxItems": st.integers(0, 4),
    "uniqueItems": st.booleans(),
    "required": st.lists(NAMES, max_size=2, unique=True),
    "minProperties": st.integers(0, 2),
    "propertyNames": st.sampled_from([{"pattern": "^[a-z]"}, {"maxLength": 4}]),
    "dependentRequired": st.just({"a": ["b"]}),
    "x-guidance": st.just({"whitespace_flexible": True}),
}


def schemas(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    inner: dict[str, st.SearchStrategy[Any]] = {
        "properties": st.dictionaries(NAMES, parts, max_size=3),
        "additionalProperties": parts | st.booleans(),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "e"]), parts, max_size=2),
        "items": parts,
        "prefixItems": st.lists(parts, min_size=1, max_size=2),
        "contains": parts,
        "not": parts,
        "if": parts,
        "then": parts,
        "allOf": st.lists(parts, min_size=1, max_size=2),
        "anyOf": st.lists(parts, min_size=1, max_size=3),
        "oneOf": st.lists(parts, min_size=1, max_size=2),
        "$ref": st.sampled_from(
            ["#", "#/$defs/d", "#/$defs/d/properties/a", "#/properties/a", "#anchor", "http://e/x"]
        ),
    }
    both = {**KEYWORDS, **inner}
    return st.lists(st.sampled_from(sorted(both)), max_size=4, unique=True).flatmap(
        lambda words: st.fixed_dictionaries({word: both[word] for word in words})
    )


SCHEMAS = st.recursive(st.booleans() | schemas(st.just({})), schemas, max_leaves=6)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(SCHEMAS, SCHEMAS, st.lists(VALUES, min_size=4, max_size=12))
def test_every_instance_of_a_schema_is_one_of_its_plain_schema(
    part: Any, other: Any, instances: list[Any]
) -> None:
    own = {
        "type": "object",
        "properties": {"x": part},
        "required": ["x"],
        "$defs": {
            "d": {"properties": {"a": other}},
            "e": {"$anchor": "anchor", "anyOf": [other, {"type": "null"}]},
        },
    }
    sound = SoundSchema.of(own)
    made = plain_schema(sound)
    assert grammar_refusal(json.dumps(made)) == ""
    check = jsonschema.Draft202012Validator(
        sound.schema, format_checker=jsonschema.FormatChecker(("date", "email"))
    )
    for value in instances:
        instance = {"x": value}
        try:
            valid = check.is_valid(instance)
        except Exception:  # a circle of references decides nothing
            valid = False
        if valid:
            assert not ArgumentCheck(SoundSchema(made)).problems(instance), (own, made, instance)
            assert admits(made, instance), (own, made, instance)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_schema_of_a_kind_that_servers_have_gives_a_grammar_that_admits_its_arguments(kind: Kind) -> None:
    made = plain(kind.schema)
    assert grammar_refusal(json.dumps(made)) == ""
    assert made["type"] == "object"
    for arguments in kind.good:
        assert admits(made, arguments), made
    written = call_schemas([("t", made)], [Handle("email", 1)], lambda _tool, _name: HandleRule())["t"]
    for arguments in kind.good:
        assert admits(written, arguments), written


@pytest.mark.parametrize(
    "schema",
    [
        {
            "type": "object",
            "properties": {"a": {"type": "string", "description": "x", "pattern": "^a"}},
            "required": ["a"],
        },
        {
            "type": "object",
            "properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}},
        },
        {"description": "d", "type": "object", "properties": {}, "additionalProperties": False},
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"enum": ["x"], "type": "string"}},
        },
    ],
    ids=json.dumps,
)
def test_a_plain_schema_stays_as_it_is_to_the_byte(schema: dict[str, Any]) -> None:
    assert json.dumps(plain(schema)) == json.dumps(schema)


def test_members_that_match_a_pattern_may_be_what_it_says_or_what_the_rest_may_be() -> None:
    made = plain(
        {
            "properties": {
                "m": {"patternProperties": {"^a": {"type": "integer"}}, "additionalProperties": False}
            }
        }
    )
    assert made["properties"]["m"] == {"additionalProperties": {"type": "integer"}}


def test_alternatives_at_the_top_become_one_object() -> None:
    made = plain(
        {
            "required": ["kind"],
            "oneOf": [
                {"properties": {"kind": {"const": "text"}, "text": {"type": "string"}}, "required": ["text"]},
                {"allOf": [{"$ref": "#/$defs/Image"}], "properties": {"kind": {"const": "image"}}},
            ],
            "$defs": {"Image": {"properties": {"url": {"type": "string"}}, "required": ["url"]}},
        }
    )
    assert made["required"] == ["kind"]
    assert set(made["properties"]) == {"kind", "text", "url"}
    assert made["properties"]["kind"] == {"anyOf": [{"const": "text"}, {"const": "image"}]}


def test_a_circle_of_references_says_nothing() -> None:
    made = plain(
        {
            "properties": {"a": {"$ref": "#/$defs/b"}},
            "$defs": {"b": {"$ref": "#/$defs/c"}, "c": {"$ref": "#/$defs/b"}},
        }
    )
    assert grammar_refusal(json.dumps(made)) == ""
    assert admits(made, {"a": [1, {"x": None}]})


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": ["array", "null"]}, {"not": {}, "type": []}])
def test_a_schema_that_admits_no_object_is_refused(schema: dict[str, Any]) -> None:
    if schema["type"]:
        with pytest.raises(ValueError, match="no object"):
            plain(schema)
    else:
        assert plain(schema) == {"type": "object"}
