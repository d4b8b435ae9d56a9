"""The shapes of the built-in tools' results, as JSON Schemas: what a policy can be proven against."""

from collections.abc import Mapping
from typing import Any

__all__ = [
    "ADDED",
    "ANSWERS",
    "CANCELLED",
    "CONTACT_LIST",
    "CONTACT_MATCHES",
    "CREATED",
    "EVENTS",
    "FILES",
    "FINISHED",
    "FREE",
    "FILE_TEXT",
    "HITS",
    "LETTER",
    "LETTERS",
    "MORE_HITS",
    "MORE_LETTERS",
    "NOTE",
    "NOTES",
    "SENT",
    "TODOS",
    "UPDATED",
    "WRITTEN_NOTE",
]

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_MOMENT: Schema = {"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}
_MAYBE_MOMENT: Schema = {"anyOf": [_MOMENT, {"type": "null"}]}
_COUNT: Schema = {"type": "integer", "minimum": 1}
_TRUE: Schema = {"const": True}
_SOURCE: Mapping[str, Schema] = {"source": _TEXT}
"""Of a home with a folder and accounts of one kind: which of them a thing is from."""


def _object(*, optional: Mapping[str, Schema] | None = None, **required: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _found(**lists: Schema) -> Schema:
    """Lists that a search found, and how many files it could not read where there were some."""
    return _object(**{name: _list(item) for name, item in lists.items()}, optional={"skipped": _COUNT})


def _letter(*, optional: Mapping[str, Schema] | None = None, **more: Schema) -> Schema:
    sender: dict[str, Schema] = {"from": _TEXT}
    optional = {**_SOURCE, **(optional or {})}
    return _object(optional=optional, id=_TEXT, **sender, subject=_TEXT, date=_MAYBE_MOMENT, **more)


def _contact(**more: Schema) -> Schema:
    """A contact: the four that are always there, and what more there is of it."""
    found_by = {
        "nicknames": _list(_TEXT),
        "other_names": _list(_TEXT),
        "related": _list(_TEXT),
        "emails": _list(_object(kind=_KIND, address=_TEXT)),
        "phones": _list(_object(kind=_KIND, number=_TEXT)),
        "department": _TEXT,
        "kind": {"enum": ["group", "org", "location", "other"]},
        **_SOURCE,
    }
    always = {"email": _MAYBE_TEXT, "phone": _MAYBE_TEXT, "company": _MAYBE_TEXT}
    return _object(name=_TEXT, **always, optional={**found_by, **more})


_KIND: Schema = {"enum": ["cell", "fax", "home", "other", "pager", "work"]}
_LISTED = _contact()
_FOUND = _contact(
    id=_TEXT,
    role=_TEXT,
    addresses=_list(_object(kind=_KIND, address=_TEXT)),
    birthday=_TEXT,
    categories=_list(_TEXT),
    note=_TEXT,
)
_EVENT = _object(
    id=_TEXT,
    title=_TEXT,
    start=_MOMENT,
    end=_MOMENT,
    location=_MAYBE_TEXT,
    attendees=_list(_TEXT),
    optional=_SOURCE,
)

_ATTACHED = _object(name=_TEXT, kind=_TEXT, optional={"text": _TEXT})

CONTACT_MATCHES = _found(matches=_FOUND)
CONTACT_LIST = _list(_LISTED)
ADDED = _object(added=_TRUE)

EVENTS = _found(events=_EVENT)
CREATED = _object(id=_TEXT)
CANCELLED = _object(cancelled=_TRUE)
UPDATED = _object(updated=_TRUE)
FREE = _object(free=_list(_object(start=_MOMENT, end=_MOMENT)), optional={"skipped": _COUNT})
TODOS = _found(todos=_object(id=_TEXT, title=_TEXT, due=_MAYBE_MOMENT, optional=_SOURCE))
FINISHED = _object(finished=_TRUE)

LETTERS = _found(messages=_letter())
MORE_LETTERS = _object(messages=_list(_letter()), optional={"taken_for": _list(_TEXT), "skipped": _COUNT})
LETTER = _letter(to=_TEXT, body=_TEXT, optional={"cc": _TEXT, "attachments": _list(_ATTACHED)})
SENT = _object(status={"enum": ["queued", "sent"]})

NOTE = _object(id=_TEXT, title=_TEXT, text=_TEXT)
NOTES = _found(notes=NOTE)

FILES = _found(files=_object(path=_TEXT))
FILE_TEXT = _object(path=_TEXT, text=_TEXT)

WRITTEN_NOTE = _object(optional={"id": _TEXT, "matches": _list(_object(id=_TEXT, title=_TEXT))})


def _hits(*kinds: str) -> Schema:
    return _found(hits=_object(kind={"enum": list(kinds)}, id=_TEXT, title=_TEXT, snippet=_TEXT))


HITS = _hits("note", "file", "mail")
ANSWERS = _found(
    answers=_object(
        kind={"enum": ["contact", "event", "note", "file", "mail"]},
        id=_TEXT,
        title=_TEXT,
        text=_TEXT,
        sure={"type": "boolean"},
    )
)
MORE_HITS = _hits("contact", "event", "note", "file", "mail")
