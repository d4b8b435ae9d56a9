"""Disagreement: two rules of one store, of which one keeps values and one lets texts out in which they may stand.

A text that `planner` or `summarizer` lets out leaves whole. Where a value stands in it that another rule keeps, the two
cannot both hold, so the egress guard stops the session. Under `cloud` the text is public, whatever stands in it; under
`scan-planner` what is kept stays out of it.

Covered: rules and stated defaults of tools of one store or server, and of `search.everywhere`.
Not covered: what no line of the policy mentions; values that come from another store.

I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from umi_edge.policy.checks import LOOSE_TYPES
from umi_edge.policy.clearance import Clearance
from umi_edge.policy.document import Policy, ToolPolicy
from umi_shared.bars import meant_by
from umi_shared.labels import Locality

__all__ = ["Disagreement", "SEARCHED", "disagreements"]

SEARCHED = ("calendar", "contacts", "files", "mail", "notes")
"""The stores that `search.everywhere` looks into."""
_NAMED = 3
_STAYS = (Locality.HANDLE, Locality.HIDDEN)
_ONE_READER = (Locality.PLANNER, Locality.SUMMARIZER)


@dataclass(frozen=True, slots=True)
class _Word:
    """What one line says of results."""

    tool: str
    path: str
    clearance: Clearance
    line: int
    text: bool
    """Whether what stands there may be a text."""

    def __str__(self) -> str:
        where = (
            f"`{self.path}` of {self.tool}" if self.path else f"the default of {self.tool or 'the policy'}"
        )
        return f"{where} (line {self.line}: `{self.clearance}`)"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One line that lets a text out whole, and those that keep what may stand in it."""

    lets_out: _Word
    keep: tuple[_Word, ...]

    @property
    def line(self) -> int:
        """The line that lets the text out."""
        return self.lets_out.line

    @property
    def message(self) -> str:
        """Both rules, with their tools, paths and lines."""
        named = ", ".join(map(str, self.keep[:_NAMED]))
        more = f" and {len(self.keep) - _NAMED} more" if len(self.keep) > _NAMED else ""
        return (
            f"{self.lets_out} lets texts out whole, and {named}{more} keep{'' if len(self.keep) > 1 else 's'} "
            "what may stand in them: where it does, the session stops"
        )

    @property
    def fix(self) -> str:
        """What to say in its place."""
        word = self.lets_out.clearance.locality
        return f"say `scan-{word}`: what is kept then stays out of the text; or `cloud`, if the text may leave as it is"


def disagreements(policy: Policy, tools: Collection[str] = ()) -> tuple[Disagreement, ...]:
    """The lines of a policy that disagree, in its order; of these `tools` alone, where some are given."""
    entries = [
        entry
        for entry in policy.tools.values()
        if not tools or any(meant_by(entry.name, tool) for tool in tools)
    ]
    words = [word for entry in entries for word in _words(policy, entry)]
    found = []
    for word in words:
        if word.text and not word.clearance.scan and word.clearance.locality in _ONE_READER:
            theirs = tuple(one for one in words if _keeps(one, word) and _of_one_store(one.tool, word.tool))
            found += [Disagreement(word, theirs)] if theirs else []
    return tuple(found)


def _words(policy: Policy, entry: ToolPolicy) -> Iterator[_Word]:
    """What holds at the places of which an entry speaks, where that is its own word."""
    table = policy.table(entry.name, "results")
    for rule in entry.results:
        if rule.clearance is None:
            continue
        held = [table.assume(rule).at(place) for place in rule.query.places()]
        if any(one.clearance == rule.clearance for one in held):
            text = (rule.type or "text") in LOOSE_TYPES
            yield _Word(entry.name, rule.path, rule.clearance, rule.line, text)
    if entry.defaults.results is not None:
        yield _Word(entry.name, "", entry.defaults.results, entry.defaults.lines["results"], True)


def _keeps(one: _Word, lets_out: _Word) -> bool:
    """Whether a line keeps values from the one reader whom another line lets read."""
    theirs = one.clearance.locality
    return theirs in _STAYS or (theirs in _ONE_READER and theirs != lets_out.clearance.locality)


def _of_one_store(one: str, other: str) -> bool:
    stores = {name.partition(".")[0].rstrip("*") for name in (one, other)}
    return len(stores) == 1 or "" in stores or ("search" in stores and bool(stores & set(SEARCHED)))
