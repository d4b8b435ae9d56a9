"""Plain JSON: what a tool's result is turned into before anything else sees it."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from datetime import date, time
from enum import Enum
from typing import Any

from pydantic import BaseModel

from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.values.stored_file import StoredFile

_INTEGER_BITS = 4096
_MISSING = object()


class _Budget:
    """What is left of the size limits while a value is walked."""

    def __init__(self, max_bytes: int, max_leaves: int) -> None:
        self.bytes = max_bytes
        self.leaves = max_leaves

    def spend(self, size: int, leaves: int = 0) -> None:
        self.bytes -= size
        self.leaves -= leaves
        if self.bytes < 0:
            raise ToolFailure(FailureKind.TOO_LARGE, "more bytes than the limit")
        if self.leaves < 0:
            raise ToolFailure(FailureKind.TOO_LARGE, "more leaves than the limit")

    def text(self, text: str) -> str:
        # The length in characters is a lower bound: 100 MiB are refused before they are encoded.
        if len(text) > self.bytes:
            self.spend(len(text))
        try:
            self.spend(len(text.encode()) + 2)
        except UnicodeEncodeError:
            raise ToolFailure(FailureKind.NOT_JSON, "text with unpaired surrogates") from None
        return text if type(text) in (str, StoredFile) else "".join(text)


def plain_json(value: object, *, max_bytes: int, max_depth: int, max_leaves: int) -> JSON:
    """A fresh copy of `value` made of dict, list, str, int, float, bool and None only.

    Dataclasses, pydantic models, enums, dates and tuples are turned into their JSON form. Bytes,
    sets, NaN, keys that are not strings and all else are refused. The walk keeps its own stack, so
    that 10,000 levels do not meet Python's recursion limit, and stops at the first limit passed, so
    that a cycle or 100 MiB cost little. Raises `ToolFailure` with NOT_JSON, TOO_DEEP or TOO_LARGE.

    >>> plain_json({"when": date(2026, 5, 1), "who": ("a",)}, max_bytes=99, max_depth=9, max_leaves=9)
    {'when': '2026-05-01', 'who': ['a']}
    """
    budget = _Budget(max_bytes, max_leaves)
    root: list[JSON] = []
    stack: list[tuple[Iterator[Any], dict[str, JSON] | list[JSON]]] = [(iter((value,)), root)]
    while stack:
        items, target = stack[-1]
        item: Any = next(items, _MISSING)
        if item is _MISSING:
            stack.pop()
            continue
        key = ""
        if isinstance(target, dict):
            key, item = _key(item[0], budget), item[1]
        item = _unwrapped(item)
        if isinstance(item, dict | list | tuple):
            if len(stack) > max_depth:
                raise ToolFailure(FailureKind.TOO_DEEP, f"more than {max_depth} levels")
            inner: dict[str, JSON] | list[JSON] = {} if isinstance(item, dict) else []
            budget.spend(2, leaves=0 if item else 1)
            stack.append((iter(item.items() if isinstance(item, dict) else item), inner))
            item = inner
        else:
            item = _leaf(item, budget)
        if isinstance(target, dict):
            target[key] = item
        else:
            target.append(item)
        budget.spend(1)
    return root[0]


def _key(key: object, budget: _Budget) -> str:
    if not isinstance(key, str):
        raise ToolFailure(FailureKind.NOT_JSON, f"a key of type {type(key).__name__}")
    budget.spend(1)
    return budget.text(key)


def _unwrapped(item: object) -> object:
    """The JSON-like form of the few rich types that tools commonly return."""
    if isinstance(item, Enum):
        return item.value
    if isinstance(item, date | time):
        return item.isoformat()
    if isinstance(item, BaseModel):
        return {name: getattr(item, name) for name in type(item).model_fields}
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    if isinstance(item, Mapping) and not isinstance(item, dict):
        return dict(item)
    return item


def _leaf(item: object, budget: _Budget) -> JSON:
    budget.spend(0, leaves=1)
    if item is None or item is True or item is False:
        budget.spend(5)
        return item
    if isinstance(item, str):
        return budget.text(item)
    if isinstance(item, int):
        if item.bit_length() > _INTEGER_BITS:
            raise ToolFailure(FailureKind.NOT_JSON, f"an integer of more than {_INTEGER_BITS} bits")
        budget.spend(item.bit_length() // 3 + 1)
        return int(item)
    if isinstance(item, float):
        if not math.isfinite(item):
            raise ToolFailure(FailureKind.NOT_JSON, "a number that is not finite")
        budget.spend(24)
        return float(item)
    raise ToolFailure(FailureKind.NOT_JSON, f"a value of type {type(item).__name__}")
