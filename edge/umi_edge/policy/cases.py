"""Cases: every way in which the rules of one tool can meet the values that its schema admits.

The rules' automaton (`policy.resolution`) and the schema are walked together until no new pair of places turns up;
there are finitely many, also for schemas that refer to themselves and for *anything*, so the walk ends and has then
met every place of every value. Rules that look at values (filters, indices from the end) may match or not wherever
they could: both are walked.
"""

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations

from jsonpath_rfc9535.selectors import IndexSelector, SliceSelector

from umi_edge.policy.paths import Location, Path
from umi_edge.policy.resolution import Node, RuleTable
from umi_edge.policy.rules import PathRule, Resolution, Shape
from umi_edge.policy.schema_structure import Alternative, Structure
from umi_shared.errors import LimitError
from umi_shared.labels import Locality

__all__ = ["Case", "cases", "resolutions_at"]

_MAX_CASES = 100_000
_MAX_INDICES = 512
_MAX_JOINING = 6
"""Rules that look at values and meet at one node: each may match or not."""

_States = frozenset[tuple[int, int]]
"""A path's number, and how many of its segments lie behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All nodes at which the same rules meet the same shape; `location` is a shortest one of them."""

    location: Location
    declared: bool
    """Whether every member name on the way is declared by the schema or spelt by a rule."""
    kinds: frozenset[str]
    schemas: tuple[Alternative, ...] = field(repr=False)
    resolution: Resolution
    exact: tuple[PathRule, ...] = field(repr=False)
    """The rules that match the node itself."""
    above: frozenset[Locality] = field(repr=False)
    """The localities of the containers that it is in."""
    within: frozenset[int]
    """The numbers of the `queries` that select the node or an ancestor of it."""
    whole: bool
    """Whether the node is inside a container that is kept whole (`shape: hidden`), whose resolution holds."""

    @property
    def is_leaf(self) -> bool:
        """Whether a value here may be something else than a container."""
        return bool(self.kinds - {"object", "array"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    case: Case
    node: Node
    shape: Structure
    costly: _States
    queries: _States

    @property
    def key(self) -> object:
        case = self.case
        return self.shape.key, self.node.key, self.costly, self.queries, case.within, case.above, case.whole


def cases(
    table: RuleTable, shape: Structure, queries: Iterable[Path] = (), *, along: bool = False
) -> Iterator[Case]:
    """Every case of one tool's arguments or results.

    `queries` are paths to be told of: a case says which of them select it or what it is in. With `along` only what
    is on their way, or below what they select, is walked. Raises `LimitError` when there are too many cases to walk.
    """
    walk = _Walk(table, tuple(queries), along=along)
    waiting = deque(walk.roots(shape))
    known = {place.key for place in waiting}
    while waiting:
        place = waiting.popleft()
        yield place.case
        for below in walk.below(place):
            if below.key not in known:
                known.add(below.key)
                waiting.append(below)
        if len(known) > _MAX_CASES:
            raise LimitError(
                f"the rules and the schema meet in more than {_MAX_CASES} ways",
                fix="use fewer rules with `..`, or prove the tools one by one with --tool",
            )


def resolutions_at(
    table: RuleTable, location: Location, unnamed: Callable[[str], bool], not_named: Collection[str] = ()
) -> tuple[Resolution, ...]:
    """Every resolution that a node of a value may have whose location is known, but not the value itself.

    `unnamed` says whether a member name only stands for an unknown one, which then is not in `not_named`. Raises
    `LimitError`.
    """
    walk = _Walk(table, ())
    costly = frozenset((number, 0) for number in range(len(table.costly)))
    places: dict[object, tuple[Node, _States]] = {
        table.root(extra).key: (table.root(extra), costly) for extra in walk.joining(costly)
    }
    for key in location:
        names = (
            [*sorted(table.names - set(not_named)), key] if isinstance(key, str) and unnamed(key) else [key]
        )
        below: dict[object, tuple[Node, _States]] = {}
        for node, states in places.values():
            for name in names:
                after = _after([rule.query for rule in table.costly], states, name)
                for extra in walk.joining(after):
                    child = table.child(node, name, extra)
                    below[child.key, after] = child, after
        if len(below) > _MAX_CASES:
            raise LimitError("too many rules could meet this place", fix="use fewer rules with filters")
        places = below
    return tuple(dict.fromkeys(node.resolution for node, _ in places.values()))


class _Walk:
    def __init__(self, table: RuleTable, queries: tuple[Path, ...], *, along: bool = False) -> None:
        self.table = table
        self.along = along
        self.queries = queries
        paths = [rule.query for rule in table.rules] + list(queries)
        self.names = frozenset(name for path in paths for name in path.names)
        self.indices = _indices(paths)

    def roots(self, shape: Structure) -> Iterator[_Place]:
        costly = frozenset((number, 0) for number in range(len(self.table.costly)))
        queries = frozenset((number, 0) for number in range(len(self.queries)))
        for extra in self.joining(costly):
            node = self.table.root(extra)
            yield self._place(
                _Step((), shape, node, costly, queries, declared=True, whole=False), frozenset(), frozenset()
            )

    def below(self, place: _Place) -> Iterator[_Place]:
        case, whole = place.case, place.case.whole or place.node.resolution.shape is Shape.HIDDEN
        for key, shape, declared in self._children(case):
            costly = _after([rule.query for rule in self.table.costly], place.costly, key)
            queries = _after(self.queries, place.queries, key)
            if self.along and not queries and not case.within:
                continue
            above = case.above | {case.resolution.locality}
            nodes = (
                [place.node]
                if whole
                else [self.table.child(place.node, key, e) for e in self.joining(costly)]
            )
            for node in nodes:
                step = _Step(
                    (*case.location, key),
                    shape,
                    node,
                    costly,
                    queries,
                    declared=case.declared and declared,
                    whole=whole,
                )
                yield self._place(step, case.within, above)

    def _children(self, case: Case) -> Iterator[tuple[str | int, Structure, bool]]:
        for alternative in case.schemas:
            if "object" in alternative.kinds:
                for name, declared in self._names(alternative):
                    member = alternative.member(name)
                    if member is not None:
                        yield name, member, declared
            if "array" in alternative.kinds:
                for index in range(max(self.indices, alternative.prefix + 1)):
                    item = alternative.item(index)
                    if item is not None:
                        yield index, item, True

    def _names(self, alternative: Alternative) -> Iterator[tuple[str, bool]]:
        """The names to walk: those declared, one that is neither declared nor spelled, those that rules spell."""
        names = dict.fromkeys(alternative.names)
        if not alternative.is_open:
            return ((name, True) for name in names)
        spelled = [name for name in sorted(self.names) if name not in names]
        other = next(
            name
            for name in ("other", *map("other{}".format, range(2, 9999)))
            if name not in names and name not in spelled
        )
        # The other one first: where a spelled name is like any other, as under `[*]`, it stands for them.
        return ((name, name != other) for name in (*names, other, *spelled))

    def _place(self, step: "_Step", within: frozenset[int], above: frozenset[Locality]) -> _Place:
        alternatives = step.shape.alternatives()
        case = Case(
            location=step.location,
            declared=step.declared,
            kinds=frozenset().union(*(alternative.kinds for alternative in alternatives)),
            schemas=alternatives,
            resolution=step.node.resolution,
            exact=() if step.whole else step.node.exact,
            above=above,
            within=within
            | {number for number, at in step.queries if at == len(self.queries[number].segments)},
            whole=step.whole,
        )
        return _Place(case=case, node=step.node, shape=step.shape, costly=step.costly, queries=step.queries)

    def joining(self, costly: _States) -> Iterator[tuple[PathRule, ...]]:
        """The sets of rules that look at values and may match here."""
        rules = [
            self.table.costly[number]
            for number, at in sorted(costly)
            if at == len(self.table.costly[number].query.segments)
        ]
        if len(rules) > _MAX_JOINING:
            raise LimitError(
                f"more than {_MAX_JOINING} rules with filters may match one node (line {rules[0].line} and others)",
                fix="use fewer filters",
            )
        return chain.from_iterable(combinations(rules, count) for count in range(len(rules) + 1))


@dataclass(frozen=True, slots=True)
class _Step:
    location: Location
    shape: Structure
    node: Node
    costly: _States
    queries: _States
    declared: bool
    whole: bool


def _after(paths: Iterable[Path], states: _States, key: str | int) -> _States:
    known = tuple(paths)
    return frozenset(
        (number, after) for number, state in states for after in known[number].may_after(state, key)
    )


def _indices(paths: Iterable[Path]) -> int:
    """How many of the first places of a list stand for all, as far as the paths tell them apart."""
    far, step = 0, 1
    for selector in (s for path in paths for segment in path.segments for s in segment.selectors):
        match selector:
            case SliceSelector():
                parts = selector.slice
                far = max(far, abs(parts.start or 0), abs(parts.stop or 0))
                step = math.lcm(step, abs(parts.step or 1))
            case IndexSelector():
                far = max(far, abs(selector.index) + 1)
    if far + step > _MAX_INDICES:
        raise LimitError(
            f"the paths tell more than {_MAX_INDICES} places of a list apart", fix="use smaller indices"
        )
    return far + step
