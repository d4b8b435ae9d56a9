"""Outweighed: what a policy says to no effect, since something stricter holds wherever it speaks.

Covered: settings, errors and defaults of an entry; every field of a rule, at a place of each kind that its path
selects, whatever a filter looks at. Not covered: rules that say what would hold anyway; what no tool's schema has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from umi_edge.policy.clearance import Clearance
from umi_edge.policy.document import Policy, Runs, ToolPolicy, default_of, join_entries
from umi_edge.policy.paths import Location
from umi_edge.policy.resolution import Assignment, RuleTable
from umi_edge.policy.rules import RULE_FIELDS, PathRule, Resolution, Shape
from umi_shared.labels import Label
from umi_shared.problems import Problem

__all__ = ["outweighed"]

_FIX = "remove it, or the stricter one"
_ANYWHERE: tuple[Location, ...] = ((), ("*",), (0,))


def outweighed(policy: Policy, tool: ToolPolicy) -> Iterator[Problem]:
    """Warnings of all that one entry says to no effect, each with its line and what outweighs it."""
    yield from _settings(policy, tool)
    for side, rules in (("arguments", tool.arguments), ("results", tool.results)):
        yield from _default(policy, tool, side)
        table = policy.table(tool.name, side)
        for rule in rules:
            yield from _rule(_Case(policy, tool, side, table, rule))


def _settings(policy: Policy, tool: ToolPolicy) -> Iterator[Problem]:
    entries = policy.entries(tool.name)
    holds = join_entries(entries)
    for name in sorted(tool.stated):
        word, strictest = getattr(tool, name), getattr(holds, name)
        if word != strictest:
            (by, *_) = (one for one in entries if name in one.stated and getattr(one, name) == strictest)
            yield _problem(
                tool.line_of(name), f"`{name}: {word}` of {tool.name}", strictest, by.rule_id_of(name)
            )
    if tool.errors is not None and holds.errors is not None:
        word, strictest = tool.errors.clearance, holds.errors.clearance
        if word != strictest:
            others = (one.errors.rule_id for one in entries if one is not tool and one.errors is not None)
            yield _problem(
                tool.line_of("errors"), f"`errors: {word}` of {tool.name}", strictest, "; ".join(others)
            )


def _default(policy: Policy, tool: ToolPolicy, side: str) -> Iterator[Problem]:
    word = default_of(tool.defaults, side)
    if word is None:
        return
    assignment, table = policy.table(tool.name, side).assign(None), policy.table(tool.name, side)
    places = (*_ANYWHERE, *_places(table.rules))
    if all(_stricter(word, assignment.at(place).clearance) for place in places):
        holds = assignment.at(("*",))
        what = f"the default `{side}: {word}` of {tool.name}"
        line = tool.defaults.lines.get(side, tool.line)
        by = [one for one in holds.rule_id.split("; ") if f":{line} " not in one]
        yield _problem(line, what, holds.clearance, "; ".join(by))


@dataclass(frozen=True, slots=True)
class _Case:
    """One rule, and the table in which it stands."""

    policy: Policy
    tool: ToolPolicy
    side: str
    table: RuleTable
    rule: PathRule

    @property
    def assignment(self) -> Assignment:
        """What holds at each place, the rule's filters taken to match."""
        return self.table.assume(self.rule)

    def places(self) -> tuple[Location, ...]:
        """A place of each kind that the rule selects and that the rules of the table tell apart."""
        own, selects = self.rule.query.places(), self.rule.query.selects
        if not self.rule.query.plain:
            return own
        return (*own, *(place for place in _places(self.table.rules) if selects(place)))

    def below(self) -> tuple[Location, ...]:
        """Its places, and those that rules name below them."""
        own = self.places()
        others = _places(self.table.rules)
        return (*own, *(place for place in others if any(place[: len(at)] == at for at in own)))


def _rule(case: _Case) -> Iterator[Problem]:
    found, rule, assignment = case.places(), case.rule, case.assignment
    for field in RULE_FIELDS:
        said = getattr(rule, field)
        if said is None or not found:
            continue
        held = [getattr(assignment.at(place), field) for place in found]
        if all(_differs(field, said, one) for one in held):
            word = "false" if said is False else "true" if said is True else said
            what = f"`{rule.path}: {word}`" if field == "clearance" else f"`{field}: {word}` of `{rule.path}`"
            by = _culprits(case, field, found[0], held[0])
            yield _problem(rule.line, f"{what} of {case.tool.name}", held[0], by)
    yield from _idle(case)


def _differs(field: str, said: object, held: object) -> bool:
    if isinstance(said, Clearance) and isinstance(held, Clearance):
        return _stricter(said, held)
    return field != "bars" and said != held  # bars add up


def _culprits(case: _Case, field: str, place: Location, held: object) -> str:
    """The rules that a rule gave way to at a place: the nearest ones that say what holds, else all that speak."""
    speak: list[PathRule] = []
    for depth in range(len(place), -1, -1):
        here = [
            one
            for one in case.table.rules
            if (one is not case.rule or _hides(one, field))
            and one.query.plain
            and one.query.selects(place[:depth])
        ]
        speak += [one for one in here if getattr(one, field) is not None or _hides(one, field)]
        if field == "show":
            speak += [one for one in here if one.clearance is not None and one.show is None]
    same = [one for one in speak if getattr(one, field) == held]
    chosen = same[:1] or [one for one in speak if _hides(one, field)][:1] or speak
    if chosen:
        return "; ".join(one.rule_id for one in chosen)
    return case.policy.default_chain(case.tool.name, case.side)[0].rule_id


def _hides(rule: PathRule, field: str) -> bool:
    return rule.shape is Shape.HIDDEN and field == "clearance"


def _idle(case: _Case) -> Iterator[Problem]:
    """Words that have nothing to act on: a handle's where the value itself leaves, a reader's where nobody reads."""
    rule, assignment = case.rule, case.assignment
    places = case.below()
    if rule.link is not None and places and all(map(_leaves, map(assignment.at, places))):
        message = f"`link` of `{rule.path}` of {case.tool.name} has no effect: the value itself leaves"
        yield Problem(rule.line, message, "remove it, or say `locality: handle`")
    holds = join_entries(case.policy.entries(case.tool.name))
    reads_all = "runs" in holds.stated and holds.runs is Runs.DEVICE
    if rule.on_violation and reads_all and all(assignment.at(place).accepts is None for place in places):
        message = (
            f"`on_violation` of `{rule.path}` of {case.tool.name} has no effect: the tool runs on the device "
            f"and may read everything, by {holds.rule_id_of('runs')}"
        )
        yield Problem(rule.line, message, "say what it `accepts`, or remove it")


def _leaves(said: Resolution) -> bool:
    return Label.at(said.locality).public and not said.scan


def _places(rules: Iterable[PathRule]) -> tuple[Location, ...]:
    return tuple(place for rule in rules for place in rule.query.places())


def _stricter(word: Clearance, held: Clearance) -> bool:
    return not word.admits(held)


def _problem(line: int, what: str, holds: object, by: str) -> Problem:
    word = (
        {True: "true", False: "false", None: "nothing"}.get(holds, holds)
        if isinstance(holds, bool | None)
        else holds
    )
    return Problem(line, f"{what} has no effect: `{word}` holds, by {by}", _FIX)
