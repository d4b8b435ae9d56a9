"""The state of a home: what a task may change in it, as values by which two homes can be compared."""

import email
import email.policy
import re
from dataclasses import dataclass, field

import icalendar

from umi_edge.tools.builtin import ContactsConfig, HomeConfig, NotesConfig
from umi_edge.tools.builtin.contacts import AddressBook
from umi_edge.tools.builtin.notes import Notebook

__all__ = ["HomeState", "Item", "home_state"]


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One contact, event, note or e-mail; random ids are left out."""

    kind: str
    exact: tuple[str, ...] = field(repr=False)
    """What must be exactly the same: addresses, times, names."""
    free: tuple[str, ...] = field(default=(), repr=False)
    """What may be worded in another way."""


_WITH = re.compile(r" (?:with|w/) .*\Z")

HomeState = tuple[Item, ...]
"""All things of a home that a task may change, sorted."""


def home_state(home: HomeConfig) -> HomeState:
    """Everything in the home that the built-in tools can write."""
    people = AddressBook(ContactsConfig(folder=home.contacts)).read().contacts
    notes, _ = Notebook(NotesConfig(folder=home.notes)).notes()
    things = [
        *(Item("contact", (p.name, p.email or "", p.phone or "", p.company or "")) for p in people),
        *(Item("note", (), (n.title, n.text.partition("\n")[2])) for n in notes),
        *_events(home),
        *_todos(home),
        *_outbox(home),
    ]
    return tuple(sorted(things))


def _events(home: HomeConfig) -> list[Item]:
    return [
        Item(
            "event",
            (
                event["DTSTART"].dt.isoformat(),
                str(event.get("STATUS", "")),
                ",".join(sorted(_addresses(event))),
                *([event["RRULE"].to_ical().decode()] if "RRULE" in event else []),
            ),
            (_title(event),),
        )
        for path in home.calendar.glob("*.ics")
        for event in icalendar.Calendar.from_ical(path.read_bytes()).walk("VEVENT")
    ]


def _todos(home: HomeConfig) -> list[Item]:
    return [
        Item(
            "todo",
            (todo["DUE"].dt.isoformat() if "DUE" in todo else "", str(todo.get("STATUS", ""))),
            (str(todo.get("SUMMARY", "")),),
        )
        for path in home.calendar.glob("*.ics")
        for todo in icalendar.Calendar.from_ical(path.read_bytes()).walk("VTODO")
    ]


def _title(event: icalendar.Event) -> str:
    """What an event is called; whom it is with may stand in the title of one that has guests."""
    title = str(event.get("SUMMARY", ""))
    return _WITH.sub("", title) if _addresses(event) else title


def _addresses(event: icalendar.Event) -> list[str]:
    attendees = event.get("ATTENDEE", [])
    return [str(one) for one in (attendees if isinstance(attendees, list) else [attendees])]


def _outbox(home: HomeConfig) -> list[Item]:
    found = []
    for path in home.outbox.glob("new/*"):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        found.append(Item("mail", (str(message["To"]),), (str(message.get_content()),)))
    return found
