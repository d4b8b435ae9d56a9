"""A tool: a name, a JSON Schema and something to run; and the decorator that makes one of a function."""

import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from umi_edge.policy.hints import Hints
from umi_edge.policy.paths import PathError
from umi_edge.policy.stored_as import StoredAs
from umi_edge.policy.stored_as import stored_as as places_of
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, Partial, ToolFailure
from umi_edge.tools.record import Sourced
from umi_edge.tools.schemas import ArgumentCheck, SoundSchema, plain_schema
from umi_edge.tools.worker import in_worker
from umi_shared.errors import ToolError

__all__ = ["JSON", "Hints", "Tool", "tool"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")

Run = Callable[[Mapping[str, JSON]], Awaitable[JSON | Partial | Sourced]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool that the caller may call.

    Raises `ToolError` at construction when the name or the schema is wrong. Nothing is ever fetched to validate a call:
    a `$ref` that points outside of the schema says nothing.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any] = field(hash=False)
    """The plain JSON Schema of the arguments, made of the one that is given here: it admits all that that one does."""
    run: Run = field(repr=False)
    source: str
    """`builtin`, `python` or `mcp:<server>`."""
    hints: Hints = field(default_factory=Hints)
    output_schema: Mapping[str, Any] | None = field(default=None, hash=False)
    """JSON Schema 2020-12 of the result, where the tool declares one; the cloud is not told of it, and what a
    server returns is not held to it."""
    stored_as: StoredAs = field(default=(), repr=False)
    """Where each argument of a tool that writes is read back; one that is not mentioned may come back anywhere."""
    given_schema: Mapping[str, Any] | None = field(default=None, hash=False, repr=False, compare=False)
    """The schema of the arguments as it was given first: a copy (`dataclasses.replace`) checks by it, too, unless it
    has other arguments."""
    reads: str = field(default="", repr=False)
    """The argument in which an operator looks for an answer. Whether it finds one may then be told of a value that
    stays: one bit a question, which is charged."""
    check: ArgumentCheck = field(init=False, repr=False, compare=False)
    """The check of a call's arguments by the schema as it was given."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ToolError(
                f"the tool name {self.name!r} (from {self.source}) is not allowed",
                fix="use a letter, then up to 63 letters, digits, '_', '.' or '-'",
            )
        try:
            sound = SoundSchema.of(self.input_schema)
            plain = plain_schema(sound)
            if self.given_schema is not None and plain == self.input_schema:
                first = SoundSchema.of(self.given_schema)
                sound = first if plain_schema(first) == plain else sound
        except ValueError as error:
            raise ToolError(
                f"the input schema of the tool {self.name} (from {self.source}) is wrong: {error}",
                fix="give a JSON Schema of type object",
            ) from error
        object.__setattr__(self, "check", ArgumentCheck(sound))
        object.__setattr__(self, "given_schema", sound.schema)
        object.__setattr__(self, "input_schema", plain)
        object.__setattr__(self, "output_schema", _readable(self.output_schema))


def _readable(schema: Any) -> dict[str, Any] | None:
    """The schema of a result, or None for one that is not a JSON Schema: the tool can be called all the same."""
    if not isinstance(schema, Mapping):
        return None
    try:
        sound = SoundSchema.of(schema)
    except ValueError:
        return None
    return dict(sound.schema) or None  # nothing of it was a schema


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...


@overload
def tool(
    *,
    name: str = "",
    description: str = "",
    source: str = "python",
    read_only: bool = False,
    destructive: bool = False,
    open_world: bool = False,
    returns: Mapping[str, Any] | None = None,
    stored_as: Mapping[str, Iterable[str]] | None = None,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str = "",
    description: str = "",
    source: str = "python",
    read_only: bool = False,
    destructive: bool = False,
    open_world: bool = False,
    returns: Mapping[str, Any] | None = None,
    stored_as: Mapping[str, Iterable[str]] | None = None,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a `Tool` of a function: its types and its docstring become the schema.

    A parameter that defaults to None is optional, but null may not be given for it. A synchronous
    function runs in a thread. `returns` is the JSON Schema of the result. `stored_as` says of a tool that writes which
    results its arguments are read back in, as `TOOL: PATH`: an argument that it does not mention is asked about
    whenever it is given what stays. Raises `ToolError` for a parameter without a type, and for a wrong path.

    >>> @tool(name="door.open")
    ... def door_open(floor: int, knock: bool = True) -> str:
    ...     '''Open a door.
    ...
    ...     Args:
    ...         floor: Which floor.
    ...     '''
    ...     return "open"
    >>> door_open.input_schema["properties"]["floor"]
    {'description': 'Which floor.', 'type': 'integer'}
    """
    hints = Hints(read_only=read_only, destructive=destructive, open_world=open_world)

    def make(function: Callable[..., Any]) -> Tool:
        tool_name = name or function.__name__
        doc = docstring_parser.parse(inspect.getdoc(function) or "")
        model = _arguments_model(function, tool_name, {p.arg_name: p.description or "" for p in doc.params})
        return Tool(
            name=tool_name,
            description=description or doc.description or "",
            input_schema=_schema(model),
            run=_runner(function, model),
            source=source,
            hints=hints,
            output_schema=returns,
            stored_as=_stored(tool_name, stored_as or {}),
        )

    return make(function) if function is not None else make


def _stored(name: str, places: Mapping[str, Iterable[str]]) -> StoredAs:
    try:
        return places_of(places)
    except PathError as error:
        raise ToolError(f"`stored_as` of the tool {name}: {error.message}", fix=error.fix) from error


def _arguments_model(
    function: Callable[..., Any], name: str, descriptions: dict[str, str]
) -> type[BaseModel]:
    try:
        types = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ToolError(f"a type of the tool {name} is unknown", fix="import it in that module") from error
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        plain = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if not plain or parameter.name not in types:
            raise ToolError(
                f"the parameter {parameter.name!r} of the tool {name} cannot be part of a schema",
                fix="give every parameter a name and a type, and use no *args or **kwargs",
            )
        default = ... if parameter.default is parameter.empty else parameter.default
        # Aliases, because a parameter named like a pydantic attribute ("copy") would shadow it.
        about = Field(default, alias=parameter.name, description=descriptions.get(parameter.name))
        fields[f"p{len(fields)}"] = (types[parameter.name], about)
    try:
        return create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)
    except PydanticUserError as error:
        raise ToolError(
            f"a parameter of the tool {name} has a type that JSON cannot express",
            fix="use str, int, float, bool, list, dict, an enum, a dataclass or a pydantic model",
        ) from error


