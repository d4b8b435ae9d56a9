"""A tool as its user wants to know it: where it runs, when it asks, and what the policy lets out of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.policy import Location, PathRule, Policy, Resolution, ToolPolicy
from umi_edge.policy.told_to_others import why_confirmed
from umi_edge.tools import Tool

__all__ = ["ArgumentRule", "ResultRule", "ToolOverview", "overview"]

_DEPTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentRule:
    """One argument, or a part of one."""

    path: str
    type: str
    """JSON Schema's word for its values."""
    required: bool
    locality: str
    """Who may read it in clear where a model writes it: the policy's word."""
    terms: tuple[str, ...]
    """What else the policy asks of it, such as `requires trusted`."""
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRule:
    """One line of the policy on the results; the last is the default."""

    path: str
    locality: str
    terms: tuple[str, ...]
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOverview:
    """One tool under one policy."""

    name: str
    description: str
    source: str
    runs: str
    """`device` or `third-party`."""
    asks: str
    """`always` or `never`: whether the user is asked before a call, whatever its arguments."""
    results_are: str
    """`trusted` or `untrusted`."""
    caller_sees: str
    errors_are: str
    """Who may read what it says when it fails: the policy's word; `kind` where only its kind is told."""
    rule: str
    arguments: tuple[ArgumentRule, ...]
    results: tuple[ResultRule, ...]
    input_schema: Mapping[str, Any] = field(repr=False)


def overview(tool: Tool, policy: Policy) -> ToolOverview:
    """What holds for a tool under a policy; the answers are the policy engine's own."""
    holds = policy.tool(tool.name, source=tool.source)
    return ToolOverview(
        name=tool.name,
        description=tool.description,
        source=tool.source,
        runs=str(holds.runs),
        asks=_asks(tool, holds),
        results_are=str(holds.integrity),
        caller_sees=str(holds.caller),
        errors_are=str(holds.errors.clearance) if holds.errors else "kind",
        rule=holds.rule_id,
        arguments=tuple(_arguments(tool, policy)),
        results=tuple(_results(tool, policy, holds)),
        input_schema=tool.input_schema,
    )


def _asks(tool: Tool, holds: ToolPolicy) -> str:
    """`destructive` in a policy leaves it to the tool's hints."""
    if holds.confirm != "destructive":
        return str(holds.confirm)
    if tool.hints.destructive:
        return "always"
    names = tool.input_schema.get("properties", {})
    told = [name for name in names if why_confirmed(tool.name, name, tool.source)]
    if set(told) & set(tool.input_schema.get("required", ())):
        return "always"
    return f"with {', '.join(told)}" if told else "never"


def _arguments(tool: Tool, policy: Policy) -> Iterator[ArgumentRule]:
    assignment = policy.arguments(tool.name)
    for path, location, schema, required in _leaves(tool.input_schema):
        resolution = assignment.at(location)
        yield ArgumentRule(
            path=path,
            type=_type(schema),
            required=required,
            locality=str(resolution.clearance),
            terms=_terms(resolution),
            rule=resolution.rule_id,
        )


def _leaves(
    schema: Mapping[str, Any], path: str = "", location: Location = ()
) -> Iterator[tuple[str, Location, Mapping[str, Any], bool]]:
    """The arguments that a schema names, inner ones too; what is below a `$ref` is one argument."""
    for name, child in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        where, here = f"{path}.{name}" if path else name, (*location, name)
        inner = child if isinstance(child, Mapping) else {}
        if inner.get("type") == "array" and isinstance(inner.get("items"), Mapping):
            where, here, inner = f"{where}[*]", (*here, 0), inner["items"]
        if inner.get("properties") and len(here) < _DEPTH:
            yield from _leaves(inner, where, here)
        else:
            yield where, here, inner, required


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "enum"
    said = schema.get("type", schema.get("$ref", "any"))
    return " | ".join(map(str, said)) if isinstance(said, list) else str(said).rpartition("/")[2]


def _results(tool: Tool, policy: Policy, holds: ToolPolicy) -> Iterator[ResultRule]:
    default = policy.table(tool.name, "results").default
    for rule in holds.results:
        yield ResultRule(
            path=rule.path,
            locality=str(rule.clearance) if rule.clearance else "as its parent",
            terms=_terms(rule),
            rule=rule.rule_id,
        )
    yield ResultRule(
        path="all else" if holds.results else "all",
        locality=str(default.clearance),
        terms=(),
        rule=default.rule_id,
    )


def _terms(said: Resolution | PathRule) -> tuple[str, ...]:
    """What a rule asks for beyond the locality, in the policy's own words."""
    terms = [
        f"type {said.type}" if said.type and said.type != "value" else "",
        f"show {said.show}" if said.show else "",
        f"requires {said.requires}" if said.requires else "",
        f"accepts {said.accepts}" if said.accepts else "",
        f"on violation {said.on_violation}" if said.accepts and said.on_violation else "",
        "unlinked" if said.link is False else "",
        "shape hidden" if said.shape == "hidden" else "",
        "asks first" if said.confirm else "",
    ]
    return tuple(filter(None, terms))
