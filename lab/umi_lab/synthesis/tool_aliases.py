"""Aliass: built-in tools under other names, so that a planner reads its catalogue instead of knowing it."""

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from umi_edge.tools import Tool
from umi_lab.synthesis.composed_aliases import composed_description, composed_name
from umi_lab.synthesis.home import made_up_word
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.words import VENDORS

__all__ = ["ToolAlias", "alias_of", "aliased", "held_out_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAlias:
    """The words that stand for one tool's own."""

    name: str
    description: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """The shown name by the tool's own."""


_NAMES: dict[str, tuple[str, ...]] = {
    "contacts.search": (
        "find_contact",
        "search_contacts",
        "lookup_person",
        "people.find",
        "addressbook.lookup",
        "person_search",
        "contact_finder",
        "get_contact",
        "people_index",
    ),
    "contacts.list": (
        "all_contacts",
        "list_contacts",
        "people.all",
        "addressbook.dump",
        "everyone",
        "contact_list",
        "whole_addressbook",
    ),
    "contacts.add": (
        "new_contact",
        "add_contact",
        "people.add",
        "save_contact",
        "create_person",
        "contact_insert",
        "store_person",
    ),
    "calendar.list": (
        "list_events",
        "get_calendar",
        "day_agenda",
        "schedule.show",
        "events.day",
        "agenda",
        "show_schedule",
        "read_planner",
    ),
    "calendar.create": (
        "create_event",
        "add_event",
        "calendar_add",
        "schedule.new",
        "events.create",
        "book_slot",
        "new_appointment",
        "plan_meeting",
    ),
    "calendar.cancel": (
        "delete_event",
        "cancel_event",
        "calendar_remove",
        "schedule.drop",
        "events.cancel",
        "unbook",
        "drop_appointment",
        "scrap_event",
    ),
    "mail.search": (
        "search_mail",
        "find_email",
        "inbox_search",
        "letters.find",
        "email_query",
        "inbox.query",
        "mail_lookup",
        "grep_inbox",
    ),
    "mail.read": (
        "read_mail",
        "open_email",
        "get_message",
        "letters.open",
        "email_show",
        "inbox.read",
        "show_mail",
        "fetch_letter",
    ),
    "mail.send": (
        "send_email",
        "mail_send",
        "compose_mail",
        "letters.send",
        "email_write",
        "outbox.post",
        "email_out",
        "dispatch_mail",
    ),
    "notes.search": (
        "search_notes",
        "find_note",
        "notes_query",
        "memo.find",
        "notebook.search",
        "scratchpad_find",
        "note_lookup",
        "memo_grep",
    ),
    "notes.read": (
        "read_note",
        "open_note",
        "get_note",
        "memo.open",
        "notebook.page",
        "note_show",
        "memo_fetch",
    ),
    "notes.create": (
        "create_note",
        "add_note",
        "note_new",
        "memo.write",
        "notebook.add",
        "jot",
        "write_note",
        "memo_store",
    ),
    "files.search": (
        "find_file",
        "search_files",
        "locate_document",
        "docs.find",
        "disk.search",
        "file_query",
        "file_lookup",
        "doc_grep",
    ),
    "files.read": (
        "read_file",
        "open_file",
        "get_document",
        "docs.open",
        "disk.read",
        "file_text",
        "load_document",
        "cat_file",
    ),
    "search.everywhere": (
        "search_everything",
        "global_search",
        "spotlight",
        "find.all",
        "universal_search",
        "omni",
        "find_anywhere",
        "sweep",
    ),
}
_DESCRIPTIONS: dict[str, tuple[str, ...]] = {
    "contacts.search": (
        "Find a contact by name.",
        "Look up e-mail and phone of a person.",
        "Search the address book for someone.",
        "Give the details of a person.",
        "Get a person's contact data.",
    ),
    "contacts.list": (
        "Give every contact.",
        "List the whole address book.",
        "All people that the user knows.",
        "Everyone in the contacts.",
    ),
    "contacts.add": (
        "Save a new contact.",
        "Add someone to the address book.",
        "Create a contact.",
        "Store a person.",
    ),
    "calendar.list": (
        "Show the events of a day.",
        "Read the calendar for one date.",
        "What is planned on a day.",
        "Give the agenda of one date.",
    ),
    "calendar.create": (
        "Add an event to the calendar.",
        "Create a calendar entry.",
        "Schedule a meeting.",
        "Book a new appointment.",
    ),
    "calendar.cancel": (
        "Delete an event by its id.",
        "Remove a calendar entry.",
        "Call off an event.",
        "Drop an appointment.",
    ),
    "mail.search": (
        "Search the inbox.",
        "Find received e-mails by words.",
        "Look for letters in the mailbox.",
        "Query the received mail.",
    ),
    "mail.read": (
        "Open one e-mail.",
        "Show the text of a received mail.",
        "Read a letter by its id.",
        "Fetch one message.",
    ),
    "mail.send": (
        "Write and send an e-mail.",
        "Send a mail to an address.",
        "Deliver an e-mail message.",
        "Post a letter by e-mail.",
    ),
    "notes.search": (
        "Search the notes.",
        "Find notes by keyword.",
        "Look for a memo.",
        "Query the notebook.",
    ),
    "notes.read": (
        "Open a note by its id.",
        "Show one note.",
        "Read a memo.",
        "Fetch a page of the notebook.",
    ),
    "notes.create": (
        "Save a new note.",
        "Write a memo.",
        "Add a note to the notebook.",
        "Store a text as a note.",
    ),
    "files.search": (
        "Find files by words.",
        "Search the documents.",
        "Locate a document.",
        "Look for a file on disk.",
    ),
    "files.read": (
        "Open a text file.",
        "Show what a document says.",
        "Read a file by its path.",
        "Load a document.",
    ),
    "search.everywhere": (
        "Search notes, files and mail together; for when another search fails.",
        "One search over all data, if the others are down.",
        "Fallback search over everything.",
        "Full search across all of the user's data.",
    ),
}
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "name": ("person", "who", "full_name", "contact"),
    "email": ("mail", "address", "e_mail"),
    "phone": ("number", "telephone", "mobile"),
    "company": ("firm", "employer", "organisation"),
    "date": ("day", "on", "when_day", "on_day"),
    "time": ("start", "at", "clock", "starts_at"),
    "title": ("subject", "what", "heading", "topic"),
    "guests": ("attendees", "invite", "people", "invitees"),
    "duration_minutes": ("minutes", "length", "duration"),
    "location": ("place", "where", "venue"),
    "id": ("ref", "item", "key", "identifier"),
    "query": ("words", "q", "keywords", "search"),
    "sender": ("from_whom", "by", "author"),
    "to": ("recipient", "address", "send_to", "addressee"),
    "subject": ("title", "topic", "headline", "about"),
    "body": ("text", "message", "content", "letter"),
    "text": ("content", "body", "note", "words"),
    "path": ("file", "filename", "document", "where"),
}

