"""Lint: what a policy says that has no effect, or more effect than it seems to; warnings, for it loads all the same.

I3: docs/design.md#i3-noninterference
"""

from collections.abc import Iterator

from umi_edge.policy.detector import Incomplete
from umi_edge.policy.document import Policy, ToolPolicy, join_entries
from umi_edge.policy.paths import Location
from umi_edge.policy.resolution import Assignment
from umi_edge.policy.rules import PathRule, Resolution
from umi_edge.policy.span_finder import missing
from umi_shared.labels import PLANNER, SUMMARIZER, Label
from umi_shared.problems import Problem

__all__ = ["warnings_of"]


def warnings_of(policy: Policy) -> tuple[Problem, ...]:
    """Everything to warn of, in the order of the file.

    - `show` where it shows nothing: on arguments, on what leaves anyway, on what is hidden;
    - a filter that looks at values that stay: which places it lets out tells of them, and nothing counts it (I3);
    - what an entry says of a tool where a wildcard that covers all of it is stricter;
    - a plug-in that is not installed on this device;
    - a detector that may do without what its tool cannot read.
    """
    found = [*_plugins(policy), *_incomplete(policy)]
    for name, tool in policy.tools.items():
        found += _shows(policy, name, tool)
        found += _filters(policy, name, tool)
        found += _outweighed(policy, tool)
    return tuple(sorted(found, key=lambda problem: problem.line))


def _plugins(policy: Policy) -> Iterator[Problem]:
    for detector in policy.detect:
        lacks = missing(detector) if detector.plugin else None
        if lacks is not None:
            yield Problem(detector.line, lacks.message, lacks.fix)


def _incomplete(policy: Policy) -> Iterator[Problem]:
    for detector in policy.detect:
        if detector.incomplete is Incomplete.ALLOW:
            message = f"{detector.rule_id} finds less where {detector.tool} cannot read all: the rest leaves in clear"
            yield Problem(detector.line, message, "remove `incomplete: allow` once the data is mended")


def _shows(policy: Policy, name: str, tool: ToolPolicy) -> Iterator[Problem]:
    for rule in tool.arguments:
        if rule.show:
            message = (
                f"`show` on an argument ({name}, `{rule.path}`) shows nothing: facts are told of results"
            )
            yield Problem(rule.line, message, "put it on the result that the value comes from, or remove it")
    assignment = policy.table(name, "results").assign(None)
    for rule in tool.results:
        if rule.show:
            why = _why_nothing(_resolution(policy, name, rule, assignment))
            if why:
                message = f"`show: {rule.show}` of {name}, `{rule.path}`, shows nothing: {why}"
                yield Problem(rule.line, message, "say `locality: handle`, or remove `show`")


def _resolution(policy: Policy, tool: str, rule: PathRule, assignment: Assignment) -> Resolution | PathRule:
    """What holds where the rule does; the rule's own word where that depends on values."""
    examples = rule.query.examples()
    if examples:
        return assignment.at(examples[0])
    return rule if rule.clearance else policy.table(tool, "results").default


def _why_nothing(said: Resolution | PathRule) -> str:
    if said.scan:
        return "a text that is scanned leaves but for what the detectors find"
    label = Label.at(said.locality) if said.locality else None
    if label is None:
        return ""
    if label.public:
        return "the value itself leaves"
    return "" if label.visible else "what is hidden leaves no trace"


def _filters(policy: Policy, name: str, tool: ToolPolicy) -> Iterator[Problem]:
    assignment = policy.table(name, "results").assign(None)
    for rule in tool.results:
        looked_at = [where for where in rule.query.looks_at() if _stays(assignment, where)]
        if looked_at:
            yield Problem(
                rule.line,
                f"the filter of {name}, `{rule.path}`, looks at values that stay: where it matches tells of them",
                "choose by a field that leaves anyway, or say the same for all of them",
            )


def _outweighed(policy: Policy, tool: ToolPolicy) -> Iterator[Problem]:
    """What an entry states, and a wildcard that covers every tool of the entry outweighs: it never decides."""
    fix = "remove it, or the stricter one"
    holds = join_entries(policy.entries(tool.name))
    for name in sorted(tool.stated):
        word, strictest = getattr(tool, name), getattr(holds, name)
        if word != strictest:
            message = f"`{name}: {word}` of {tool.name} has no effect: another entry says `{strictest}`"
            yield Problem(tool.line, message, fix)
    for side, rules in (("arguments", tool.arguments), ("results", tool.results)):
        assignment = policy.table(tool.name, side).assign(None)
        for rule in rules:
            examples = rule.query.examples() if rule.clearance and rule.query.plain else ()
            node = assignment.node(examples[0]) if examples else None
            if node and rule.clearance and not rule.clearance.admits(node.resolution.clearance):
                message = (
                    f"`{rule.path}: {rule.clearance}` of {tool.name} has no effect: "
                    f"`{node.resolution.clearance}` holds, by {node.resolution.rule_id}"
                )
                yield Problem(rule.line, message, fix)


def _stays(assignment: Assignment, location: Location) -> bool:
    label = Label.at(assignment.at(location).locality)
    clear = label.may_read(PLANNER) and label.may_read(SUMMARIZER)
    return not clear or assignment.at(location).scan
