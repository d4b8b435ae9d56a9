"""Journals: entries of a calendar that are notes, as the notes' tools show them."""

from umi_edge.tools.builtin.calendar_folder import Calendar
from umi_edge.tools.builtin.notes import Note

__all__ = ["journals_of"]


def journals_of(calendar: Calendar) -> list[Note]:
    """Every journal entry of a calendar that is not cancelled, as a note whose first line is its day.

    What of the calendar could not be read is told by the calendar's own tools.
    """
    found: list[Note] = []
    for journal in calendar.journals():
        day = journal.day.isoformat() if journal.day else ""
        found.append(
            Note(
                id=f"journal:{journal.uid}",
                title=journal.title or day or "journal",
                text="\n".join(filter(None, (day, journal.text))),
                store="calendar",
                file=journal.file,
                doubt=journal.doubt,
            )
        )
    return found
