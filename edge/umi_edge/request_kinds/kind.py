"""Kinds of changes: what a request may ask to be done, and which of umi's own tools does it."""

from enum import StrEnum

__all__ = ["CALENDAR", "KIND_OF", "LISTS", "NOTHING", "Kind"]


class Kind(StrEnum):
    """What a request may ask for; one request may ask for several."""

    MAIL = "mail"
    EVENT = "event"
    MOVED = "moved"
    CANCELLED = "cancelled"
    NOTE = "note"
    TODO = "to-do"
    CONTACT = "contact"


CALENDAR = frozenset({Kind.EVENT, Kind.MOVED, Kind.CANCELLED})
"""What is done to events."""
LISTS = frozenset({Kind.NOTE, Kind.TODO})
"""What is written down: words such as "the list" may mean either, and neither reaches anybody."""
NOTHING = "nothing"
"""What a question asks for, and what no tool of umi's own does."""

KIND_OF = {
    "mail.send": Kind.MAIL,
    "mail.reply": Kind.MAIL,
    "mail.forward": Kind.MAIL,
    "calendar.create": Kind.EVENT,
    "calendar.repeat": Kind.EVENT,
    "calendar.update": Kind.MOVED,
    "calendar.cancel": Kind.CANCELLED,
    "calendar.add_todo": Kind.TODO,
    "calendar.finish_todo": Kind.TODO,
    "notes.create": Kind.NOTE,
    "notes.append": Kind.NOTE,
    "notes.edit": Kind.NOTE,
    "contacts.add": Kind.CONTACT,
    "contacts.change": Kind.CONTACT,
}
"""The tools of umi's own that change something."""