_MORE_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "name": ("somebody", "whom", "called", "known_as"),
    "email": ("mailbox", "mail_address", "reach_at"),
    "phone": ("tel", "phone_number", "ring_at"),
    "date": ("calendar_day", "the_day", "iso_date", "date_of"),
    "time": ("hour", "begin", "from_time", "clock_time"),
    "title": ("label", "named", "caption", "short_name", "regarding"),
    "guests": ("with_whom", "participants", "others", "mail_to"),
    "id": ("which", "handle", "number", "entry"),
    "query": ("find", "text", "terms", "look_for", "topic"),
    "sender": ("written_by", "of_whom", "sent_by"),
    "to": ("receiver", "mail_address", "destination", "for_whom"),
    "subject": ("regarding", "re", "caption", "concerning", "header"),
    "body": ("words", "what_to_say", "full_text", "contents"),
    "text": ("contents", "to_write", "full_text", "entry"),
    "path": ("location", "which_file", "at"),
}
"""For varied training data; held-out episodes never draw from here."""
_MORE_DESCRIPTIONS: dict[str, tuple[str, ...]] = {
    "contacts.search": ("Someone's address, number and employer, by name.", "Who is who: looks a person up."),
    "contacts.list": ("Returns each contact there is.", "The complete list of people."),
    "contacts.add": ("Keeps a new person with mail and phone.", "Adds a card to the address book."),
    "calendar.list": (
        "Events on a given date.",
        "Tells what happens on a day.",
        "Looks at one day of the diary.",
    ),
    "calendar.create": (
        "Puts a meeting into the diary.",
        "Makes an appointment, with guests.",
        "Enters an event.",
    ),
    "calendar.cancel": ("Takes an event out of the diary.", "Calls an appointment off.", "Erases an event."),
    "mail.search": (
        "Finds letters that were received.",
        "Which mails hold some words.",
        "Looks through the inbox.",
    ),
    "mail.read": ("Gives the body of a mail.", "What one letter says.", "Opens a message from the inbox."),
    "mail.send": (
        "Writes to someone by mail.",
        "Mails a text to a recipient.",
        "Puts a letter into the outbox.",
    ),
    "notes.search": ("Which notes hold some words.", "Finds what the user wrote down.", "Looks notes up."),
    "notes.read": ("What one note says.", "Opens a memo.", "Gives a note in full."),
    "notes.create": ("Writes something down.", "Keeps a text for later.", "Makes a new memo."),
    "files.search": ("Which documents hold some words.", "Finds papers on the disk.", "Looks documents up."),
    "files.read": ("What one document says.", "Gives the text of a paper.", "Opens a document."),
    "search.everywhere": (
        "Looks in notes, files and mail at once.",
        "Finds anything, when a search is down.",
    ),
}
"""For varied training data; held-out episodes never draw from here."""


