"""A tool is declared once, and a wrong declaration is refused there."""

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import Field

from umi_edge.tools.catalogue import Catalogue
from umi_edge.tools.runner import Failed, FailureKind, RunLimits, Succeeded, run_tool
from umi_edge.tools.tool import Hints, Tool, tool
from umi_shared.errors import ToolError


async def nothing(arguments: Any) -> None:
    return None


def make(name: str = "t", schema: Any = None, source: str = "builtin") -> Tool:
    return Tool(
        name=name, description="", input_schema=schema or {"type": "object"}, run=nothing, source=source
    )


@pytest.mark.parametrize("name", ["", "1a", ".a", "a b", "a\n", "é", "a" * 65, "a/b", "<email:1>"])
def test_a_name_outside_the_pattern_is_refused(name):
    with pytest.raises(ToolError, match="not allowed"):
        make(name)


def deep_schema(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize("schema", [{"type": "string"}, deep_schema(10_000), deep_schema(100)])
def test_a_schema_that_admits_no_object_or_has_no_end_is_refused(schema):
    with pytest.raises(ToolError, match=r"input schema of the tool t \(from builtin\)"):
        Tool(name="t", description="", input_schema=schema, run=nothing, source="builtin")


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1/schema.json", "file:///etc/passwd", "#/nowhere", "other.json"]
)
async def test_a_reference_out_of_the_schema_is_never_followed_and_says_nothing(target):
    made = make(schema={"type": "object", "properties": {"a": {"$ref": target}}})
    assert made.input_schema["properties"] == {"a": {}}
    assert isinstance(await run_tool(made, {"a": 3}, RunLimits()), Succeeded)


def test_a_schema_without_a_type_is_one_of_an_object():
    assert make(schema={"properties": {"a": {"type": "wat"}}}).input_schema == {
        "type": "object",
        "properties": {"a": {}},
    }


def test_a_tool_keeps_its_own_copy_of_the_schema():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    made = make(schema=schema)
    schema["properties"]["a"]["type"] = "integer"
    assert made.input_schema["properties"]["a"] == {"type": "string"}


def test_tools_can_be_members_of_a_set():
    one = make("one")
    assert {one: 1}[one] == 1


class Level(StrEnum):
    LOW = "low"
    HIGH = "high"


@dataclass
class Place:
    street: str
    number: int = 1


@tool(name="parcel.send", destructive=True, open_world=True)
async def send(
    to: Annotated[str, Field(max_length=20)], place: Place, level: Level = Level.LOW, copy: str | None = None
) -> Any:
    """Send a parcel.

    It cannot be called back.

    Args:
        to: Who gets it.
        place: Where they live.
        level: How urgent.
        copy: Who is told.
    """
    return {"to": to, "place": place, "level": level, "copy": copy}


def test_types_and_docstring_become_the_schema():
    assert send.name == "parcel.send"
    assert send.description == "Send a parcel.\n\nIt cannot be called back."
    assert send.source == "python"
    assert send.hints == Hints(destructive=True, open_world=True)
    schema = send.input_schema
    assert schema["required"] == ["to", "place"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["to"] == {"type": "string", "maxLength": 20, "description": "Who gets it."}
    assert schema["properties"]["copy"] == {"type": "string", "description": "Who is told."}
    assert schema["$defs"]["Level"]["enum"] == ["low", "high"]


async def test_a_python_tool_gets_real_types_and_its_result_is_plain_json():
    outcome = await run_tool(send, {"to": "Ann", "place": {"street": "Rue"}, "level": "high"}, RunLimits())
    assert isinstance(outcome, Succeeded)
    assert outcome.value == {
        "to": "Ann",
        "place": {"street": "Rue", "number": 1},
        "level": "high",
        "copy": None,
    }


async def test_a_synchronous_function_runs_in_another_thread():
    @tool
    def where() -> str:
        return threading.current_thread().name

    outcome = await run_tool(where, {}, RunLimits())
    assert isinstance(outcome, Succeeded)
    assert outcome.value == "umi-tool"


async def test_a_synchronous_function_that_exits_or_stops_iteration_is_a_failure():
    @tool
    def leave(how: str) -> str:
        raise SystemExit if how == "exit" else StopIteration

    for how in ("exit", "stop"):
        outcome = await run_tool(leave, {"how": how}, RunLimits())
        assert isinstance(outcome, Failed)
        assert outcome.kind is FailureKind.ERROR


def test_a_parameter_that_no_schema_can_express_is_refused():
    with pytest.raises(ToolError, match="'x'"):

        @tool
        def untyped(x) -> str:
            return ""

    with pytest.raises(ToolError, match="'rest'"):

        @tool
        def variadic(*rest: str) -> str:
            return ""

    with pytest.raises(ToolError, match="cannot express"):

        @tool
        def opaque(x: threading.Thread) -> str:
            return ""


def test_a_catalogue_keeps_the_order_and_finds_by_name():
    one, two = make("b.one"), make("a.two")
    catalogue = Catalogue([one, two])
    assert list(catalogue) == [one, two]
    assert len(catalogue) == 2
    assert catalogue["a.two"] is two
    assert "b.one" in catalogue
    assert "c" not in catalogue
    assert repr(catalogue) == "Catalogue(b.one, a.two)"


def test_an_unknown_name_gets_the_close_ones():
    with pytest.raises(ToolError, match=r"did you mean contacts\.search"):
        Catalogue([make("contacts.search")])["contact.search"]


def test_two_tools_of_one_name_are_refused_with_both_sources():
    with pytest.raises(ToolError, match=r"one from builtin, one from mcp:x"):
        Catalogue([make("a"), make("a", source="mcp:x")])
