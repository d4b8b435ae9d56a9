"""Errands in few words: events that are called by name and not dated, to-dos, lines for notes, replies, two errands at
once; and beside them questions without a verb, and what no tool is for.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from umi_lab.synthesis.asked import asked
from umi_lab.synthesis.data_file import read_data, texts_by_key
from umi_lab.synthesis.families.called_events import (
    cancelled,
    event_named,
    name_of,
    noted,
    with_event,
)
from umi_lab.synthesis.families.contacts import contact_fact_of
from umi_lab.synthesis.families.conversations import mail_to, moved_after
from umi_lab.synthesis.families.mail_more import mail_reply_to, mail_to_all
from umi_lab.synthesis.families.questions import answered, mistyped, said_loosely, tells_of
from umi_lab.synthesis.home import Home, capitalised, clock_of, topic_of
from umi_lab.synthesis.messages import Message, message_of
from umi_lab.synthesis.out_of_scope import refused
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext, Use
from umi_lab.synthesis.steps import asked_of_all, carried_out, failed, person_of, require, send, told
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.words import NUMBER_WORDS

__all__ = [
    "ask_shortly",
    "event_called",
    "event_cancel_called",
    "event_move_called",
    "event_with_then",
    "fact_and_question",
    "fact_shortly",
    "no_tool",
    "note_line",
    "reply_shortly",
    "tell_shortly",
    "tell_two",
    "tick_as",
    "todo_add",
    "todo_tick",
    "told_shortly",
    "two_errands",
]

_SAYS = texts_by_key(read_data("errands"))
_MISTYPED = 0.25
"""How often what is told has a wrong letter, which is told as it is."""


def _called(draw: Draw, home: Home) -> str:
    """An event as people call it: mostly with somebody's name in it."""
    text = draw.rng.choice(_SAYS["called" if draw.chance(0.65) else "plain"])
    return text.format(n=name_of(draw, home), x=topic_of(draw))


def event_cancel_called(draw: Draw, home: Home) -> Task:
    """Cancel an event without saying when it is."""
    title = _called(draw, home)
    if draw.chance(0.9):
        _, home = with_event(draw, home, title)
    text = said_loosely(draw, draw.rng.choice(_SAYS["cancel"])).format(e=title)

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.search", "calendar.cancel")
        shown = context.seen(title)
        yield from cancelled(shown)
        return Done("The event is cancelled.", f"The {shown} is cancelled.")

    return Task(instruction=text, script=script, home=home)


def event_move_called(draw: Draw, home: Home) -> Task:
    """Move an event without saying when it is: to another time, another day, or both."""
    title = _called(draw, home)
    event, home = with_event(draw, home, title)
    kind = draw.rng.choice(("move", "move", "move_day", "move_both"))
    days = {} if kind == "move" else {"d": event.day + timedelta(draw.rng.randint(1, 9))}
    clock = "" if kind == "move_day" else clock_of(draw)
    template = said_loosely(draw, draw.rng.choice(_SAYS[kind]))
    said = asked(draw, home, kind, days, clock, template=template.replace("{e}", title))

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.search", "calendar.update")
        shown = context.seen(title)
        found = yield from event_named(shown)
        yield from carried_out(
            "calendar.update",
            f"move the {shown}, {found['id']}, to {said.when.removeprefix('on ').removeprefix('at ')}",
            {"id": found["id"], **said.arguments},
            f"move the {shown}",
        )
        return Done("The event is moved.", f"The {shown} is {said.when} now.")

    return Task(instruction=said.text, script=script, home=home)


def event_called(draw: Draw, home: Home) -> Task:
    """Put something into the calendar that people's names are a part of; nobody is invited."""
    if draw.chance(0.5):
        title = _called(draw, home)
    else:
        words = draw.rng.choice(_SAYS["clauses_of_events"])
        title = words.format(n=name_of(draw, home), n2=draw.rng.choice(home.people).given, x=topic_of(draw))
    if title.startswith(("lunch with", "dinner with")):  # of these the calendar's own family makes guests
        title = title.replace(" with", " at the place of")
    day = home.today + timedelta(draw.rng.randint(0, 25))
    template = said_loosely(draw, draw.rng.choice(_SAYS["enter"]))
    said = asked(draw, home, "enter", {"d": day}, clock_of(draw), template=template.replace("{e}", title))

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.create")
        shown = context.seen(title)
        yield from carried_out(
            "calendar.create",
            f"add the event {shown} {said.when}",
            {"title": capitalised(shown), **said.arguments},
            "create the event",
        )
        return Done("The event is created.", f"{capitalised(shown)} is in your calendar {said.when}.")

    return Task(instruction=said.text, script=script)


