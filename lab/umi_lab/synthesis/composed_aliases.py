"""Composed names and descriptions of tools: a word for what is done, a word for what it is done to, drawn apart.

A dozen whole names teach a model a dozen names. What it must learn is to read: that whatever looks people up looks
people up, in words that it has not seen together. No whole name or description that `alias` holds out is made here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.tokenizer_words import known_word

__all__ = ["composed_description", "composed_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The words of one tool; each tuple is one part of a name or of a description."""

    does: tuple[str, ...]
    what: tuple[str, ...]
    says: tuple[str, ...]
    of: tuple[str, ...]
    more: tuple[str, ...] = ("",)


_FINDS = (
    "find",
    "search",
    "lookup",
    "locate",
    "query",
    "seek",
    "scan",
    "discover",
    "look_for",
    "hunt",
    "match",
)
_READS = ("read", "open", "get", "show", "view", "display", "load", "retrieve", "print", "give")
_MAKES = ("add", "create", "new", "make", "save", "insert", "register", "enter", "put", "append")
_FIND_SAYS = (
    "Find", "Finds", "Search for", "Look up", "Looks up", "Locate", "Seek", "Searches for", "Query", "Discover",
    "Tells you about", "Returns", "Get", "Use this to find",
)  # fmt: skip
_READ_SAYS = (
    "Read", "Reads", "Open", "Opens", "Show", "Shows", "Give", "Display", "Print", "Return", "Retrieve", "Get",
    "Use this to read",
)  # fmt: skip
_MAKE_SAYS = (
    "Add",
    "Adds",
    "Create",
    "Creates",
    "Save",
    "Make",
    "Enter",
    "Register",
    "Use this to add",
    "Insert",
)
_PEOPLE = (
    "contact", "contacts", "person", "people", "address_book", "friend", "acquaintance", "directory", "rolodex",
    "human", "somebody", "card", "phonebook",
)  # fmt: skip
_EVENTS = (
    "event",
    "appointment",
    "meeting",
    "entry",
    "engagement",
    "date",
    "slot",
    "calendar_item",
    "booking",
)
_MAILS = ("mail", "email", "e_mail", "message", "letter", "correspondence", "post")
_NOTES = ("note", "notes", "memo", "jotting", "scribble", "sticky", "notebook", "reminder_text")
_FILES = ("file", "files", "document", "doc", "paper", "disk", "folder", "text_file", "drive")