class _PlainSchema(GenerateJsonSchema):
    """pydantic's schema without the titles it makes up, which only cost the caller tokens."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schema(model: type[BaseModel]) -> JsonSchemaValue:
    try:
        schema = model.model_json_schema(schema_generator=_PlainSchema)
    except PydanticUserError as error:
        raise ToolError(
            "a parameter has a type that JSON Schema cannot express",
            fix="use str, int, float, bool, list, dict, an enum, a dataclass or a pydantic model",
        ) from error
    schema.pop("title", None)
    for item in schema.setdefault("properties", {}).values():
        kinds = item.get("anyOf", [])
        if {"type": "null"} in kinds and "default" in item and item["default"] is None:
            del item["default"]
            kinds.remove({"type": "null"})
            if len(kinds) == 1:
                item.update(item.pop("anyOf")[0])
    return schema


def _runner(function: Callable[..., Any], model: type[BaseModel]) -> Run:
    names = {key: info.alias or key for key, info in model.model_fields.items()}

    async def run(arguments: Mapping[str, JSON]) -> JSON | Partial | Sourced:
        try:
            parsed = model.model_validate(arguments)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            where = ", ".join(".".join(map(str, problem["loc"])) for problem in problems)
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, f"wrong: {where}") from None
        values = {name: getattr(parsed, key) for key, name in names.items()}
        if inspect.iscoroutinefunction(function):
            return await function(**values)
        return await in_worker(lambda: function(**values))

    return run