def alias_of(draw: Draw, tool: Tool) -> ToolAlias:
    """A new name, at times with a made-up prefix; often a new description, and some new argument names."""
    varied = draw.variety > 1 and not draw.held_out
    name = draw.one(_NAMES[tool.name]) if tool.name in _NAMES else tool.name
    if varied and draw.variety > 3 and draw.chance(0.7):
        name = _apart_from_held_out(draw, composed_name, tool.name)
    if varied and draw.chance(0.25):
        name = made_up_word(draw)  # says nothing: the description must be read
    if draw.chance(0.3):
        name = f"{draw.one(VENDORS)}{draw.rng.choice('._-')}{name}"
    described = tool.name in _DESCRIPTIONS and draw.chance(0.75)
    arguments: dict[str, str] = {}
    for own in tool.input_schema["properties"]:
        shown = draw.one(_ARGUMENTS[own]) if own in _ARGUMENTS and draw.chance(0.4) else own
        if varied and draw.variety > 4 and own in _MORE_ARGUMENTS and draw.chance(0.4):
            shown = draw.rng.choice(_MORE_ARGUMENTS[own])
        taken = {*arguments.values(), *(set(tool.input_schema["properties"]) - {own})}
        arguments[own] = own if shown in taken else shown
    description = draw.one(_DESCRIPTIONS[tool.name]) if described else tool.description
    if varied and tool.name in _MORE_DESCRIPTIONS and draw.chance(0.4):
        description = draw.rng.choice(_MORE_DESCRIPTIONS[tool.name])
    if varied and draw.variety > 3 and draw.chance(0.6):
        description = _apart_from_held_out(draw, composed_description, tool.name) or description
    return ToolAlias(name=name, description=description, arguments=arguments)


def held_out_words(tool: str) -> frozenset[str]:
    """The names and descriptions of one built-in tool that training never sees."""
    held_out = Draw(random.Random(0), held_out=True)  # noqa: S311  # not for secrets
    return frozenset((*held_out.part(_NAMES.get(tool, ())), *held_out.part(_DESCRIPTIONS.get(tool, ()))))


def _apart_from_held_out(draw: Draw, compose: Callable[[Draw, str], str], tool: str) -> str:
    held_out = held_out_words(tool)
    return next(text for _ in itertools.count() if (text := compose(draw, tool)) not in held_out)


def aliased(tool: Tool, alias: ToolAlias) -> Tool:
    """The same tool under its alias."""
    own_of = {shown: own for own, shown in alias.arguments.items()}
    schema = dict(tool.input_schema)
    schema["properties"] = {alias.arguments[k]: v for k, v in schema["properties"].items()}
    if "required" in schema:
        schema["required"] = [alias.arguments[name] for name in schema["required"]]

    async def run(arguments: Mapping[str, Any]) -> Any:
        return await tool.run({own_of.get(name, name): value for name, value in arguments.items()})

    return replace(tool, name=alias.name, description=alias.description, input_schema=schema, run=run)