_WORDS: Mapping[str, _Words] = {
    "contacts.search": _Words(
        does=_FINDS,
        what=_PEOPLE,
        says=_FIND_SAYS,
        of=(
            "a contact",
            "a person",
            "people",
            "someone in the contacts",
            "the details of a contact",
            "a friend",
            "somebody's mail address and number",
            "an entry of the phone book",
            "how to reach a person",
            "who somebody is",
        ),
        more=(
            "",
            "",
            " by name",
            " by a part of the name",
            ", with address and phone",
            " in the user's contacts",
        ),
    ),
    "contacts.list": _Words(
        does=("list", "all", "every", "enumerate", "show_all", "complete", "full", "each"),
        what=_PEOPLE,
        says=("List", "Lists", "Show", "Return", "Enumerate", "Print", "Use this to see"),
        of=(
            "all contacts",
            "every person",
            "the entire phone book",
            "everybody",
            "all people and their addresses",
        ),
        more=("", "", ", without a filter", " that is stored", ", one after the other"),
    ),
    "contacts.add": _Words(
        does=_MAKES,
        what=_PEOPLE,
        says=_MAKE_SAYS,
        of=("a contact", "a new person", "somebody new", "an entry of the phone book", "a friend's details"),
        more=("", "", " to the contacts", " in the directory", ", with mail and number"),
    ),
    "calendar.list": _Words(
        does=("list", "show", "read", "view", "get", "day", "display", "what_is_on", "see"),
        what=("calendar", "events", "diary", "appointments", "timetable", "day_plan", "meetings", "date"),
        says=("List", "Lists", "Show", "Shows", "Read", "View", "Return", "Tells", "Use this to see"),
        of=(
            "the events",
            "all appointments",
            "the meetings",
            "what is in the diary",
            "the timetable",
            "the plans",
        ),
        more=(" of a day", " on a date", " of one day", " for a given day", " that fall on a date"),
    ),
    "calendar.create": _Words(
        does=(*_MAKES, "schedule", "book", "arrange", "set_up"),
        what=_EVENTS,
        says=(*_MAKE_SAYS, "Schedule", "Set up", "Arrange", "Plan"),
        of=("an event", "an appointment", "a meeting", "a diary entry", "something at a date and time"),
        more=(
            "",
            "",
            " in the calendar",
            " and invite guests",
            " on the timetable",
            ", with title, day and time",
        ),
    ),
    "calendar.cancel": _Words(
        does=("cancel", "delete", "remove", "drop", "erase", "call_off", "clear", "withdraw", "strike"),
        what=_EVENTS,
        says=(
            "Cancel",
            "Cancels",
            "Delete",
            "Deletes",
            "Remove",
            "Strike",
            "Clear",
            "Erase",
            "Use this to cancel",
        ),
        of=("an event", "an appointment", "a meeting", "a diary entry", "something from the calendar"),
        more=("", "", " for good", ", given its id", " that does not take place"),
    ),
    "mail.search": _Words(
        does=_FINDS,
        what=(*_MAILS, "inbox", "mailbox"),
        says=_FIND_SAYS,
        of=(
            "e-mails",
            "received mail",
            "messages",
            "a letter in the mailbox",
            "old correspondence",
            "a mail",
        ),
        more=("", "", " by words", " by sender or words", " in the inbox", " that somebody wrote"),
    ),
    "mail.read": _Words(
        does=_READS,
        what=_MAILS,
        says=_READ_SAYS,
        of=("a mail", "one e-mail", "a message", "a letter", "the text of an e-mail", "a received message"),
        more=("", "", " in full", ", given its id", " from the mailbox"),
    ),
    "mail.send": _Words(
        does=("send", "write", "deliver", "post", "mail_to", "transmit", "submit", "forward", "send_off"),
        what=_MAILS,
        says=("Send", "Sends", "Deliver", "Write", "Post", "Transmit", "Use this to send"),
        of=("an e-mail", "a mail", "a message", "a letter by mail", "a text to a mail address"),
        more=("", "", " to somebody", " to one recipient or more", ", with subject and text"),
    ),
    "notes.search": _Words(
        does=_FINDS,
        what=_NOTES,
        says=_FIND_SAYS,
        of=(
            "notes",
            "a memo",
            "what was noted",
            "the user's jottings",
            "something in the notebook",
            "a note",
        ),
        more=("", "", " by words", " about a topic", " among the memos"),
    ),
    "notes.read": _Words(
        does=_READS,
        what=_NOTES,
        says=_READ_SAYS,
        of=("a note", "one memo", "the text of a note", "a jotting"),
        more=("", "", " in full", ", given its id"),
    ),
    "notes.create": _Words(
        does=(*_MAKES, "write", "jot", "take"),
        what=_NOTES,
        says=(*_MAKE_SAYS, "Write", "Jot down", "Take"),
        of=("a note", "a memo", "a text in the notebook", "something to remember"),
        more=("", "", " with a title", " among the notes", " for later"),
    ),
    "files.search": _Words(
        does=_FINDS,
        what=_FILES,
        says=_FIND_SAYS,
        of=("files", "documents", "a file", "papers in a folder", "a document by what it says"),
        more=("", "", " by words", " on this computer", " in the user's folders"),
    ),
    "files.read": _Words(
        does=_READS,
        what=_FILES,
        says=_READ_SAYS,
        of=("a file", "one document", "the text of a file", "a paper", "what is in a document"),
        more=("", "", " in full", ", given its path", " on this computer"),
    ),
    "search.everywhere": _Words(
        does=_FINDS,
        what=("everywhere", "everything", "all_data", "whole_home", "any_source", "all_places"),
        says=("Search", "Searches", "Look through", "Query", "Comb through"),
        of=("everything", "notes, mails and files at once", "all data", "every source", "the whole home"),
        more=("", "", " together", ", if another search is down", " in one go", " when nothing else works"),
    ),
}
_FORMS = ("{a}_{b}", "{a}_{b}", "{b}.{a}", "{b}.{a}", "{b}_{a}", "{a}.{b}", "{a}-{b}", "{A}{B}", "{aB}")

_AROUND = (
    "{}", "{}; nothing else.", "{}. Needs no account.", "{}, quickly.", "Assistant's tool. {}.", "{} on this machine.",
    "{} (beta).", "Version 2. {}.", "{}. Ask before use.", "{}, as the user would.",
)  # fmt: skip
"""What stands around descriptions and means little."""


def composed_name(draw: Draw, tool: str) -> str:
    """A name for one of the built-in tools, such as `query_phonebook`; the tool's own where it has no words.

    From variety 5 on one of the two words at times says nothing (`anchor_phonebook`), so that the description must be
    read.
    """
    words = _WORDS.get(tool)
    if words is None:
        return tool
    does, what = draw.rng.choice(words.does), draw.rng.choice(words.what)
    if draw.variety > 4 and draw.chance(0.4):
        does, what = (known_word(draw), what) if draw.chance(0.6) else (does, known_word(draw))
    first = does.replace("_", " ").title().replace(" ", "")
    second = what.replace("_", " ").title().replace(" ", "")
    camel = first[0].lower() + first[1:] + second
    return draw.rng.choice(_FORMS).format(a=does, b=what, A=first, B=second, aB=camel)


def composed_description(draw: Draw, tool: str) -> str:
    """A description for one of the built-in tools; empty where it has no words."""
    words = _WORDS.get(tool)
    if words is None:
        return ""
    text = f"{draw.rng.choice(words.says)} {draw.rng.choice(words.of)}{draw.rng.choice(words.more)}"
    return draw.rng.choice(_AROUND).format(text) if draw.variety > 4 and draw.chance(0.3) else f"{text}."
