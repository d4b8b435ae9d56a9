"""A policy's rules as rows of a table, for whoever shows them: the commands, and the page."""

from functools import reduce
from typing import Any

from umi_edge.policy.clearance import Clearance
from umi_edge.policy.document import Policy
from umi_edge.policy.explanation import said_by
from umi_edge.policy.rules import PathRule

__all__ = ["READS", "rows", "settings"]


def settings(policy: Policy, tool: str, *, source: str = "") -> dict[str, str]:
    """What holds for a tool as a whole; `source` is the catalogue's word for where it comes from."""
    rules = policy.tool(tool, source=source)
    return {
        "entry": rules.name,
        "runs": rules.runs.value,
        "confirm": rules.confirm.value,
        "integrity": rules.integrity.value,
        "caller": rules.caller.value,
        "card": rules.card.value,
        "errors": str(rules.errors.clearance) if rules.errors else "kind",
        "barred": "; ".join(map(str, sorted(rules.bars))),
    }


def rows(policy: Policy) -> list[dict[str, Any]]:
    """Every rule and default of a policy, in the order of the file."""
    found: list[dict[str, Any]] = []
    for name in policy.tools:
        for side in ("arguments", "results"):
            for rule in getattr(policy.tools[name], side):
                clearance = _holds(policy, name, side, rule)
                also = said_by(rule).removeprefix(str(rule.clearance)).removeprefix(", ")
                found.append(
                    _row(name, side, rule.path, clearance, also if also != "nothing more" else "", rule.line)
                )
            default = policy.default_chain(name, side)[0]
            clearance = _holds_elsewhere(policy, name, side, default.clearance)
            found.append(_row(name, side, "(all else)", clearance, default.level, default.line))
        said = policy.tools[name]
        for bar in sorted(said.bars):
            line = said.line_of("only_to" if bar.only else "never_to")
            found.append(_row(name, "results", "(all)", "as around it", str(bar), line))
        if said.errors is not None:
            found.append(
                _row(name, "errors", "(all)", str(said.errors.clearance), "", said.line_of("errors"))
            )
    return found


def _holds(policy: Policy, tool: str, side: str, rule: PathRule) -> str:
    """What holds where a rule does, which is stricter than its own word where something outweighs it."""
    if rule.clearance is None:
        return "as around it"
    at = policy.table(tool, side).assume(rule).at
    held = [at(place).clearance for place in rule.query.places()]
    return str(rule.clearance if rule.clearance in held or not held else held[0])


def _holds_elsewhere(policy: Policy, tool: str, side: str, default: Clearance) -> str:
    """What holds where no rule of an entry speaks: its default, and what other entries say of all."""
    _, *others = policy.table(tool, side).assign(None).node(("*",)).said
    words = (one.resolution.clearance for one in others if "clearance" in one.spoken)
    return str(reduce(lambda one, other: one.join(other), words, default))


READS = {
    "cloud": "leaves",
    "scan": "leaves, scanned",
    "planner": "leaves to the planner",
    "summarizer": "leaves to the summarizer",
    "scan-planner": "leaves to the planner, scanned",
    "scan-summarizer": "leaves to the summarizer, scanned",
    "handle": "stays (handle)",
    "hidden": "stays (hidden)",
}


def _row(tool: str, side: str, path: str, clearance: str, also: str, line: int) -> dict[str, Any]:
    reads = READS.get(clearance, clearance)
    return {
        "tool": tool,
        "side": side,
        "path": path,
        "locality": clearance,
        "reads": reads,
        "also": also,
        "line": line,
    }
