"""The lists of words, phrases and toy tools that ship in `data/`, each file read once."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

__all__ = ["read_data", "texts", "texts_by_key"]

_FOLDER = Path(__file__).parent / "data"


@cache
def read_data(name: str) -> Any:
    """What `data/NAME.yaml` holds; whoever reads it must not change it. Raises `OSError` for an unknown name."""
    return YAML(typ="safe").load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts; a list within it stands for its members. Raises `TypeError` for anything else in it.

    >>> texts([["add", "create"], "book"])
    ('add', 'create', 'book')
    """
    return tuple(_members(value))


def texts_by_key(value: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Several lists of texts, each under its key and in the file's order. Raises `TypeError` as `texts` does."""
    return {key: texts(listed) for key, listed in value.items()}


def _members(value: Any) -> Iterator[str]:
    if not isinstance(value, list):
        raise TypeError(f"a list of texts is needed, not {value!r}")
    for one in value:
        if isinstance(one, str):
            yield one
        else:
            yield from _members(one)
