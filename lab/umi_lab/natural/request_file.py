"""The requests' files: YAML, one a home and a half; whoever develops has no need to open the other half."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

from umi_lab.natural.request import KINDS, STYLES, Group, Request, Split, Wanted

__all__ = ["REQUESTS", "read_requests", "split_of"]

REQUESTS = Path(__file__).parent / "requests"
_HALVES: tuple[Split, ...] = ("development", "held-out")
_ACTS: Mapping[str, Literal["new", "gone", "changed"]] = {
    "new": "new",
    "gone": "gone",
    "changed": "changed",
    "done": "changed",  # of a to-do
}
_FIELDS = frozenset({"id", "kind", "style", "ask", "outcome", "says", "not", "change", "may", "days"})


def split_of(identity: str) -> Split:
    """The half that a request belongs to: chance, which nobody can choose, as ids are given in the order of writing.

    >>> split_of("engineer-001"), split_of("engineer-006")
    ('development', 'held-out')
    """
    return _HALVES[hashlib.sha256(identity.encode()).digest()[0] % 2]


def read_requests(folder: Path = REQUESTS) -> tuple[Request, ...]:
    """All requests by id. Raises `ValueError`, with the id, for one that is not well formed."""
    found = [request for path in sorted(folder.glob("*/*.yaml")) for request in _read(path)]
    return tuple(sorted(found, key=lambda request: request.id))


def _read(path: Path) -> Iterator[Request]:
    for entry in YAML(typ="safe").load(path.read_text(encoding="utf-8")):
        try:
            request = _request(path.stem, entry)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"{path.name}: {entry.get('id', 'a request')}: {error}") from error
        if request.split != path.parent.name:
            raise ValueError(f"{request.id} is of the {request.split} half, and lies in the other's file")
        yield request


def _request(home: str, entry: Mapping[str, Any]) -> Request:
    if unknown := set(entry) - _FIELDS:
        raise ValueError(f"unknown: {sorted(unknown)}")
    if entry["kind"] not in KINDS or entry["style"] not in STYLES:
        raise ValueError("no such kind or style")
    return Request(
        id=entry["id"],
        home=home,
        split=split_of(entry["id"]),
        kind=entry["kind"],
        style=entry["style"],
        turns=_group(entry["ask"]),
        outcomes=_group(entry.get("outcome", "answered")),
        says=tuple(_group(group) for group in entry.get("says", ())),
        says_not=_group(entry.get("not", ())),
        changes=tuple(_wanted(change) for change in entry.get("change", ())),
        may=tuple(_wanted(change) for change in entry.get("may", ())),
        days=tuple(_days(_group(entry.get("days", ())))),
    )


def _wanted(entry: Mapping[str, Any]) -> Wanted:
    """`{new: event, title: [haircut], start: "2026-11-27T17:30"}`, and so on."""
    values = dict(entry)
    (act,) = _ACTS.keys() & values.keys()
    kind = values.pop(act)
    for name in ("title", "guests", "to"):
        if name in values:
            values[name] = _group(values[name])
    if "holds" in values:
        values["holds"] = tuple(_group(group) for group in values["holds"])
    if "note" in values:
        values["key"] = values.pop("note")
    for name in ("day", "start", "due"):
        if name in values:
            values[name] = str(values[name])
    return Wanted(act=_ACTS[act], kind=kind, done=act == "done", **values)


def _group(value: Any) -> Group:
    """One text, or several."""
    several = value if isinstance(value, list | tuple) else (value,)
    return tuple(str(one) for one in several)


def _days(texts: Group) -> Iterator[date]:
    """Days, or from one to another as `2026-11-24..2026-11-27`."""
    for text in texts:
        first, _, last = text.partition("..")
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        while day <= end:
            yield day
            day += timedelta(days=1)
