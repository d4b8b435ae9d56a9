"""Lint: what a policy says that has no effect, or more effect than it seems to; warnings, for it loads all the same.

I3: docs/design.md#i3-noninterference
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from umi_edge.policy.detector import DetectorKind, Incomplete
from umi_edge.policy.disagreement import SEARCHED, disagreements
from umi_edge.policy.document import Card, Policy, ToolPolicy
from umi_edge.policy.loader import default_policy
from umi_edge.policy.outweighed import outweighed
from umi_edge.policy.paths import Location
from umi_edge.policy.patterns.registry import BUILTIN_PATTERNS
from umi_edge.policy.resolution import Assignment
from umi_edge.policy.rules import PathRule, Resolution
from umi_edge.policy.span_finder import missing
from umi_shared.bars import unbarred
from umi_shared.labels import PLANNER, SUMMARIZER, Label, Locality
from umi_shared.problems import Problem

__all__ = ["warnings_of"]

_EVERYWHERE = ("search.everywhere", "search.answer")
_LITERAL = re.compile(r"[A-Za-z][A-Za-z_ -]*")


def warnings_of(policy: Policy) -> tuple[Problem, ...]:
    """Everything to warn of, in the order of the file.

    - `show` where it shows nothing: on arguments, on what leaves anyway, on what is hidden;
    - a filter that looks at values that stay: which places it lets out tells of them, and nothing counts it (I3);
    - what has no effect, since something stricter holds wherever it speaks (`policy.outweighed`);
    - a pattern that is a detector's name, and so finds that word only;
    - a plug-in that is not installed on this device;
    - a detector that may do without what its tool cannot read;
    - a list of detectors that looks for less than the built-in one, which it replaces;
    - a text that leaves whole, and rules that keep what may stand in it (`policy.disagreement`);
    - a store that is barred from a tool, and not in what a search over all stores gives of it;
    - a client of which it says what holds for every client;
    - `^` and `$` in a regular expression of a path, where they are letters; and an `ignore_case` without a filter.
    """
    found = [Problem(one.line, one.message, one.fix) for one in disagreements(policy)]
    found += [*_plugins(policy), *_incomplete(policy), *_literal_names(policy), *_dropped(policy)]
    found += _clients(policy)
    for name, tool in policy.tools.items():
        found += _shows(policy, name, tool)
        found += _filters(policy, name, tool)
        found += _anchors(name, tool)
        found += _found_elsewhere(policy, tool)
        found += outweighed(policy, tool)
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


def _clients(policy: Policy) -> Iterator[Problem]:
    for name, client in policy.clients.items():
        if client.sink.accepts is Locality.CLOUD and "*" in client.tools:
            message = f"`clients.{name}` says what holds for every client"
            yield Problem(
                client.line, message, "say `accepts: planner`, or which `tools` it has; or remove it"
            )


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


def _anchors(name: str, tool: ToolPolicy) -> Iterator[Problem]:
    for rule in tool.results:
        if any(pattern.startswith("^") or pattern.endswith("$") for pattern in rule.query.patterns):
            message = (
                f"`^` and `$` are letters like others in the regular expression of {name}, `{rule.path}`"
            )
            fix = "leave them out: `match()` is of the whole text, `search()` of any part of it"
            yield Problem(rule.line, message, fix)
        if rule.query.ignore_case and rule.query.plain and not _has_filtered_exception(rule, tool):
            message = f"`ignore_case` of {name}, `{rule.path}`, has no effect: its path has no filter"
            yield Problem(
                rule.line, message, "remove it, or compare in a filter, as in `$.items[?@.kind == 'x']`"
            )


def _found_elsewhere(policy: Policy, tool: ToolPolicy) -> Iterator[Problem]:
    """What is kept from a tool here and comes out of a search over all stores without that."""
    if tool.name.partition(".")[0] not in SEARCHED:
        return
    for search in _EVERYWHERE:
        bare = unbarred(tool.bars, policy.table(search, "results").default.bars)
        if bare and policy.tool(search).card is not Card.HIDDEN:
            bars = " and ".join(f"`{bar}`" for bar in bare)
            message = f"{search} finds what {tool.name} gives, too, and does not say {bars}"
            line = tool.line_of("only_to" if bare[0].only else "never_to")
            fix = f"say it of {search} as well, or keep that tool away (`card: hidden`)"
            yield Problem(line, message, fix)


def _has_filtered_exception(rule: PathRule, tool: ToolPolicy) -> bool:
    """Whether the rule has an exception with a filter, or is an exception itself."""
    return bool(rule.excepts) or any(
        one.excepts == rule.rule_id and not one.query.plain for one in tool.results
    )


def _dropped(policy: Policy) -> Iterator[Problem]:
    """The types of the built-in detectors that a policy's own list does not have."""
    if not policy.detect or any(one.line == 0 for one in policy.detect):
        return  # the built-in ones, or these and more
    own = {one.type for one in policy.detect} | {
        one.pattern for one in policy.detect if one.kind is DetectorKind.BUILTIN
    }
    lacks = dict.fromkeys(one.type for one in default_policy().detect if one.type not in own)
    if lacks:
        message = f"`detect` replaces the built-in detectors, so that nothing looks for {', '.join(lacks)}"
        fix = "say `detect_also` in its place to keep them all, or add those that you want"
        yield Problem(min(one.line for one in policy.detect), message, fix)


def _literal_names(policy: Policy) -> Iterator[Problem]:
    """Patterns that find one word only, which is what a built-in detector is called."""
    for detector in policy.detect:
        if detector.kind is not DetectorKind.PATTERN or not _LITERAL.fullmatch(detector.pattern):
            continue
        word = re.sub(r"[^a-z]", "", detector.pattern.lower())
        names = {name: name.replace("_", "") for name in BUILTIN_PATTERNS}
        near = [
            name for name, plain in names.items() if plain in word or word in (plain, f"{plain}s")
        ] + get_close_matches(word, names.values(), 1, 0.8)
        if near or word == detector.type.replace("_", ""):
            builtin = f"`pattern: builtin:{near[0]}`" if near else "a regular expression, or `values`"
            message = f"the pattern of {detector.rule_id} finds nothing but that word, which reads as a detector's name"
            yield Problem(detector.line, message, f"say {builtin}")


def _stays(assignment: Assignment, location: Location) -> bool:
    label = Label.at(assignment.at(location).locality)
    clear = label.may_read(PLANNER) and label.may_read(SUMMARIZER)
    return not clear or assignment.at(location).scan
