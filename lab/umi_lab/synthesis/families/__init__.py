"""Task families: what a user may ask of the built-in tools, and how each request is carried out ideally."""

from umi_lab.synthesis.families import calendar, contacts, mail, notes_and_files
from umi_lab.synthesis.task import Family

__all__ = ["FAMILIES"]

FAMILIES = (
    Family(
        name="mail_send",
        weight=15,
        tools=("contacts.search", "mail.send"),
        draw=mail.mail_send,
        detours=("contacts.list",),
    ),
    Family(
        name="event_with",
        weight=11,
        tools=("contacts.search", "calendar.create"),
        draw=lambda draw, home: calendar.event(draw, home, guest=True),
        detours=("contacts.list",),
    ),
    Family(
        name="event_solo",
        weight=5,
        tools=("calendar.create",),
        draw=lambda draw, home: calendar.event(draw, home, guest=False),
    ),
    Family(name="day_list", weight=6, tools=("calendar.list",), draw=calendar.day_list),
    Family(
        name="event_cancel", weight=7, tools=("calendar.list", "calendar.cancel"), draw=calendar.event_cancel
    ),
    Family(name="event_time", weight=4, tools=("calendar.list",), draw=calendar.event_time),
    Family(
        name="note_find",
        weight=11,
        tools=("notes.search",),
        draw=notes_and_files.note_find,
        detours=("search.everywhere",),
    ),
    Family(
        name="note_mail",
        weight=6,
        tools=("notes.search", "contacts.search", "mail.send"),
        draw=mail.note_mail,
        detours=("search.everywhere", "contacts.list"),
    ),
    Family(
        name="mail_find",
        weight=7,
        tools=("mail.search", "mail.read"),
        draw=mail.mail_find,
        detours=("search.everywhere",),
    ),
    Family(
        name="mail_forward",
        weight=3,
        tools=("mail.search", "mail.read", "contacts.search", "mail.send"),
        draw=mail.mail_forward,
        detours=("search.everywhere", "contacts.list"),
    ),
    Family(name="contact_fact", weight=6, tools=("contacts.search",), draw=contacts.contact_fact),
    Family(name="contact_add", weight=4, tools=("contacts.add",), draw=contacts.contact_add),
    Family(name="note_create", weight=5, tools=("notes.create",), draw=notes_and_files.note_create),
    Family(
        name="file_read",
        weight=6,
        tools=("files.search", "files.read"),
        draw=notes_and_files.file_read,
        detours=("search.everywhere",),
    ),
    Family(name="search_all", weight=3, tools=("search.everywhere",), draw=notes_and_files.search_all),
    Family(
        name="file_mail",
        weight=6,
        tools=("files.search", "files.read", "contacts.search", "mail.send"),
        draw=mail.file_mail,
        detours=("search.everywhere", "contacts.list"),
        held_out=True,
    ),
)
"""Requests for other tools are in `toy_tools`, and those that no tool serves in `out_of_scope`."""
