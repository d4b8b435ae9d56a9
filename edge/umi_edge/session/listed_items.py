"""Listed items: the things of results that a transcript shows, and what a call may take them by.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from umi_edge.labelling.text import DEVICE, LabelledEntry
from umi_edge.policy import Location
from umi_edge.values.json_walk import walk
from umi_shared.handles import Handle, parts_of
from umi_shared.labels import PLANNER, Sink
from umi_shared.transcript import Call, Observation

__all__ = [
    "NAMED",
    "Item",
    "Listing",
    "as_made",
    "chooses",
    "given_to",
    "handle_of",
    "leaves",
    "listings",
    "marks",
    "read_json",
    "taken_by",
]

_THINGS = frozenset(
    (
        "account",
        "contact",
        "card",
        "email",
        "event",
        "file",
        "iban",
        "mail",
        "note",
        "person",
        "phone",
        "todo",
    )
)
"""Types of handles that stand for somebody, or for one thing."""
_CHOOSERS = re.compile(
    r"(?:.*[_-])?(?:ids?|uid|to|cc|bcc|recipients?|guests?|attendees?|invitees?|e?mails?|phone|number|person|people|"
    r"contacts?|account|iban|path|title|name)|.*Id",
)
"""Names of arguments that choose somebody or something; a text is none."""
NAMED = frozenset({"id", "name", "path", "subject", "title", "uid"})
"""Members of an item by which a call may take it in clear."""
_LEAST = 3


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One thing of a result; no two are the same, whatever they hold."""

    seen: Any = field(repr=False)
    """As the planner was shown it."""
    known: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a call gave: lists of things, or the one thing that it is."""

    at: int
    given: Mapping[str, Any] = field(repr=False)
    lists: tuple[tuple[Item, ...], ...] = field(repr=False)


def chooses(argument: str) -> bool:
    """Whether an argument of that name chooses somebody or something."""
    return _CHOOSERS.fullmatch(argument) is not None


def given_to(call: LabelledEntry) -> Mapping[str, Any]:
    """The arguments of a call as the planner sees them; none where it sees no JSON."""
    arguments = read_json(call, PLANNER)
    return arguments if isinstance(arguments, Mapping) else {}


def taken_by(arguments: Mapping[str, Any]) -> list[str]:
    """What arguments may take things by, each once."""
    return list(dict.fromkeys(token for at, text in _texts(arguments) for token in _tokens(str(at[0]), text)))


def listings(entries: Sequence[LabelledEntry]) -> list[Listing]:
    """What the calls of a transcript gave, in order."""
    found: list[Listing] = []
    given: Mapping[str, Any] = {}
    for at, entry in enumerate(entries):
        match entry.template:
            case Call():
                given = given_to(entry)
            case Observation(failure=""):
                known = read_json(entry, DEVICE)
                lists = tuple(_lists(_named(read_json(entry, PLANNER), known), known))
                found += [Listing(at, given, lists)] if lists else []
    return found


def as_made(item: Item, call: LabelledEntry) -> Item | None:
    """A thing as the call that made it says it is, beside the id that the call gave; None where it says nothing."""
    seen, known = given_to(call), read_json(call, DEVICE)
    both = (item.seen, item.known, known)
    if not seen or not all(isinstance(one, Mapping) for one in both):
        return None
    return Item({**seen, **item.seen}, {**known, **item.known})


def read_json(entry: LabelledEntry, sink: Sink) -> Any:
    """The JSON of an entry as a sink sees it; None for what is none."""
    try:
        return json.loads("".join(str(part) for span in entry.text for part in span.seen_by(sink)))
    except (ValueError, RecursionError):
        return None


def _named(seen: Any, known: Any) -> Any:
    """What was seen, under the members' real names: those of foreign tools are values, too."""
    if isinstance(seen, Mapping) and isinstance(known, Mapping) and len(seen) == len(known):
        both = zip(seen.values(), known.items(), strict=True)
        return {name: _named(child, real) for child, (name, real) in both}
    if isinstance(seen, list) and isinstance(known, list) and len(seen) == len(known):
        return [_named(child, real) for child, real in zip(seen, known, strict=True)]
    return seen


def _lists(seen: Any, known: Any) -> Iterator[tuple[Item, ...]]:
    """The outermost lists of things; a thing that is in none stands alone."""
    places = [(seen, known)]
    if isinstance(seen, Mapping) and isinstance(known, Mapping):
        places += [(child, known.get(name)) for name, child in seen.items()]
    several = [pair for pair in places if _is_list(pair[0]) and _is_list(pair[1])]
    for those, these in several:
        yield tuple(Item(one, other) for one, other in zip_longest(those, these))
    if not several and isinstance(seen, Mapping):
        yield (Item(seen, known),)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def marks(item: Item) -> set[str]:
    """What of an item a call may take it by: its handles, and its names in clear."""
    return {
        value
        for place, value in leaves(item.seen)
        if isinstance(value, str) and (handle_of(value) or (place and place[-1] in NAMED))
    }


def _tokens(name: str, text: str) -> Iterator[str]:
    """What a text in an argument of that name may take a thing by."""
    if handle_of(text) is None:
        if chooses(name) and len(text) >= _LEAST:
            yield text
        parts: tuple[str | Handle, ...] = parts_of(text) if chooses(name) else ()
    else:
        parts = parts_of(text)
    for part in parts:
        if isinstance(part, Handle) and (chooses(name) or part.type in _THINGS):
            yield str(part)


def handle_of(text: str) -> Handle | None:
    """The handle that a text is; None for any other text."""
    parts = parts_of(text)
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Handle) else None


def _texts(arguments: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    return ((at, value) for at, value in leaves(arguments) if isinstance(value, str) and at)


def leaves(value: Any) -> Iterator[tuple[Location, Any]]:
    """The leaves of a value, each with where it is."""
    return ((step.location, step.value) for step in walk(value) if not step.punctuation)
