"""Unmet: what a policy says of tools, arguments and fields that nothing here has, and rules that no session met.

Covered: names, by what the tools of the configuration declare of themselves; rules without filters, by the places that
recorded sessions have. Not covered: results that no schema describes; rules with filters, as recordings have no values.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from umi_edge.labelling.tool_cards import declared_names
from umi_edge.policy import PathRule, Policy, Problem, ToolPolicy
from umi_edge.policy_tools.recorded import RecordedCall, RecordedResult, RecordedSession
from umi_edge.policy_tools.subjects import own_tool
from umi_edge.tools import Tool
from umi_shared.bars import NO_BARS, meant_by
from umi_shared.problems import near

__all__ = ["unknown_words", "unmet_rules"]


def unknown_words(policy: Policy, tools: Iterable[Tool]) -> Iterator[Problem]:
    """A warning of each entry that no tool is called by, and of each path with a name that no such tool declares."""
    known = {tool.name: tool for tool in tools}
    yield from _unknown_barred(policy, known)
    for name, entry in policy.tools.items():
        meant = [tool for tool in known.values() if entry in policy.entries(tool.name)]
        own = own_tool(name)
        if not meant and own is None:
            what = "no tool's name begins so" if name.endswith("*") else "no tool is called so"
            fix = (
                near(name, known) if not name.endswith("*") else "see `umi tools` for the tools that are here"
            )
            yield Problem(entry.line, f"`{name}`: {what} in this configuration", fix)
            continue
        meant = meant or ([own] if own is not None else [])
        schemas: dict[str, list[Mapping[str, Any] | None]] = {
            "arguments": [tool.input_schema for tool in meant],
            "results": [tool.output_schema for tool in meant],
        }
        for side, rules in (("arguments", entry.arguments), ("results", entry.results)):
            if any(schema is None for schema in schemas[side]):
                continue  # such a tool may return anything
            declared = frozenset(word for schema in schemas[side] for word in declared_names(schema))
            if declared:
                yield from _undeclared(entry, side, rules, declared)


def _unknown_barred(policy: Policy, known: Collection[str]) -> Iterator[Problem]:
    """A warning of each tool in `never_to` and `only_to` that is not here: a rule that is misspelt bars nothing."""
    for entry in policy.tools.values():
        said = [(entry.line, entry.bars), *((rule.line, rule.bars or NO_BARS) for rule in entry.results)]
        for line, bar in ((line, bar) for line, bars in said for bar in sorted(bars)):
            for name in bar.tools:
                if own_tool(name) is None and not any(meant_by(name, tool) for tool in known):
                    message = f"`{name}` in `{bar}` of {entry.name} is no tool in this configuration"
                    yield Problem(line, message, near(name, known))


def _undeclared(
    entry: ToolPolicy, side: str, rules: Sequence[PathRule], declared: frozenset[str]
) -> Iterator[Problem]:
    for rule in rules:
        for word in sorted(rule.query.names - declared):
            message = f"`{rule.path}` of {entry.name}: its {side} declare no `{word}`"
            yield Problem(rule.line, message, near(word, sorted(declared)))


def unmet_rules(policy: Policy, sessions: Iterable[RecordedSession]) -> Iterator[Problem]:
    """A warning of each rule without a filter, for a tool that sessions called, that matched nothing in any of them."""
    met: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for session in sessions:
        for step in session.steps:
            if isinstance(step, RecordedCall) and not step.whole:
                side = "arguments"
            elif isinstance(step, RecordedResult) and step.leaves:
                side = "results"
            else:
                continue
            seen |= {(entry.name, side) for entry in policy.entries(step.tool)}
            rules = policy.table(step.tool, side).rules
            places = {leaf.path[:depth] for leaf in step.leaves for depth in range(len(leaf.path) + 1)}
            met |= {
                rule.rule_id for rule in rules if rule.query.plain and any(map(rule.query.selects, places))
            }
    for name, entry in policy.tools.items():
        for side, rules in (("arguments", entry.arguments), ("results", entry.results)):
            for rule in rules if (name, side) in seen else ():
                if rule.query.plain and rule.rule_id not in met:
                    message = (
                        f"`{rule.path}` of {name} matched nothing in the recorded sessions that called it"
                    )
                    fix = (
                        "check how its results are built with `umi tools call`, or keep it for what may come"
                    )
                    yield Problem(rule.line, message, fix)
