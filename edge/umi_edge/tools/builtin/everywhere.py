"""One search over all that the user has: the way round when another search tool fails."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.answers import answer_tool
from umi_edge.tools.builtin.calendar_folder import Calendar, Occurrence
from umi_edge.tools.builtin.calendar_more import found_around
from umi_edge.tools.builtin.contact import Contact
from umi_edge.tools.builtin.found_contacts import found
from umi_edge.tools.builtin.shelves import Shelves
from umi_edge.tools.builtin.words import snippet, tells_of
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import Lost, Partial
from umi_edge.tools.record import Record, Sourced
from umi_edge.tools.tool import Tool, tool
from umi_edge.values.time_words import TimePhrases

__all__ = ["tools"]

Query = Annotated[str, Field(min_length=1, max_length=300)]

_SNIPPET = 400
_MAX_HITS = 20
_MAX_OF_A_KIND = 5


@dataclass(frozen=True, slots=True)
class _Hit:
    told: dict[str, JSON] = field(repr=False)
    record: Record | None = field(repr=False)


def tools(shelves: Shelves, *, more: bool = False) -> tuple[Tool, ...]:
    """`search.everywhere`; with `more` over contacts, the calendar and the text of mails, too, and `search.answer`."""
    return (_wide(shelves), answer_tool(shelves)) if more else (_narrow(shelves),)


def _narrow(shelves: Shelves) -> Tool:
    @tool(name="search.everywhere", source="builtin", read_only=True, returns=shapes.HITS)
    def everywhere(query: Query) -> Sourced:
        """Search the user's notes, files and mail subjects at once. Use it when another search fails.

        Args:
            query: The words.
        """
        return _sourced(_texts(shelves, query), _letters(shelves, query, bodies=False))

    return everywhere


def _wide(shelves: Shelves) -> Tool:
    @tool(name="search.everywhere", source="builtin", read_only=True, returns=shapes.MORE_HITS)
    def everywhere(query: Query) -> Sourced:
        """Search the user's contacts, calendar, notes, files and mail at once. Use it when another search fails.

        Args:
            query: The words.
        """
        known = _people(shelves, query), _events(shelves, query)
        return _sourced(*known, _texts(shelves, query), _letters(shelves, query, bodies=True))

    return everywhere


_Hits = tuple[list[_Hit], tuple[Lost, ...]]


def _sourced(*found: _Hits) -> Sourced:
    kept = [hit for hits, _ in found for hit in hits][:_MAX_HITS]
    records = (
        replace(hit.record, at=("hits", index)) for index, hit in enumerate(kept) if hit.record is not None
    )
    told: list[JSON] = [hit.told for hit in kept]
    return Sourced(
        Partial.counted({"hits": told}, tuple(one for _, lost in found for one in lost)), tuple(records)
    )


def _people(shelves: Shelves, query: str) -> _Hits:
    contents = shelves.contacts.read()
    meant = found(contents.contacts, query, anywhere=True)[:_MAX_OF_A_KIND]
    return [_person(one) for one in meant], contents.lost


def _person(one: Contact) -> _Hit:
    said = ", ".join(filter(None, (one.email, one.phone, one.company, one.role)))
    told: dict[str, JSON] = {"kind": "contact", "id": one.id, "title": one.name, "snippet": said}
    return _Hit(told, replace(one.record(()), store="contacts"))


def _events(shelves: Shelves, query: str) -> _Hits:
    events, lost = found_around(shelves.calendar, query)
    days = TimePhrases(shelves.calendar.now()).span(query)
    if days:  # a query of days only asks what there is on them
        events, lost = shelves.calendar.search(*days[0], lambda _: True)
    return [_event(shelves.calendar, one) for one in events[:_MAX_OF_A_KIND]], lost


def _event(calendar: Calendar, one: Occurrence) -> _Hit:
    said = ", ".join(filter(None, (calendar.moment(one.component.start), one.location)))
    told: dict[str, JSON] = {"kind": "event", "id": one.id, "title": one.title, "snippet": said}
    return _Hit(told, replace(one.record(()), store="calendar"))


def _texts(shelves: Shelves, query: str) -> _Hits:
    notes, notes_lost = shelves.notes.search(query)
    files, files_lost = shelves.files.search(query)
    hits = []
    for note in notes:
        said = snippet(note.text, query, _SNIPPET)
        told: dict[str, JSON] = {"kind": "note", "id": note.id, "title": note.title, "snippet": said}
        hits.append(_Hit(told, note.record(())))
    for file in files:
        said = snippet(file.text, query, _SNIPPET)
        name = file.path.rpartition("/")[2]
        told = {"kind": "file", "id": file.path, "title": name, "snippet": said}
        hits.append(_Hit(told, replace(file.record(()), store="files")))
    return hits, (*notes_lost, *files_lost)


def _letters(shelves: Shelves, query: str, *, bodies: bool) -> _Hits:
    letters, lost = shelves.mail.messages()
    return [
        _Hit({"kind": "mail", "id": one.id, "title": one.subject, "snippet": one.sender}, None)
        for one in letters
        if tells_of(f"{one.subject}\n{one.sender}\n{one.body}" if bodies else one.subject, query)
    ], lost
