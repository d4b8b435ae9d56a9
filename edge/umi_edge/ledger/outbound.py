"""A message of the ledger as what it was: the view that one sink was shown, handles and all."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from umi_shared.errors import MalformedError
from umi_shared.handles import Handle, Text, parts_of
from umi_shared.transcript import Call, Entry, Observation, Plan, View, text_of
from umi_shared.wire import WireLimits, read_request

__all__ = ["entry_title", "outbound_view", "text_json", "view_json"]


CLIENT = "client:"
"""How the sink of a program that calls the tools itself begins: its messages are JSON, as it read them."""


def outbound_view(entry: Mapping[str, Any]) -> View:
    """The view in a `sent` entry. Raises `MalformedError` for a message that this version of umi cannot parse."""
    try:
        message = base64.b64decode(entry["message"])
        if str(entry["sink"]).startswith(CLIENT):
            return View(catalogue=(), entries=(Observation("", parts_of(message.decode())),))
        return read_request(message, WireLimits()).view
    except (MalformedError, ValueError) as error:
        raise MalformedError(
            f"the message of entry {entry['number']} is not one that this version of umi can read",
            fix="its bytes are in the ledger all the same: `umi ledger export`",
        ) from error


def entry_title(entry: Entry) -> str:
    """What an entry of a view is, in the program's own words and the names it carries.

    >>> entry_title(Observation("contacts.search", (), "timeout"))
    'observation contacts.search failed: timeout'
    """
    match entry:
        case Plan(_, next_, tool):
            return " ".join(filter(None, ("plan →", str(next_), tool)))
        case Call(tool, _):
            return f"call {tool}"
        case Observation("", _):
            return "what the program was given"
        case Observation(tool, _, failure):
            return f"observation {tool}" + (f" failed: {failure}" if failure else "")
    return type(entry).__name__.lower()


def text_json(text: Text) -> list[dict[str, str]]:
    """A text as its segments: `clear` strings and `handle`s."""
    return [{"handle": str(part)} if isinstance(part, Handle) else {"clear": part} for part in text]


def view_json(view: View) -> dict[str, Any]:
    """A view for programs."""
    return {
        "catalogue": [
            {
                "name": card.name,
                "description": text_json(card.description),
                "input_schema": dict(card.input_schema),
            }
            for card in view.catalogue
        ],
        "entries": list(_entries_json(view)),
    }


def _entries_json(view: View) -> Iterator[dict[str, Any]]:
    for entry in view.entries:
        yield {"title": entry_title(entry), "text": text_json(text_of(entry))}
