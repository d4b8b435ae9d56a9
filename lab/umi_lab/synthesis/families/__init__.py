"""Task families: what a user may ask of the built-in tools, and how each request is carried out ideally."""

from collections.abc import Callable

from umi_lab.synthesis.families import (
    calendar,
    calendar_more,
    contacts,
    conversations,
    errands,
    everyday_calendar,
    everyday_lists,
    everyday_mail,
    everyday_people,
    everyday_then,
    everyday_two,
    mail,
    mail_more,
    needs,
    notes_and_files,
    questions,
)
from umi_lab.synthesis.home import Home
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.task import Family, Task

__all__ = ["ANSWER_FAMILIES", "ERRAND_FAMILIES", "EVERYDAY_FAMILIES", "FAMILIES", "MORE_FAMILIES"]

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

_MORE: dict[Callable[[Draw, Home], Task], tuple[float, str]] = {
    calendar_more.range_list: (5, "calendar.search"),
    calendar_more.next_with: (4, "calendar.search"),
    calendar_more.free_time: (4, "calendar.free"),
    calendar_more.event_move: (6, "calendar.list calendar.update"),
    calendar_more.event_all_day: (3, "calendar.repeat"),
    calendar_more.event_weekly: (3, "calendar.repeat"),
    calendar_more.reminder_add: (5, "calendar.add_todo"),
    calendar_more.reminder_list: (3, "calendar.todos"),
    contacts.contact_role: (4, "contacts.search"),
    contacts.contact_change: (4, "contacts.search contacts.change"),
    mail_more.mail_unread: (3, "mail.search"),
    mail_more.mail_range: (4, "mail.search"),
    mail_more.mail_reply: (6, "mail.search mail.reply"),
    mail_more.mail_two: (4, "contacts.search mail.send"),
    mail_more.find_and_tell: (5, "contacts.search mail.send"),
    mail_more.event_and_mail: (5, "calendar.create contacts.search mail.send"),
    notes_and_files.note_append: (4, "notes.append"),
}
"""How often each is drawn, and the tools that it needs."""

_ANSWERS: dict[Callable[[Draw, Home], Task], tuple[float, str]] = {
    questions.ask_text: (45, "search.answer"),
    questions.ask_event: (16, "search.answer"),
    questions.ask_person: (16, "search.answer"),
    questions.ask_company: (4, "contacts.search"),
    questions.ask_latest: (8, "mail.search mail.read"),
    questions.ask_two: (6, "search.answer"),
    questions.ask_then: (8, "search.answer"),
    questions.ask_note_then: (5, "notes.search search.answer"),
    questions.contact_then: (6, "contacts.search"),
    conversations.tell: (28, "contacts.search mail.send"),
    conversations.mail_then: (4, "contacts.search mail.send"),
    conversations.event_then: (5, "calendar.create calendar.update"),
    conversations.todo_done: (4, "calendar.todos calendar.finish_todo"),
}

_ERRANDS: dict[Callable[[Draw, Home], Task], tuple[float, str]] = {
    errands.event_cancel_called: (16, "calendar.search calendar.cancel"),
    errands.event_move_called: (22, "calendar.search calendar.update"),
    errands.event_called: (22, "calendar.create"),
    errands.event_with_then: (10, "contacts.search calendar.create calendar.update"),
    errands.todo_add: (12, "calendar.add_todo"),
    errands.todo_tick: (12, "calendar.todos calendar.finish_todo"),
    errands.note_line: (14, "notes.append"),
    errands.tell_shortly: (16, "contacts.search mail.send"),
    errands.tell_two: (18, "contacts.search mail.send"),
    errands.reply_shortly: (16, "mail.search mail.reply"),
    errands.two_errands: (22, "calendar.search calendar.cancel calendar.add_todo contacts.search mail.send"),
    errands.ask_shortly: (34, "search.answer"),
    errands.fact_shortly: (14, "contacts.search"),
    errands.fact_and_question: (10, "contacts.search search.answer"),
    errands.no_tool: (30, ""),
}

