"""Origins as `umi policy explain --session` shows them: by type and handle, never by content."""

from typing import Any

from umi_edge.policy import Policy
from umi_edge.policy.explanation import explain
from umi_edge.policy_tools.origins import Origin, Use, origin_of, uses_of
from umi_edge.policy_tools.quoted_line import quoted
from umi_edge.policy_tools.recorded import RecordedSession
from umi_shared.handles import Handle
from umi_shared.screen.output import say

__all__ = ["as_json", "print_origin"]


def print_origin(policy: Policy, lines: list[str], session: RecordedSession, handle: Handle) -> None:
    """The chain of origins of a handle, its uses, and what would change."""
    origin = origin_of(session, handle)
    say(f"{handle} in {session.file} (from line {session.line}, under the policy `{session.policy}`)")
    _print_chain(origin, 1)
    uses = uses_of(session, handle)
    for use in uses:
        say(f"  given to {use.tool} {use.path} (step {use.step}): {use.verdict or 'no verdict'}")
        for reason in use.reasons:
            say(f"    {reason}")
    if not uses:
        say("  given to no call")
    _print_change(policy, lines, origin)


def _print_chain(origin: Origin, depth: int) -> None:
    margin = "  " * depth
    say(f"{margin}{_words(origin)}")
    if origin.rule_id:
        say(f"{margin}  kept as `{origin.label.locality}`, {origin.label.integrity}, by {origin.rule_id}")
    for given in origin.given:
        what = [str(one.handle) for one in given.origins] + (
            ["text that the caller wrote"] if given.written else []
        )
        if what:
            say(f"{margin}  that call was given {given.path}: {' and '.join(what)}")
        for one in given.origins:
            _print_chain(one, depth + 2)


def _words(origin: Origin) -> str:
    match origin.kind:
        case "instruction":
            return f"{origin.handle} came from the instruction (step {origin.step})"
        case "result":
            return (
                f"{origin.handle} came from the result of {origin.tool} at {origin.path} (step {origin.step})"
            )
        case "error":
            return f"{origin.handle} came from what {origin.tool} said of its failure (step {origin.step})"
        case "written":
            return f"{origin.handle} was written by the caller, as {origin.path} of {origin.tool} (step {origin.step})"
    return f"{origin.handle}: where it came from is not recorded"


def _print_change(policy: Policy, lines: list[str], origin: Origin) -> None:
    change = _explanation(policy, origin)
    if change is None:
        return
    clearance, line, rule, text = change
    where = f"line {line}: {quoted(lines, line)}" if line else rule
    say(f"  {policy.name} says `{clearance}` there, by {where}")
    say(f"  {text}")


def _explanation(policy: Policy, origin: Origin) -> tuple[str, int, str, str] | None:
    """What a policy says of the place that the value came from: clearance, deciding line and rule, counterfactual."""
    if origin.kind == "error":
        rules = policy.tool(origin.tool)
        key = rules.name or origin.tool
        change = f'the cloud would see it with: tools: {{"{key}": {{errors: cloud}}}}'
        if rules.errors is None:
            return "kind", 0, "built-in default for `errors`", change
        return str(rules.errors.clearance), rules.line_of("errors"), rules.errors.rule_id, change
    if origin.kind not in ("result", "written"):
        return None
    side = "results" if origin.kind == "result" else "arguments"
    found = explain(policy, origin.tool, side, origin.location)
    decides = next((step for step in found.steps if step.decides), found.steps[-1])
    return str(found.resolution.clearance), decides.line, decides.rule_id, found.change


def as_json(policy: Policy, session: RecordedSession, handle: Handle) -> dict[str, Any]:
    """The same, for programs."""
    origin = origin_of(session, handle)
    change = _explanation(policy, origin)
    return {
        "handle": str(handle),
        "session": {"file": session.file, "line": session.line, "policy": session.policy},
        "origin": _origin_json(origin),
        "uses": [_use_json(use) for use in uses_of(session, handle)],
        "now": None
        if change is None
        else {"locality": change[0], "line": change[1], "rule": change[2], "change": change[3]},
    }


def _origin_json(origin: Origin) -> dict[str, Any]:
    return {
        "handle": str(origin.handle),
        "kind": origin.kind,
        "step": origin.step,
        "tool": origin.tool,
        "path": origin.path,
        "rule": origin.rule_id,
        "locality": str(origin.label.locality),
        "integrity": str(origin.label.integrity),
        "given": [
            {
                "path": one.path,
                "written": one.written,
                "origins": [_origin_json(deeper) for deeper in one.origins],
            }
            for one in origin.given
        ],
    }


def _use_json(use: Use) -> dict[str, Any]:
    return {
        "step": use.step,
        "tool": use.tool,
        "path": use.path,
        "verdict": use.verdict,
        "reasons": list(use.reasons),
    }
