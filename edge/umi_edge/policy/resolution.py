"""Resolution: which rule decides for each node of a value, in one walk.

The plain paths of one tool become one automaton that is made as it is walked: a node of it stands for all
JSON nodes at which the same rules apply, so the work per JSON node is one dictionary look-up, whatever the
number of rules. Paths that look at values (filters, negative indices) are evaluated once per value.

I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from umi_edge.policy.never import Never, without_never
from umi_edge.policy.paths import Location
from umi_edge.policy.rules import PathRule, Resolution, Said, join_said
from umi_shared.bars import NO_BARS, Bar

__all__ = ["Assignment", "Node", "RuleTable"]

_MAX_NODES = 4096
"""Beyond this many kept nodes new ones are made afresh, so that a hostile value can't fill the memory."""
_OTHER_NAME = -1
_OTHER_INDEX = -2

_State = tuple[int, int]
"""A rule and how many of its segments lie behind."""
_Key = tuple[frozenset[_State], tuple[Said, ...], tuple[PathRule, ...]]


class Node:
    """All JSON nodes of a tool's values at which the same rules apply."""

    __slots__ = ("_children", "_states", "exact", "resolution", "said")

    def __init__(
        self,
        said: tuple[Said, ...],
        default: Resolution,
        exact: tuple[PathRule, ...],
        states: frozenset[_State],
        never: tuple[Never, ...] = (),
    ) -> None:
        self.said = said
        """What each of the tool's entries says here."""
        self.resolution = without_never(join_said(said, default), never)
        self.exact = exact
        """The rules that match the node itself; empty where it inherits."""
        self._states = states
        self._children: dict[str | int, Node] = {}

    @property
    def key(self) -> _Key:
        """Equal for nodes below which everything resolves alike."""
        return self._states, self.said, self.exact


class RuleTable:
    """The rules of one tool for its arguments or its results, and the default below them.

    They come from one or several entries of the policy, `entries` rules from each, in order. Within an entry a
    deeper rule replaces what a rule above it says; between entries the strictest word wins, so that none can
    loosen what another says. `speaking` is which entries state a default of their own, which then is a word. What a
    rule gives a type of `never` stays, whatever its locality.
    """

    def __init__(
        self,
        rules: Iterable[PathRule],
        default: Resolution,
        *,
        entries: Sequence[int] = (),
        speaking: Sequence[bool] = (),
        never: tuple[Never, ...] = (),
    ) -> None:
        self.rules = tuple(rules)
        self.default = default
        self._never = never
        counts = entries or (len(self.rules),)
        self._entry_of = {
            rule.rule_id: entry
            for entry, rule in zip(
                (entry for entry, count in enumerate(counts) for _ in range(count)), self.rules, strict=True
            )
        }
        stated = speaking or (False,) * len(counts)
        self._unsaid = tuple(Said(default, frozenset({"clearance"} if own else ())) for own in stated)
        self.names = frozenset(name for rule in self.rules for name in rule.query.names)
        """Member names that the rules spell out: the policy's own words, not data."""
        self.types = frozenset(rule.type for rule in self.rules if rule.type is not None)
        """The handle types that the rules name."""
        self._plain = tuple(i for i, rule in enumerate(self.rules) if rule.query.plain)
        self.costly = tuple(rule for rule in self.rules if not rule.query.plain)
        """The rules whose match depends on values."""
        self._barring = tuple((rule.query, rule.bars) for rule in self.rules if rule.bars)
        self._indices = _indices_of(self.rules)
        self._nodes: dict[_Key, Node] = {}
        self._root = self._node(frozenset((i, 0) for i in self._plain), self._unsaid, ())

    def entry_of(self, rule: PathRule) -> int:
        """Which of the tool's entries a rule stands in, the one that is named most exactly first."""
        return self._entry_of[rule.rule_id]

    def assign(self, value: Any) -> "Assignment":
        """Resolve every node of a value. Raises `PrivacyError` where a rule would take too long (I2)."""
        matched: dict[Location, tuple[PathRule, ...]] = {}
        for rule in self.costly:
            for location in rule.query.locations(value):
                matched[location] = (*matched.get(location, ()), rule)
        return Assignment(self, matched)

    def bars_below(self, location: Location) -> frozenset[Bar]:
        """What may bar any part of the node at a location, whatever the value is: it bars a whole that is kept."""
        found = NO_BARS
        for query, bars in self._barring:
            states = {0}
            for key in location:
                states = {after for state in states for after in query.may_after(state, key)}
            if any(state < len(query.segments) for state in states):
                found |= bars
        return found

    def assume(self, rule: PathRule) -> "Assignment":
        """Resolve every node where a rule's filters match, whatever the value is."""
        return Assignment(self, {} if rule.query.plain else dict.fromkeys(rule.query.places(), (rule,)))

    def root(self, extra: tuple[PathRule, ...] = ()) -> Node:
        """The root's node; `extra` are rules that match it by value."""
        return self._node(self._root._states, self._unsaid, extra) if extra else self._root

    def child(self, node: Node, key: str | int, extra: tuple[PathRule, ...] = ()) -> Node:
        """The node one step down; `extra` are rules that match it by value."""
        kind = self._kind(key)
        known = None if extra else node._children.get(kind)
        if known is None:
            states = frozenset(
                (i, after) for i, state in node._states for after in self.rules[i].query.after(state, key)
            )
            known = self._node(states, node.said, extra)
            if not extra and len(self._nodes) < _MAX_NODES and len(node._children) < _MAX_NODES:
                node._children[kind] = known
        return known

    def _node(
        self, states: frozenset[_State], inherited: tuple[Said, ...], extra: tuple[PathRule, ...]
    ) -> Node:
        place = (states, inherited, extra)
        known = self._nodes.get(place)
        if known is None:
            exact = [rule for i, rule in enumerate(self.rules) if (i, len(rule.query.segments)) in states]
            exact += extra
            replaced = {rule.excepts for rule in exact}
            exact = [rule for rule in exact if rule.rule_id not in replaced]
            said = tuple(
                above.below([rule for rule in exact if self.entry_of(rule) == entry])
                for entry, above in enumerate(inherited)
            )
            known = Node(said, self.default, tuple(exact), states, self._never)
            if len(self._nodes) < _MAX_NODES:
                self._nodes[place] = known
        return known

    def _kind(self, key: str | int) -> str | int:
        """One key for all that no rule tells apart, so that data can't multiply the nodes."""
        if isinstance(key, str):
            return key if key in self.names else _OTHER_NAME
        return key if self._indices is None or key in self._indices else _OTHER_INDEX


