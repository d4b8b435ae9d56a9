"""A walk over a JSON value in reading order, without recursion: a result nested 10,000 deep is no surprise.

>>> [step.punctuation or step.value for step in walk({"a": [1, 2]})]
['{', '[', 1, ',', 2, ']', '}']
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.values.stored_file import StoredFile

__all__ = ["LEAVES", "Location", "Step", "json_type", "scalars", "walk"]

Location = tuple[str | int, ...]
"""Member names and indices from the root, as in RFC 9535's normalized paths."""


@dataclass(frozen=True, slots=True)
class Step:
    """Punctuation, or a leaf; `key` is set where a member of an object starts."""

    location: Location = field(repr=False)  # member names may be private
    punctuation: str = ""
    value: Any = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)


LEAVES = (str, int, float, type(None))
"""What has no members; asked first, since whether a thing is a Mapping is a slow question."""
_TYPES = {str: "text", bool: "flag", int: "number", float: "number", type(None): "value"}
_CONTAINERS = (Mapping, list)
_COMMA = Step((), punctuation=",")
"""One for all: where a comma stands tells nothing."""


def walk(value: Any) -> Iterator[Step]:
    """Every bracket, comma and leaf of a JSON value, in the order of its compact text."""
    stack: list[tuple[Location, Any, str | None] | Step] = [((), value, None)]
    while stack:
        top = stack.pop()
        if isinstance(top, Step):
            yield top
            continue
        location, node, key = top
        if isinstance(node, LEAVES) or not isinstance(node, _CONTAINERS):
            yield Step(location, value=node, key=key)
            continue
        members: list[tuple[str | int, Any]] = (
            list(node.items()) if isinstance(node, Mapping) else list(enumerate(node))
        )
        opening, closing = ("{", "}") if isinstance(node, Mapping) else ("[", "]")
        yield Step(location, punctuation=opening, key=key)
        stack.append(Step(location, punctuation=closing))
        for at in range(len(members) - 1, -1, -1):
            name, child = members[at]
            stack.append(((*location, name), child, name if isinstance(name, str) else None))
            if at:
                stack.append(_COMMA)


def scalars(value: Any) -> Iterator[Any]:
    """Every leaf and every member name of a JSON value, in no order.

    >>> sorted(scalars({"a": ["b", {"c": "d"}]}))
    ['a', 'b', 'c', 'd']
    """
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack += node
            stack += node.values()
        elif isinstance(node, list):
            stack += node
        else:
            yield node


def json_type(value: Any) -> str:
    """What a handle of a value is called where no rule says: `text`, `flag`, `number`, `value` for null, or `data`."""
    return value.type if isinstance(value, StoredFile) else _TYPES.get(type(value), "data")
