"""What a server has changed of what it offers, since a session was given its tools."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from mcp.types import Tool

from umi_edge.tools.mcp.translation import hints

__all__ = ["OfferChange", "takes_the_same"]

_WORDS = frozenset({"title", "description", "default", "examples", "$comment", "$id", "$schema"})
"""Keywords of JSON Schema that admit no argument more or less."""
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose members are names of the author's, and no keywords."""
_DATA = frozenset({"enum", "const", "required"})
_NAMED = 6


def takes_the_same(before: Tool, now: Tool) -> bool:
    """Whether a call that was written for a tool as it was is one for the tool as it is.

    What the server says of it in words may change. What it takes, and what it says that a call does, may not.
    """
    same_hints = hints(before.annotations, remote=False) == hints(now.annotations, remote=False)
    return same_hints and _bare(before.input_schema) == _bare(now.input_schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferChange:
    """The tools that sessions under way have not, or can't call any more."""

    server: str
    new: tuple[str, ...] = field(repr=False)
    changed: tuple[str, ...] = field(repr=False)
    gone: tuple[str, ...] = field(repr=False)

    @classmethod
    def between(cls, server: str, given: Iterable[Tool], now: Iterable[Tool]) -> Self | None:
        """The change, if it makes a difference to a session."""
        before, after = {tool.name: tool for tool in given}, {tool.name: tool for tool in now}
        change = cls(
            server=server,
            new=tuple(name for name in after if name not in before),
            changed=tuple(
                name
                for name, tool in after.items()
                if name in before and not takes_the_same(before[name], tool)
            ),
            gone=tuple(name for name in before if name not in after),
        )
        return change if change.new or change.changed or change.gone else None

    def __str__(self) -> str:
        kinds = (("new", self.new), ("changed", self.changed), ("gone", self.gone))
        said = "; ".join(f"{kind}: {_some(names)}" for kind, names in kinds if names)
        return f"{self.server} has changed its tools ({said})"


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _bare(schema: Any) -> Any:
    """A schema without the words that only describe.

    >>> _bare({"description": "x", "properties": {"description": {"type": "string", "title": "y"}}})
    {'properties': {'description': {'type': 'string'}}}
    """
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        word: value
        if word in _DATA
        else {name: _bare(one) for name, one in value.items()}
        if word in _BY_NAME and isinstance(value, Mapping)
        else _bare(value)
        for word, value in schema.items()
        if word not in _WORDS
    }