def event_with_then(draw: Draw, home: Home) -> Task:
    """Put an event with a guest into the calendar, then say that it is on another day or at another time."""
    who, topic = draw.rng.choice(home.people).name, topic_of(draw)
    day = home.today + timedelta(draw.rng.randint(1, 20))
    first = asked(draw, home, "event_with", {"d": day}, clock_of(draw), n=who, x=topic)
    on_day = draw.chance(0.6)
    days: Mapping[str, date] = {"d": day + timedelta(draw.rng.randint(1, 5))} if on_day else {}
    words = said_loosely(draw, draw.rng.choice(_SAYS["corrected_day" if on_day else "corrected_time"]))
    second = asked(draw, home, "corrected", days, "" if on_day else clock_of(draw), template=words)
    created: list[str] = []

    def create(context: ScriptContext) -> Script:
        first.seen_by(context)
        require(context, "contacts.search", "calendar.create")
        title, name = context.seen(topic), context.seen(who)
        found = yield from person_of(context, name, "address")
        arguments = {"title": capitalised(title), **first.arguments, "guests": [found["email"]]}
        purpose = f"add the {title} {first.when}"
        made = yield from carried_out("calendar.create", purpose, arguments, "create the event")
        created.append(made["id"])
        return Done("The event is created.", f"The {title} with {name} is {first.when}.")

    return Task(instruction=first.text, script=create, then=(moved_after(second, topic, created),))


def _action(draw: Draw, home: Home) -> str:
    return draw.rng.choice(_SAYS["actions"]).format(x=topic_of(draw), n=name_of(draw, home))


def todo_add(draw: Draw, home: Home) -> Task:
    """Have something noted that is to be done, on no day in particular."""
    what = _action(draw, home)
    text = said_loosely(draw, draw.rng.choice(_SAYS["todo"])).format(a=what)

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.add_todo")
        shown = context.seen(what)
        yield from noted(shown)
        return Done("The to-do is added.", f"It is on your list: {capitalised(shown)}.")

    return Task(instruction=text, script=script)


def todo_tick(draw: Draw, home: Home) -> Task:
    """Say in few words that something is done which was to be done; the list calls it in more words than the user."""
    what = topic_of(draw)
    title = (
        draw.rng.choice(_SAYS["actions"]).format(x=what, n=name_of(draw, home)) if draw.chance(0.6) else what
    )
    title = title if what in title else what
    if draw.chance(0.9):
        home = replace(home, todos=(*home.todos, (capitalised(title), None)))
    text = said_loosely(draw, draw.rng.choice(_SAYS["done"])).format(x=what)
    return tick_as(text, what, home)


def tick_as(text: str, what: str, home: Home) -> Task:
    """Say that something is done, in the words of `text`; `what` is a part of the to-do's title."""

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.todos", "calendar.finish_todo")
        shown = context.seen(what)
        seen = yield Use("calendar.todos", f"find {shown} among the to-dos")
        if seen.failure:
            return failed("calendar.todos", seen)
        found = next((one for one in seen.value["todos"] if shown.lower() in one["title"].lower()), None)
        if found is None:
            return Done("No such to-do is open.", f"I found no open to-do called {shown}.")
        yield from carried_out(
            "calendar.finish_todo", f"tick off {shown}, {found['id']}", {"id": found["id"]}, "tick it off"
        )
        return Done("It is ticked off.", f"I ticked off {shown}.")

    return Task(instruction=text, script=script, home=home)


def note_line(draw: Draw, home: Home) -> Task:
    """Add something to a note that there is."""
    topic = draw.rng.choice(list(home.notes)) if draw.chance(0.9) else topic_of(draw)
    line = draw.rng.choice(_SAYS["lines"]).format(
        z=topic_of(draw),
        w=topic_of(draw),
        k=draw.rng.randint(2, 40),
        t=clock_of(draw),
        n=draw.rng.choice(home.people).given,
    )
    text = said_loosely(draw, draw.rng.choice(_SAYS["line"])).format(x=topic, y=line)

    def script(context: ScriptContext) -> Script:
        require(context, "notes.append")
        title, added = context.seen(topic), context.seen(line)
        seen = yield Use(
            "notes.append", f"add {added} to the note {title}", {"title": title, "text": capitalised(added)}
        )
        if seen.failure == "declined":
            return Done("The user declined.", "I did not add it to the note, because you declined.")
        if seen.failure == "not-found":
            return Done("No note is called so.", f"I found no note called {title}, so I added nothing.")
        if seen.failure:
            return failed("notes.append", seen)
        return Done("The note has it.", f"Your note {title} has it now: {capitalised(added)}")

    return Task(instruction=text, script=script)


