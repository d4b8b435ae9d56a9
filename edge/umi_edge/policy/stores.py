"""Stores: whether a value may be put where a later session reads it back, under whatever rule holds there.

Keeps I2: where nobody has said where an argument comes back, it may come back anywhere, so what stays is asked about.

Covered: the readers that the rule of each place lets have it, what `show` tells of it, that a handle stands for
what is hidden, and the tools that may not be given it.
Not covered: what an error text quotes; that a value was stored at all, by how many records there are.

I2: docs/design.md#i2-fail-closed
I3: docs/design.md#i3-noninterference
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from umi_edge.policy.cases import cases
from umi_edge.policy.document import Policy
from umi_edge.policy.families import BUILT_IN_FAMILIES
from umi_edge.policy.resolution import RuleTable
from umi_edge.policy.rules import Resolution
from umi_edge.policy.schema_structure import ANYTHING
from umi_edge.policy.stored_as import ReadBack
from umi_shared.bars import Bar, unbarred
from umi_shared.errors import LimitError
from umi_shared.labels import PLANNER, SUMMARIZER, Label

__all__ = ["Laxer", "laxer_places", "may_be_read_back", "rules_at"]


@dataclass(frozen=True, slots=True)
class Laxer:
    """A place that shows more of a value than it may be shown of."""

    place: ReadBack
    rule: Resolution | None
    """What holds there; None where that is not known."""
    lifted: tuple[Bar, ...] = ()
    """The bars of the value that nothing there makes good for; empty where other things are laxer."""

    @property
    def shown(self) -> str:
        """What is shown of it and to whom, in words."""
        if self.rule is None:
            return "nobody knows what to whom"
        if self.lifted:
            return f"it without {'; '.join(f'`{bar}` ({bar.rule})' for bar in self.lifted)}"
        label = Label.at(self.rule.locality)
        readers = " and ".join(f"the {sink}" for sink in (PLANNER, SUMMARIZER) if label.may_read(sink))
        if readers:
            but = ", but for what the detectors find in it" if self.rule.scan else ""
            return f"it to {readers}{but}"
        return f"the {self.rule.show} of it" if self.rule.show else "a handle for it"

    @property
    def mend(self) -> str:
        """What in the policy would make the place strict enough."""
        if self.lifted:
            return f"the policy said {' and '.join(f'`{bar}`' for bar in self.lifted)} of {self.place.shown}, too"
        return f"the policy kept {self.place.shown} (`handle`)"


def laxer_places(
    policy: Policy, places: Iterable[ReadBack], label: Label, left: Callable[[], Label]
) -> list[Laxer]:
    """The places whose rule is laxer than a value's label, each once.

    `left` is the label of what the detectors do not find in it, and is called only where that decides.
    """
    found: list[Laxer] = []
    for place in places:
        rules = rules_at(policy, place)
        if rules is None:
            found.append(Laxer(place, None))
            continue
        rule = next((rule for rule in rules if not may_be_read_back(rule, label, left)), None)
        if rule is not None:
            found.append(Laxer(place, rule))
            continue
        lifted = next(((rule, bars) for rule in rules if (bars := unbarred(label.bars, rule.bars))), None)
        if lifted is not None:
            found.append(Laxer(place, *lifted))
    return found


def may_be_read_back(rule: Resolution, label: Label, left: Callable[[], Label]) -> bool:
    """Whether a rule shows no more of a value than its label does."""
    if _within(rule, label):
        return True
    return rule.scan and _within(rule, left())


def _within(rule: Resolution, label: Label) -> bool:
    limit = Label.at(rule.locality)
    joined = limit.join(label)
    return (
        joined.readers == limit.readers
        and joined.visible == limit.visible
        and (rule.show is None or label.public)
    )


_Known = dict[str, tuple[Resolution, ...] | None]
_KNOWN: "WeakKeyDictionary[RuleTable, _Known]" = WeakKeyDictionary()


def rules_at(policy: Policy, place: ReadBack) -> tuple[Resolution, ...] | None:
    """Everything that may hold at a place and below it, filters matching or not; None where that is not known.

    It is not where the policy says nothing of the tool, whose name may be misspelt, or where its rules meet in too
    many ways.
    """
    listed = policy.tool(place.tool).listed
    if not listed and place.tool.partition(".")[0] not in BUILT_IN_FAMILIES:
        return None
    table = policy.table(place.tool, "results")
    known = _KNOWN.setdefault(table, {})
    if place.path.canonical not in known:
        known[place.path.canonical] = _walked(table, place)
    return known[place.path.canonical]


def _walked(table: RuleTable, place: ReadBack) -> tuple[Resolution, ...] | None:
    try:
        found = (case.resolution for case in cases(table, ANYTHING, (place.path,), along=True) if case.within)
        return tuple(dict.fromkeys(found))
    except LimitError:
        return None
