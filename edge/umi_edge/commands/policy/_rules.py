"""A policy's rules as rows of a table, for the commands that show them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from umi_edge.policy.document import Policy

__all__ = ["READS", "rows", "settings"]


def settings(policy: "Policy", tool: str) -> dict[str, str]:
    """What holds for a tool as a whole."""
    rules = policy.tool(tool)
    return {
        "entry": rules.name,
        "runs": rules.runs.value,
        "confirm": rules.confirm.value,
        "integrity": rules.integrity.value,
        "caller": rules.caller.value,
        "card": rules.card.value,
        "errors": str(rules.errors.clearance) if rules.errors else "kind",
    }


def rows(policy: "Policy") -> list[dict[str, Any]]:
    """Every rule and default of a policy, in the order of the file."""
    from umi_edge.policy.explanation import said_by

    found: list[dict[str, Any]] = []
    for name in policy.tools:
        for side in ("arguments", "results"):
            table = policy.table(name, side)
            for rule in table.rules:
                clearance = str(rule.clearance) if rule.clearance else "as around it"
                also = said_by(rule).removeprefix(clearance).removeprefix(", ")
                found.append(
                    _row(name, side, rule.path, clearance, also if also != "nothing more" else "", rule.line)
                )
            default = policy.default_chain(name, side)[0]
            found.append(_row(name, side, "(all else)", str(default.clearance), default.level, default.line))
        said = policy.tools[name]
        if said.errors is not None:
            found.append(_row(name, "errors", "(all)", str(said.errors.clearance), "", said.errors_line))
    return found


READS = {
    "cloud": "leaves",
    "scan": "leaves, scanned",
    "planner": "leaves to the planner",
    "summarizer": "leaves to the summarizer",
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
