"""Combined phrases: a way to begin, a way to name the thing, and what else belongs to it, each drawn apart.

Whole phrases teach a model whole phrases. What it must learn is that "the boiler note" is a note whatever verb stands
before it, and that a day and a time make an event; so the verb changes while the rest stays, and the other way round.
"""

from collections.abc import Mapping

from umi_lab.synthesis.pools import Draw

__all__ = ["combined_phrase"]

_SHOW = (
    "show me", "get me", "fetch", "bring me", "let me see", "I want to see", "display", "open", "give me", "find",
    "look up", "check", "retrieve", "I would like to see", "let me read", "read out", "recite", "I am looking for",
    "hunt for", "go and get", "can I see", "where is", "what about", "I want", "quote", "return", "view", "print out",
)  # fmt: skip
_ENTER = (
    "add", "put", "enter", "log", "register", "mark", "save", "set", "schedule", "plan", "book", "get", "fix", "make",
    "record", "insert", "write", "I need", "I want", "there is", "we have", "organise", "arrange", "include", "store",
)  # fmt: skip
_REMOVE = (
    "cancel", "delete", "remove", "drop", "erase", "strike", "take out", "clear", "kill", "discard", "abandon",
    "withdraw from", "I will skip", "I am not going to", "get rid of", "undo", "unschedule", "forget",
)  # fmt: skip
_SEND = (
    "email {n}", "mail {n}", "write {n}", "send {n} a mail", "send {n} an email", "write a mail to {n}", "tell {n}",
    "let {n} know", "inform {n}", "an email to {n}", "a mail for {n}", "get a message to {n}", "notify {n}",
    "write an email to {n}", "send an email to {n}", "post a mail to {n}", "update {n}", "warn {n}", "remind {n}",
)  # fmt: skip
_TO_SOMEONE = (
    "send {n}", "email {n}", "mail {n}", "get {n}", "forward {n}", "hand {n}", "I want to send {n}", "deliver to {n}",
    "write {n} with", "mail to {n}", "send over to {n}", "pass {n}",
)  # fmt: skip
_WHEN = ("on {d} at {t}", "at {t} on {d}", "for {d} at {t}", "{d}, {t}", "on {d}, {t}", "{d} at {t}")
_NOTE = (
    "the {x} note", "my {x} note", "my note on {x}", "the note about the {x}", "my note about the {x}",
    "what my note on the {x} says", "what I noted about the {x}", "the note on the {x}", "my notes on the {x}",
    "what is in the {x} note", "what I wrote down on the {x}",
)  # fmt: skip
_FILE = (
    "the {x} file", "my {x} document", "the file on {x}", "the document about the {x}", "my file about the {x}",
    "what the {x} file says", "the text of the {x} document", "what is in the {x} file", "the file about {x}",
)  # fmt: skip
_MAIL = (
    "the {x} mail", "the mail about the {x}", "the email on {x}", "the {x} email", "the message about the {x}",
    "what the mail about the {x} says", "the letter on the {x}",
)  # fmt: skip
_END = ("", "", "", ".", ".", "!", ", please.", " for me.")

_COMBINED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "mail_send": (_SEND, (" that {m}", ": {m}", " saying {m}", " to say that {m}", " with the news that {m}"), _END),
    "event_with": (
        _ENTER,
        (" a {x} with {n} ", " the {x} with {n} ", " my {x} with {n} ", " an event with {n}, the {x}, "),
        _WHEN,
        ("", "", " in my calendar", " in the diary", " and invite {n}"),
        _END,
    ),
    "event_solo": (
        _ENTER,
        (" a {x} ", " the {x} ", " my {x} ", " an event for the {x} ", " an appointment, the {x}, "),
        _WHEN,
        ("", "", " in my calendar", " in the diary", " to my schedule", " as an event"),
        _END,
    ),
    "day_list": (
        _SHOW,
        (" the events", " my appointments", " my calendar", " my agenda", " my plans", " what is planned"),
        (" for {d}", " on {d}", " of {d}"),
        _END,
    ),
    "event_cancel": (_REMOVE, (" the {x}", " my {x}", " the event {x}"), (" on {d}", " of {d}", ", {d}"), _END),
    "event_time": (
        ("when is", "what is the time of", "tell me the start of", "at what hour is", "find out when I have",
         "how late is", "I forgot the time of", "which time is"),
        (" the {x}", " my {x}", " the event {x}"),
        (" on {d}", " of {d}", ", {d}"),
        ("", "?", "?"),
    ),
    "note_find": (_SHOW, (" ",), _NOTE, _END),
    "note_mail": (_TO_SOMEONE, (" ",), _NOTE, _END),
    "mail_find": (_SHOW, (" ",), _MAIL, (" from {n}", " by {n}", " that came from {n}", " {n} wrote"), _END),
    "mail_find_topic": (_SHOW, (" ",), _MAIL, _END),
    "mail_forward": (_TO_SOMEONE, (" ",), _MAIL, (" that I got", " I received", "", ""), _END),
    "contact_email": (_SHOW, (" the email of {n}", " {n}'s address", " the mail address of {n}", " {n}'s email"), _END),
    "contact_phone": (_SHOW, (" the number of {n}", " {n}'s phone", " {n}'s phone number", " the phone of {n}"), _END),
    "contact_company": (_SHOW, (" the company of {n}", " {n}'s employer", " the firm of {n}"), _END),
    "note_create": (
        ("note", "write", "save", "add", "make", "take", "record", "set down", "start", "create", "put down"),
        (" a note that {m}", " a note: {m}", " in my notes that {m}", " a note saying {m}", " as a note: {m}"),
        _END,
    ),
    "file_read": (_SHOW, (" ",), _FILE, _END),
    "search_all": (
        _SHOW,
        (" everything on {x}", " all about the {x}", " anything about {x}", " whatever there is on the {x}",
         " all I have on {x}"),
        _END,
    ),
}  # fmt: skip
"""None of what `phrases` holds out is among them."""


def combined_phrase(draw: Draw, family: str) -> str:
    """A phrase of a family, its slots open; empty where the family has no parts."""
    return "".join(draw.rng.choice(part) for part in _COMBINED.get(family, ()))
