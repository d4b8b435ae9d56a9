"""The places that a tool's schemas declare: where a leaf of its arguments or of its result may stand."""

from collections.abc import Iterator

from umi_edge.policy.paths import Location, path_of
from umi_edge.policy.schema_structure import Alternative, Structure

__all__ = ["declared_places", "general_path"]

_MAX_DEPTH = 6
_MAX_PLACES = 5000
_MAX_PATH = 400


def general_path(location: Location) -> str:
    """A place as a rule's path, with `[*]` for any item."""
    return path_of(location).replace("['*']", "[*]")


def declared_places(schema: Structure) -> dict[Location, Structure]:
    """Every place that a schema declares and that may hold a leaf, in its order; `*` stands for any item."""
    found: dict[Location, Structure] = {}
    waiting: list[tuple[Location, Structure]] = [((), schema)]
    for _ in range(_MAX_PLACES):
        if not waiting:
            break
        location, shape = waiting.pop()
        alternatives = shape.alternatives()
        if location and any(alternative.kinds - {"object", "array"} for alternative in alternatives):
            found.setdefault(location, shape)
        if len(location) < _MAX_DEPTH:
            below = [
                (place, child)
                for alternative in alternatives
                for place, child in _below(alternative, location)
                if len(path_of(place)) <= _MAX_PATH
            ]
            waiting += reversed(below)
    return found


def _below(alternative: Alternative, location: Location) -> Iterator[tuple[Location, Structure]]:
    for name in alternative.names if "object" in alternative.kinds else ():
        member = alternative.member(name)
        if member is not None and name != "*" and name.isprintable():
            yield (*location, name), member
    item = alternative.item(alternative.prefix)
    if "array" in alternative.kinds and "items" in _said(alternative) and item is not None:
        yield (*location, "*"), item


def _said(alternative: Alternative) -> set[str]:
    return {key for schema in alternative.schemas for key in schema}
