"""Where a tool's arguments are read back and what is shown of them there, for people; and what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from umi_edge.policy import Policy, Resolution
from umi_edge.policy.cases import cases
from umi_edge.policy.paths import Location
from umi_edge.policy.resolution import RuleTable
from umi_edge.policy.schema_structure import Structure
from umi_edge.policy.stored_as import ReadBack, argument_path
from umi_edge.policy.stores import rules_at
from umi_edge.policy_tools.subjects import own_tool
from umi_shared.problems import Problem, near

__all__ = ["Store", "store_warnings", "stores_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One argument, and where it is read back."""

    argument: str
    places: tuple[tuple[str, str], ...]
    """Each place, and the words of the policy that hold there."""
    rule_id: str

    @property
    def said(self) -> str:
        """As one line."""
        if not self.places:
            return f"what {self.argument} is given is read back nowhere ({self.rule_id})"
        where = "; ".join(f"{place} ({words})" for place, words in self.places)
        return f"what {self.argument} is given is read back as {where} ({self.rule_id})"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        places = [{"place": place, "clearance": words} for place, words in self.places]
        return {"argument": self.argument, "read_back": places, "rule": self.rule_id}


def stores_of(policy: Policy, tool: str, argument: str | None = None) -> tuple[Store, ...]:
    """What is said of a tool that writes; of one argument, where that is named. Raises `PathError`."""
    own = own_tool(tool)
    said = (*(own.stored_as if own else ()), *policy.tool(tool).stored_as)
    asked: tuple[Location, ...] = () if argument is None else argument_path(argument).examples()
    return tuple(
        Store(
            argument=one.argument.text,
            places=tuple(
                (f"{place.tool}: {place.path.shown}", _words(policy, place)) for place in one.places
            ),
            rule_id=one.rule_id,
        )
        for one in said
        if argument is None or any(map(one.covers, asked))
    )


def _words(policy: Policy, place: ReadBack) -> str:
    rules = rules_at(policy, place)
    if rules is None:
        return "not known: you are asked"
    shown = {f"{rule.clearance}{f', show {rule.show}' if rule.show else ''}" for rule in rules}
    return " or ".join(sorted(shown))


def store_warnings(policy: Policy) -> Iterator[Problem]:
    """Places of `stored_as:` that no tool has, or of which no rule speaks: a path that is misspelt seems to stay."""
    for name, entry in policy.tools.items():
        for one in entry.stored_as:
            for place in one.places:
                why = _wrong(policy, place)
                if why:
                    yield Problem(
                        one.line, f"`stored_as` of {name} names {place.shown}, and {why[0]}", why[1]
                    )


def _wrong(policy: Policy, place: ReadBack) -> tuple[str, str] | None:
    own = own_tool(place.tool)
    if own is not None and own.output_schema is not None and not _admits(own.output_schema, place):
        return f"{place.tool} gives nothing there", "name a path of its results; `$` is anywhere in them"
    rules = policy.table(place.tool, "results").rules
    known = {name for rule in rules for name in rule.query.names}
    unknown = sorted(place.path.names - known)
    if own is None and unknown and all(rule.query.names for rule in rules):  # one without names speaks of any
        fix = f"{near(unknown[0], sorted(known))}; or give the place a rule of its own"
        return f"no rule of {place.tool} spells `{unknown[0]}`", fix
    return None


def _admits(schema: Any, place: ReadBack) -> bool:
    found = cases(RuleTable((), Resolution()), Structure(schema), (place.path,), along=True)
    return any(case.within for case in found)