_EVERYDAY: dict[Callable[[Draw, Home], Task], tuple[float, str]] = {
    needs.lacking: (1, ""),  # as often as `scenario` says
    everyday_mail.tells: (14, "contacts.search mail.send"),
    everyday_mail.asks_somebody: (22, "contacts.search mail.send"),
    everyday_mail.tells_several: (16, "contacts.search mail.send"),
    everyday_mail.replies: (14, "mail.search mail.reply"),
    everyday_mail.reply_about: (10, "mail.search mail.reply"),
    everyday_mail.forward_topic: (14, "mail.search contacts.search mail.forward"),
    everyday_mail.forward_from: (10, "mail.search contacts.search mail.forward"),
    everyday_mail.mail_about: (10, "mail.search mail.read"),
    everyday_mail.mail_last: (7, "mail.search"),
    everyday_mail.mail_new: (4, "mail.search"),
    everyday_calendar.cancels_with: (22, "calendar.search calendar.cancel"),
    everyday_calendar.moves_with: (22, "calendar.search calendar.update"),
    everyday_calendar.enters_deed: (14, "calendar.create"),
    everyday_calendar.span_of_days: (22, "calendar.search"),
    everyday_calendar.free_when: (9, "calendar.free"),
    everyday_calendar.is_free: (9, "calendar.free"),
    everyday_calendar.next_of: (10, "search.answer"),
    everyday_calendar.sees_next: (8, "calendar.search"),
    everyday_lists.todo_added: (20, "calendar.add_todo"),
    everyday_lists.todo_dated: (18, "calendar.add_todo"),
    everyday_lists.todo_ticked: (14, "calendar.todos calendar.finish_todo"),
    everyday_lists.todos_left: (5, "calendar.todos"),
    everyday_lists.line_added: (14, "notes.append"),
    everyday_lists.line_gone: (7, "notes.edit"),
    everyday_lists.line_changed: (5, "notes.edit"),
    everyday_people.role_fact: (16, "search.answer"),
    everyday_people.company_people: (6, "contacts.search"),
    everyday_people.tells_role: (10, "contacts.search mail.send"),
    everyday_people.asks_role: (7, "contacts.search mail.send"),
    everyday_people.short_fact: (8, "contacts.search"),
    everyday_two.two_with_event: (
        24,
        "calendar.search calendar.cancel calendar.update contacts.search mail.send",
    ),
    everyday_two.two_with_entry: (14, "calendar.create calendar.add_todo contacts.search mail.send"),
    everyday_two.two_with_todo: (18, "calendar.add_todo contacts.search mail.send"),
    everyday_two.two_with_list: (10, "notes.append calendar.add_todo contacts.search mail.send"),
    everyday_two.two_with_people: (12, "contacts.search mail.send"),
    everyday_then.fact_then: (10, "contacts.search"),
    everyday_then.whose_then: (7, "contacts.search"),
    everyday_then.day_then: (7, "calendar.list"),
    everyday_then.enters_then: (10, "calendar.create calendar.update"),
    everyday_then.moves_then: (6, "calendar.search calendar.update"),
    everyday_then.line_then: (10, "notes.append"),
    everyday_then.other_list: (5, "notes.append"),
    everyday_then.cancels_then: (6, "calendar.search calendar.cancel"),
    everyday_then.tells_then: (8, "contacts.search mail.send"),
    everyday_then.todo_then: (6, "calendar.add_todo"),
}


def _families(drawn: dict[Callable[[Draw, Home], Task], tuple[float, str]]) -> tuple[Family, ...]:
    return tuple(
        Family(
            name=draw.__name__,
            weight=weight,
            tools=tuple(tools.split()),
            draw=draw,
            detours=("contacts.list",) if "mail.send" in tools else (),
        )
        for draw, (weight, tools) in drawn.items()
    )


MORE_FAMILIES = _families(_MORE)
"""With `peoples_words`, for training alone, where the catalogue has more tools."""
ANSWER_FAMILIES = _families(_ANSWERS)
"""With `questions`, where the catalogue has more tools: questions about what is inside, and conversations."""
ERRAND_FAMILIES = _families(_ERRANDS)
"""With `errands`, where the catalogue has more tools."""
EVERYDAY_FAMILIES = _families(_EVERYDAY)
"""With `everyday`, where the catalogue has more tools."""