def told_shortly(draw: Draw) -> Message:
    """What is told, as people tell it; a wrong letter stays."""
    if draw.chance(0.3):
        message = message_of(draw)
    else:
        clause = draw.rng.choice(_SAYS["clauses"]).format(
            x=topic_of(draw),
            k=draw.rng.randint(2, 95),
            w=draw.rng.choice(NUMBER_WORDS),
            d=draw.rng.choice(("monday", "tuesday", "Friday", "the weekend", "the 21st")),
            t=clock_of(draw),
        )
        message = Message(clause, capitalised(clause))
    if draw.chance(_MISTYPED):
        clause = mistyped(draw, message.clause)
        message = Message(clause, message.subject if message.subject in clause else capitalised(clause))
    return message


def tell_shortly(draw: Draw, home: Home) -> Task:
    """Tell somebody something by mail, in people's own words, wrong letters and all."""
    who, message = name_of(draw, home), told_shortly(draw)
    text = draw.rng.choice(tells_of(draw)).format(n=who, m=message.clause)
    return mail_to(who, message, text)


def tell_two(draw: Draw, home: Home) -> Task:
    """Tell two people something, by one mail."""
    one, other = draw.rng.sample(home.people, 2)
    given = draw.chance(0.6)
    first, second = (one.given, other.given) if given else (one.name, other.name)
    message = told_shortly(draw)
    text = draw.rng.choice(_SAYS["tell_two"]).format(n=first, n2=second, m=message.clause)
    return mail_to_all((first, second), message, text)


def reply_shortly(draw: Draw, home: Home) -> Task:
    """Answer what somebody wrote."""
    sender = draw.rng.choice(home.mails).sender
    who = sender.given if draw.chance(0.6) else sender.name
    message = told_shortly(draw)
    text = draw.rng.choice(_SAYS["reply"]).format(n=who, m=message.clause)
    return mail_reply_to(who, message, text)


def two_errands(draw: Draw, home: Home) -> Task:
    """Cancel an event or note a to-do, and tell somebody something by mail."""
    who, message = name_of(draw, home), told_shortly(draw)
    tell = draw.rng.choice(_SAYS["two"]).format(n=who, m=message.clause)
    is_event = draw.chance(0.5)
    if is_event:
        what = _called(draw, home)
        _, home = with_event(draw, home, what)
        text = draw.rng.choice(_SAYS["cancel"]).format(e=what)
    else:
        what = _action(draw, home)
        text = draw.rng.choice(_SAYS["todo"]).format(a=what)
    text = said_loosely(draw, text.rstrip("?.") + tell)

    def script(context: ScriptContext) -> Script:
        tools = ("calendar.search", "calendar.cancel") if is_event else ("calendar.add_todo",)
        require(context, *tools, "contacts.search", "mail.send")
        shown, name, body = context.seen(what), context.seen(who), capitalised(context.seen(message.clause))
        yield from (cancelled(shown) if is_event else noted(shown))
        found = yield from person_of(context, name, "address")
        done = f"The {shown} is cancelled" if is_event else f"{capitalised(shown)} is on your list"
        return (
            yield from send(
                context, found, message.subject, f"{body}.", f"{done}, and I mailed {name}: {body}."
            )
        )

    return Task(instruction=text, script=script, home=home)


def ask_shortly(draw: Draw, home: Home) -> Task:
    """Ask what something says, without a verb, or with words of time that are not about the calendar."""
    words = said_loosely(draw, draw.rng.choice(_SAYS["short"]))
    text = words.format(x=topic_of(draw), y=topic_of(draw), n=name_of(draw, home), k=draw.rng.randint(2, 900))
    return answered(text, home)


def fact_shortly(draw: Draw, home: Home) -> Task:
    """Ask for somebody's number or address in two words."""
    fact = draw.rng.choice(("email", "phone"))
    who = name_of(draw, home)
    text = draw.rng.choice(_SAYS["mails_short" if fact == "email" else "phones_short"]).format(n=who)
    return contact_fact_of(draw, who, fact, said=text)


def fact_and_question(draw: Draw, home: Home) -> Task:
    """Ask for somebody's number, and something else in the same request."""
    who, topic = name_of(draw, home), topic_of(draw)
    question = draw.rng.choice(_SAYS["facts"]).format(x=topic)
    first = draw.rng.choice(_SAYS["phones_short"]).format(n=who).rstrip("?")
    text = first + draw.rng.choice(_SAYS["fact_joins"]) + question

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.search", "search.answer")
        name, asked_for = context.seen(who), context.seen(question)
        found = yield from person_of(context, name, "phone number")
        seen = yield from asked_of_all(context, asked_for, "the answer to the second question")
        if seen.failure:
            return failed("search.answer", seen)
        answers = seen.value["answers"]
        second = told(answers) if answers else "I found nothing on the second question."
        return Done(
            "Both questions are looked up.", f"The phone number of {name} is {found['phone']}. {second}"
        )

    return Task(instruction=text, script=script, home=home)


def no_tool(draw: Draw, home: Home) -> Task:
    """Ask for what no tool is for."""
    del home
    return refused(said_loosely(draw, draw.rng.choice(_SAYS["no_tool"])), draw.rng.random())
