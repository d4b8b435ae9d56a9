"""The device's answer: a list that was asked for is written here, and no model is asked to copy it.

A model that sees handles can say no more of a list than it is. A small one repeats a line, leaves one out, or takes the
wrong field of a card. So where a request asks for a list, and the last call of umi's own tools gave one, the device
writes it from the record, in the user's words for days.

Whether it does depends on what the planner has seen alone: the request, the calls and their results. What it writes for
the user may depend on all that is known here; what the models are told of it later does not.

Covered: events, free time, to-dos, letters, notes, files; of one contact what a card has; what `search.answer` found.
Not covered: a request that does something too, or asks for what no list says; results whose shape stays;
other tools.

I1: docs/design.md#i1-release-only
I3: docs/design.md#i3-noninterference
I4: docs/design.md#i4-handles-resolve-in-one-place
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_edge.labelling.text import DEVICE, LabelledEntry
from umi_edge.session.device_answer.asked import Asked, asks_plainly
from umi_edge.session.device_answer.events import lines_of_events, lines_of_free
from umi_edge.session.device_answer.listed import Listed, Written, told_of
from umi_edge.session.device_answer.style import Style
from umi_edge.session.device_answer.things import (
    card_of,
    lines_of_answers,
    lines_of_files,
    lines_of_hits,
    lines_of_letters,
    lines_of_notes,
    lines_of_todos,
)
from umi_edge.session.device_answer.words import list_words
from umi_edge.session.item_evidence import Said
from umi_edge.session.listed_items import Item, handle_of, leaves, read_json
from umi_edge.session.narrowed_search import Request
from umi_edge.session.pending_question import pending_question
from umi_shared.handles import Handle
from umi_shared.labels import PLANNER
from umi_shared.transcript import Call, Instruction, Observation

__all__ = ["device_answer"]


@dataclass(frozen=True, slots=True)
class _Kind:
    member: str
    """Where a result has its list."""
    moments: tuple[str, ...]
    told_by: tuple[str, ...]
    """What the models are told of each, beside its name."""
    write: Callable[[Listed, Asked], str | None] = field(repr=False)


_EVENTS = _Kind("events", ("start", "end"), ("start", "location"), lines_of_events)
_KINDS: Mapping[str, _Kind] = {
    "calendar.list": _EVENTS,
    "calendar.search": _EVENTS,
    "calendar.free": _Kind("free", (), ("end",), lines_of_free),
    "calendar.todos": _Kind("todos", ("due",), ("due",), lines_of_todos),
    "mail.search": _Kind("messages", ("date",), ("from", "date"), lines_of_letters),
    "notes.search": _Kind("notes", (), (), lines_of_notes),
    "files.search": _Kind("files", (), (), lines_of_files),
    "contacts.search": _Kind("matches", (), ("phone", "email"), card_of),
    "search.answer": _Kind("answers", (), ("text",), lines_of_answers),
    "search.everywhere": _Kind("hits", (), ("kind",), lines_of_hits),
}

_LONGEST = 160
_TELLING = {"search.answer": "text", "search.everywhere": "snippet"}
"""The member in which such a result says what a thing is about."""


def device_answer(
    entries: Sequence[LabelledEntry], request: Request, said: Said, own: Callable[[str], bool]
) -> Written | None:
    """What the device answers; None where that is for the summarizer. `own` says whether a tool is umi's own, and its
    results show their shape.
    """
    at = max(at for at, one in enumerate(entries) if isinstance(one.template, Instruction))
    if pending_question(entries[:at]) is not None or not asks_plainly(request.seen):
        return None
    found = _last_found(entries[at + 1 :], own)
    if found is None:
        return None
    tool, given, seen, known = found
    kind = _KINDS[tool]
    items = _items(seen.get(kind.member), known.get(kind.member))
    if items is None or not _may_write(tool, items, request.seen):
        return None
    listed = Listed(items, Style(said.phrases.now, said.phrases.locale), given)
    text = kind.write(listed, Asked(said, request.seen))
    if text is None:
        return None
    shown_as = listed.shown_as(*kind.moments) | _spelled(listed, _TELLING.get(tool, ""))
    return Written(text, told_of(kind.member, items, kind.told_by), shown_as)


def _may_write(tool: str, items: Sequence[Item], seen: str) -> bool:
    """Whether the device is sure that it is this list that is asked for, by what the planner has seen."""
    match tool:
        case "notes.search":
            return list_words().notes.search(seen) is not None  # the text of one note is the summarizer's
        case "search.answer" if not any(one.seen.get("kind") == "event" for one in items):
            return False
        case "search.answer" | "search.everywhere":
            return all(handle_of(str(one.seen.get(_TELLING[tool]))) for one in items)
        case "calendar.free":
            return not any(handle_of(str(value)) for one in items for value in one.seen.values())
    return True


def _spelled(listed: Listed, member: str) -> dict[Handle, str]:
    """What things say: a snippet in one line, and of events the moments as the user writes them."""
    found: dict[Handle, str] = {}
    for item in listed.items if member else ():
        handle, text = handle_of(str(item.seen.get(member))), item.known.get(member)
        if handle is not None and isinstance(text, str):
            said = listed.style.spelled(text) if item.seen.get("kind") == "event" else text
            found[handle] = " ".join(said.split())[:_LONGEST] if member == "snippet" else said
    return found


def _last_found(
    entries: Sequence[LabelledEntry], own: Callable[[str], bool]
) -> tuple[str, Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]] | None:
    """The last call's tool, arguments, and result as the planner saw it and as it is.

    None where that is no list, or where an earlier call of this request gave something else that is asked for, too.
    """
    given: Mapping[str, Any] = {}
    results: list[tuple[str, Mapping[str, Any], Any, Any]] = []
    for one in entries:
        match one.template:
            case Call():
                arguments = read_json(one, PLANNER)
                given = arguments if isinstance(arguments, Mapping) else {}
            case Observation(tool=tool, failure=failure):
                if tool not in _KINDS or not own(tool):
                    return None
                if not failure:
                    results.append((tool, given, read_json(one, PLANNER), read_json(one, DEVICE)))
                elif one is entries[-1]:
                    return None
    if not results or not (isinstance(results[-1][2], Mapping) and isinstance(results[-1][3], Mapping)):
        return None
    *before, last = results
    return last if all(_is_used(one, last) for one in before) else None


def _is_used(
    earlier: tuple[str, Mapping[str, Any], Any, Any], last: tuple[str, Mapping[str, Any], Any, Any]
) -> bool:
    """Whether an earlier call only led to the last one: by a handle, by finding nothing, or as the same once more."""
    if earlier[0] == last[0]:
        return True
    handles = {str(value) for _, value in leaves(earlier[2]) if isinstance(value, str) and handle_of(value)}
    taken = {value for _, value in leaves(last[1]) if isinstance(value, str)}
    return not handles or bool(handles & taken)


def _items(seen: Any, known: Any) -> tuple[Item, ...] | None:
    """The things of a list; None where the planner was not shown a list of things."""
    if not isinstance(seen, list) or not isinstance(known, list) or len(seen) != len(known):
        return None
    if not all(isinstance(one, Mapping) for one in (*seen, *known)):
        return None
    return tuple(Item(one, other) for one, other in zip(seen, known, strict=True))
