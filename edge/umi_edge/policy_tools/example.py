"""A smallest value that a schema admits and that has a certain place: made of the schema, of nothing else."""

from typing import Any

from umi_edge.policy.paths import Location
from umi_edge.policy.schema_structure import Alternative, Structure

__all__ = ["example"]

_MAX_DEPTH = 6
"""How deep the values go that a schema requires beside the place."""
_OF_FORMAT = {
    "email": "name@example.org",
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "uri": "https://example.org",
}


def example(shape: Structure, location: Location = (), leaf: Any = None) -> Any:
    """The value, with `leaf` at the location unless that is None.

    What a pattern or a conditional schema demands is not met.

    >>> example(Structure({"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}}), ("n",))
    {'n': 3}
    """
    return _made(shape, location, leaf, _MAX_DEPTH)


def _made(shape: Structure, location: Location, leaf: Any, depth: int) -> Any:
    alternatives = shape.alternatives()
    if not location and leaf is not None:
        return leaf
    for alternative in alternatives:
        if location and not _leads(alternative, location[0]):
            continue
        return _of(alternative, location, leaf, depth)
    return leaf if not location else _bare(location, leaf)


def _leads(alternative: Alternative, key: str | int) -> bool:
    if isinstance(key, int):
        return "array" in alternative.kinds and alternative.item(key) is not None
    return "object" in alternative.kinds and alternative.member(key) is not None


def _of(alternative: Alternative, location: Location, leaf: Any, depth: int) -> Any:
    if location and isinstance(location[0], int):
        return [_item(alternative, index, location, leaf, depth) for index in range(location[0] + 1)]
    if location or _kind(alternative) == "object":
        names = dict.fromkeys((*alternative.required, *(str(key) for key in location[:1])))
        made: dict[str, Any] = {}
        for name in names:
            member, here = alternative.member(name), location[:1] == (name,)
            if member is not None and (here or depth > 0):
                made[name] = _made(
                    member, location[1:] if here else (), leaf if here else None, depth - (not here)
                )
        return made
    return _scalar(alternative)


def _item(alternative: Alternative, index: int, location: Location, leaf: Any, depth: int) -> Any:
    shape = alternative.item(index)
    here = index == location[0]
    if shape is None:
        return None
    return (
        _made(shape, location[1:] if here else (), leaf if here else None, depth - (not here))
        if here or depth > 0
        else None
    )


def _kind(alternative: Alternative) -> str:
    """The kind of value to make: a text where one may be."""
    order = ("string", "number", "boolean", "object", "array", "null")
    return next(kind for kind in order if kind in alternative.kinds)


def _scalar(alternative: Alternative) -> Any:
    for schema in alternative.schemas:
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
    said = {key: value for schema in reversed(alternative.schemas) for key, value in schema.items()}
    match _kind(alternative):
        case "string":
            text = _OF_FORMAT.get(str(said.get("format")), "x")
            return text.ljust(min(int(said.get("minLength", 0)), 1000), "x")
        case "number":
            return said.get("minimum", said.get("exclusiveMinimum", -1) + 1)
        case "boolean":
            return True
        case "array":
            return []
    return None


def _bare(location: Location, leaf: Any) -> Any:
    """The containers on the way, and nothing else."""
    value = leaf
    for key in reversed(location):
        value = [None] * key + [value] if isinstance(key, int) else {key: value}
    return value
