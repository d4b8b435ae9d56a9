"""Why a policy decides as it does for one place, for programs."""

from typing import Any

from umi_edge.policy.explanation import Explanation
from umi_edge.policy_tools.quoted_line import quoted

__all__ = ["explanation_json"]


def explanation_json(item: Explanation, lines: list[str]) -> dict[str, Any]:
    """What decides for one place, for programs; `lines` are the policy's."""
    resolution = item.resolution
    return {
        "side": item.side,
        "path": item.path,
        "locality": str(resolution.clearance),
        "type": resolution.type,
        "show": resolution.show,
        "link": resolution.link,
        "shape": resolution.shape.value,
        "kept_whole": item.whole is not None,
        "shape_counts": item.shape_counts,
        "requires": resolution.requires,
        "accepts": resolution.accepts,
        "on_violation": resolution.on_violation.value,
        "barred": [
            {"rule": bar.rule, "only" if bar.only else "never": list(bar.tools)}
            for bar in sorted(resolution.bars)
        ],
        "chain": [
            {
                "level": step.level,
                "path": step.path,
                "says": step.says,
                "rule": step.rule_id,
                "line": step.line,
                "text": quoted(lines, step.line),
                "decides": step.decides,
            }
            for step in item.steps
        ],
        "may_join": [rule.rule_id for rule in item.depends],
        "clients": list(item.clients),
        "change": item.change,
    }
