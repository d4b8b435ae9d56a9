"""Parts of requests for two things: each is a few steps, and says what came of it."""

from collections.abc import Callable, Generator
from typing import Any

from umi_lab.synthesis.asked import Asked
from umi_lab.synthesis.families.called_events import cancelled, event_named, noted
from umi_lab.synthesis.families.everyday_lists import appended
from umi_lab.synthesis.families.everyday_mail import mailed, mailed_question
from umi_lab.synthesis.families.everyday_words import Question
from umi_lab.synthesis.home import capitalised
from umi_lab.synthesis.messages import Message
from umi_lab.synthesis.script import Done, Ended, GiveUp, Script, ScriptContext, ToolResult, Use
from umi_lab.synthesis.steps import carried_out, person_of, require

__all__ = [
    "Part",
    "adds_line",
    "adds_todo",
    "asks",
    "cancels",
    "enters",
    "in_turn",
    "moves",
    "phones",
    "writes",
]

Part = Callable[[ScriptContext], Generator[Use, ToolResult, str]]
"""Gives what the user is told. Raises `Ended` where it cannot be done."""


def cancels(title: str) -> Part:
    """An event is cancelled."""

    def part(context: ScriptContext) -> Any:
        require(context, "calendar.search", "calendar.cancel")
        shown = context.seen(title)
        yield from cancelled(shown)
        return f"The {shown} is cancelled."

    return part


def moves(title: str, said: Asked) -> Part:
    """An event is moved to what is said."""

    def part(context: ScriptContext) -> Any:
        said.seen_by(context)
        require(context, "calendar.search", "calendar.update")
        shown = context.seen(title)
        found = yield from event_named(shown)
        to = said.when.removeprefix("on ").removeprefix("at ")
        purpose = f"move the {shown}, {found['id']}, to {to}"
        arguments = {"id": found["id"], **said.arguments}
        yield from carried_out("calendar.update", purpose, arguments, f"move the {shown}")
        return f"The {shown} is {said.when} now."

    return part


def enters(title: str, said: Asked, made: list[str] | None = None) -> Part:
    """An event is put into the calendar; `made` is given its id."""

    def part(context: ScriptContext) -> Any:
        said.seen_by(context)
        require(context, "calendar.create")
        shown = context.seen(title)
        created = yield from carried_out(
            "calendar.create",
            f"add the event {shown} {said.when}",
            {"title": capitalised(shown), **said.arguments},
            "create the event",
        )
        if made is not None:
            made.append(created["id"])
        return f"{capitalised(shown)} is in your calendar {said.when}."

    return part


def adds_todo(what: str) -> Part:
    """A to-do is added."""

    def part(context: ScriptContext) -> Any:
        require(context, "calendar.add_todo")
        shown = context.seen(what)
        yield from noted(shown)
        return f"It is on your list: {capitalised(shown)}."

    return part


def adds_line(topic: str, what: str) -> Part:
    """A line is added to a note."""

    def part(context: ScriptContext) -> Any:
        return f"{yield from appended(context, topic, what)}."

    return part


def writes(who: str, message: Message) -> Part:
    """Somebody is told something by mail."""
    return lambda context: mailed(context, who, message)


def asks(who: str, question: Question) -> Part:
    """Somebody is asked something by mail."""
    return lambda context: mailed_question(context, who, question)


def phones(who: str) -> Part:
    """Somebody's phone number is looked up."""

    def part(context: ScriptContext) -> Any:
        require(context, "contacts.search")
        name = context.seen(who)
        found = yield from person_of(context, name, "phone number")
        return f"The phone number of {name} is {found['phone']}."

    return part


def in_turn(context: ScriptContext, *parts: Part) -> Script:
    """One part after the other; where a later one cannot be done, the user is told of both."""
    told: list[str] = []
    for part in parts:
        try:
            told.append((yield from part(context)))
        except Ended as ended:
            end = ended.end
            if not told:
                raise
            because, more = (
                ("Only a part could be done.", end.reason)
                if isinstance(end, GiveUp)
                else (end.because, end.answer)
            )
            raise Ended(Done(because, " ".join((*told, more)))) from None
    return Done("Both are done." if len(parts) > 1 else "It is done.", " ".join(told))
