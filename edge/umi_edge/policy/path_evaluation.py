"""How a path's segments select nodes: iterative and counted, because strangers write what rules are run on.

Covered: every selector, filters and functions of RFC 9535; duplicates inside filters, as its nodelists have.
Not covered: wall-clock time as such; a step is bounded, and the number of steps is.

I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jsonpath_rfc9535 import filter_expressions as fe
from jsonpath_rfc9535.node import JSONPathNodeList
from jsonpath_rfc9535.query import JSONPathQuery
from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment
from jsonpath_rfc9535.selectors import (
    FilterSelector,
    IndexSelector,
    JSONPathSelector,
    NameSelector,
    SliceSelector,
    WildcardSelector,
)

from umi_edge.policy.regexes import full_match, search
from umi_edge.values.json_walk import Location
from umi_shared.errors import PrivacyError

__all__ = ["Budget", "Node", "Segment", "apply", "may_select", "segments_of", "selects"]

Node = tuple[Location, Any]
"""A location and the value there."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its selectors apply to the children, or with `descendant` to those of every descendant."""

    descendant: bool
    selectors: tuple[JSONPathSelector, ...]


def segments_of(query: JSONPathQuery) -> tuple[Segment, ...]:
    """A compiled query as segments."""
    return tuple(
        Segment(isinstance(segment, JSONPathRecursiveDescentSegment), segment.selectors)
        for segment in query.segments
    )


def selects(selector: JSONPathSelector, key: str | int) -> bool:
    """Whether a plain selector selects the child at `key`."""
    match selector:
        case NameSelector():
            return key == selector.name
        case WildcardSelector():
            return True
        case IndexSelector():
            return isinstance(key, int) and key == selector.index
        case SliceSelector():
            return isinstance(key, int) and selector.slice.step != 0 and key in _indices(selector, key + 1)
    return False


def may_select(selector: JSONPathSelector, key: str | int) -> bool:
    """Whether any selector, whatever the values are, could select the child at `key`."""
    match selector:
        case FilterSelector():
            return True
        case IndexSelector() if selector.index < 0:
            return isinstance(key, int)
        case SliceSelector() if any(
            part is not None and part < 0
            for part in (selector.slice.start, selector.slice.stop, selector.slice.step)
        ):
            return isinstance(key, int)
    return selects(selector, key)


def _indices(selector: SliceSelector, length: int) -> range:
    return range(*selector.slice.indices(length))


class Budget:
    """The steps that are left to one rule's evaluation."""

    __slots__ = ("ignore_case", "left", "path")

    def __init__(self, steps: int, path: str, *, ignore_case: bool = False) -> None:
        self.left = steps
        self.ignore_case = ignore_case
        self.path = path

    def spend(self, steps: int) -> None:
        """Count steps; raises `PrivacyError` when none are left, so that the step stops (I2)."""
        self.left -= steps
        if self.left < 0:
            raise self.exceeded()

    def exceeded(self) -> PrivacyError:
        """The error for a rule that would take too long."""
        return PrivacyError(
            f"the policy path `{self.path}` is too costly on this result, so the result stays unread",
            fix="use a path without filters inside filters, or lower `limits.result_bytes`",
        )


def apply(segment: Segment, nodes: Iterator[Node], root: Any, budget: Budget) -> Iterator[Node]:
    """The nodes that one segment selects; may repeat a node, as RFC 9535's nodelists do."""
    for location, value in _descend(nodes, budget) if segment.descendant else nodes:
        for selector in segment.selectors:
            for key, child in _select(selector, value, root, budget):
                budget.spend(1 + len(location) // 8)
                yield (*location, key), child


def _descend(nodes: Iterator[Node], budget: Budget) -> Iterator[Node]:
    for node in nodes:
        stack = [node]
        while stack:
            location, value = stack.pop()
            budget.spend(1 + len(location) // 8)
            yield location, value
            stack.extend(
                ((*location, key), child)
                for key, child in reversed(list(_children(value)))
                if isinstance(child, dict | list)
            )


def _children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _select(
    selector: JSONPathSelector, value: Any, root: Any, budget: Budget
) -> Iterator[tuple[str | int, Any]]:
    match selector:
        case NameSelector():
            if isinstance(value, dict) and selector.name in value:
                yield selector.name, value[selector.name]
        case IndexSelector():
            if isinstance(value, list) and -len(value) <= selector.index < len(value):
                index = selector.index % len(value)
                yield index, value[index]
        case SliceSelector():
            if isinstance(value, list) and selector.slice.step != 0:
                yield from ((index, value[index]) for index in _indices(selector, len(value)))
        case WildcardSelector():
            yield from _children(value)
        case FilterSelector():
            for key, child in _children(value):
                budget.spend(1)
                if fe._is_truthy(_evaluate(selector.expression, child, root, budget)):
                    yield key, child


class _Nodelist(JSONPathNodeList):
    """The values that a query inside a filter selects, in the library's own type, which its rules know."""

    def __init__(self, values: list[Any]) -> None:
        super().__init__(_Value(value) for value in values)  # type: ignore[misc]


class _Value:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _evaluate(expression: fe.Expression, current: Any, root: Any, budget: Budget) -> Any:
    """The value of a filter expression (RFC 9535, 2.3.5), as the library's own `evaluate`, but budgeted."""
    budget.spend(1)
    match expression:
        case fe.FilterExpression():
            return _evaluate(expression.expression, current, root, budget)
        case fe.FilterExpressionLiteral():
            return expression.value
        case fe.PrefixExpression():
            return not fe._is_truthy(_evaluate(expression.right, current, root, budget))
        case fe.LogicalExpression():
            left = fe._is_truthy(_evaluate(expression.left, current, root, budget))
            if left is (expression.operator == "||"):
                return left
            return fe._is_truthy(_evaluate(expression.right, current, root, budget))
        case fe.ComparisonExpression():
            sides = [
                _single(_evaluate(side, current, root, budget))
                for side in (expression.left, expression.right)
            ]
            if budget.ignore_case and all(isinstance(side, str) for side in sides):
                sides = [side.casefold() for side in sides]
            return fe._compare(sides[0], expression.operator, sides[1])
        case fe.FilterQuery():
            start = root if isinstance(expression, fe.RootFilterQuery) else current
            nodes: Iterator[Node] = iter([((), start)])
            for segment in segments_of(expression.query):
                nodes = apply(segment, nodes, root, budget)
            return _Nodelist([value for _, value in nodes])
        case fe.FunctionExtension():
            arguments = [_evaluate(argument, current, root, budget) for argument in expression.args]
            return _call(expression.name, arguments, ignore_case=budget.ignore_case)
    raise TypeError(type(expression).__name__)


def _single(value: Any) -> Any:
    if isinstance(value, _Nodelist):
        return value[0].value if len(value) == 1 else fe.NOTHING
    return value


def _call(name: str, arguments: list[Any], *, ignore_case: bool) -> Any:
    if name == "count":
        return len(arguments[0])
    values = [_single(argument) for argument in arguments]
    match name:
        case "value":
            return values[0]
        case "length":
            return len(values[0]) if isinstance(values[0], str | list | dict) else fe.NOTHING
        case "match":
            return full_match(values[1], values[0], ignore_case=ignore_case)
        case "search":
            return search(values[1], values[0], ignore_case=ignore_case)
    raise TypeError(name)