def _indices_of(rules: Iterable[PathRule]) -> frozenset[int] | None:
    """The array indices that plain paths name; None where a slice tells indices apart in its own way."""
    found: set[int] = set()
    for rule in rules:
        indices = rule.query.indices if rule.query.plain else frozenset()
        if indices is None:
            return None
        found |= indices
    return frozenset(found)


class Assignment:
    """The resolution of every node of one value.

    >>> table = RuleTable((), Resolution())
    >>> table.assign({"a": [1]}).at(("a", 0)).locality
    <Locality.HANDLE: 'handle'>
    """

    __slots__ = ("_matched", "_table")

    def __init__(self, table: RuleTable, matched: Mapping[Location, tuple[PathRule, ...]]) -> None:
        self._table = table
        self._matched = matched

    @property
    def names(self) -> frozenset[str]:
        """Member names that the policy spells out for this tool; other names are data, and may be private."""
        return self._table.names

    @property
    def types(self) -> frozenset[str]:
        """The handle types that the policy names for this tool."""
        return self._table.types

    @property
    def looks_at_values(self) -> bool:
        """Whether a rule matched by value, so that it may hold for one record and not for the next."""
        return bool(self._matched)

    def at(self, location: Location) -> Resolution:
        """The resolution of the node at a location, leaf or container."""
        return self.node(location).resolution

    def node(self, location: Location) -> Node:
        """The node at a location: its resolution and the rules that match it exactly."""
        table, matched = self._table, self._matched
        node = table.root(matched.get((), ()))
        if not matched:
            for key in location:
                known = node._children.get(table._kind(key))
                node = known if known is not None else table.child(node, key)
            return node
        for depth, key in enumerate(location, start=1):
            node = table.child(node, key, matched.get(location[:depth], ()))
        return node

    def bars_below(self, location: Location) -> frozenset[Bar]:
        """What may bar any part of the node at a location."""
        return self._table.bars_below(location)

    def below(self, node: Node, location: Location) -> Node:
        """The node at a location, given the one right above it."""
        return self._table.child(node, location[-1], self._matched.get(location, ()))
