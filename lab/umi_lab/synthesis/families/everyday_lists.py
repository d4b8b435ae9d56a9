"""Everyday to-dos and lists: added, dated, ticked off, asked for; lines of notes added, taken out, changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from umi_lab.synthesis.asked import Asked, asked
from umi_lab.synthesis.families.calendar_more import todos_as
from umi_lab.synthesis.families.called_events import noted
from umi_lab.synthesis.families.errands import tick_as
from umi_lab.synthesis.families.everyday_words import action, filled, line, said
from umi_lab.synthesis.home import Home, capitalised, clock_of, topic_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Ended, Script, ScriptContext, Use
from umi_lab.synthesis.steps import failed, require
from umi_lab.synthesis.task import Task

__all__ = [
    "appended",
    "line_added",
    "line_changed",
    "line_gone",
    "raise_of",
    "todo_added",
    "todo_dated",
    "todo_ticked",
    "todos_left",
    "with_note",
]


def todo_added(draw: Draw, home: Home) -> Task:
    """Have something noted that is to be done: much of it is what no tool does."""
    what = action(draw, home)
    text = filled(said(draw, "todo"), a=what)

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.add_todo")
        shown = context.seen(what)
        yield from noted(shown)
        return Done("The to-do is added.", f"It is on your list: {capitalised(shown)}.")

    return Task(instruction=text, script=script)


def todo_dated(draw: Draw, home: Home) -> Task:
    """Be reminded of something on a day, and at a time of it."""
    what, day = action(draw, home), home.today + timedelta(draw.rng.randint(0, 25))
    at = clock_of(draw) if draw.chance(0.4) else ""
    template = filled(said(draw, "todo_time" if at else "todo_day"), a=what)
    words: Asked = asked(draw, home, "todo", {"d": day}, at, template=template)

    def script(context: ScriptContext) -> Script:
        words.seen_by(context)
        require(context, "calendar.add_todo")
        shown = context.seen(what)
        yield from noted(shown, **words.arguments)
        return Done("The to-do is added.", f"It is on your list {words.when}: {capitalised(shown)}.")

    return Task(instruction=words.text, script=script)


def todo_ticked(draw: Draw, home: Home) -> Task:
    """Say in few words that something is done; the list calls it in more words than the user."""
    what = topic_of(draw)
    title = filled(
        draw.rng.choice(("order {x}", "fix the {x}", "{x}", "chase the {x}", "pay the {x}")), x=what
    )
    if draw.chance(0.9):
        home = replace(home, todos=(*home.todos, (capitalised(title), None)))
    return tick_as(filled(said(draw, "done"), x=what), what, home)


def todos_left(draw: Draw, home: Home) -> Task:
    """Ask what is to be done."""
    del home
    return todos_as(said(draw, "todos"))


def with_note(draw: Draw, home: Home, lines: Sequence[str] = ()) -> tuple[str, Home]:
    """The home with a list, and what the list is called; `lines` stand in it."""
    topic = topic_of(draw)
    title = topic if draw.chance(0.5) else f"{topic} list"
    text = "\n".join(f"- {one}" for one in (*lines, topic_of(draw)))
    return topic, replace(home, notes={**home.notes, title: text})


def line_added(draw: Draw, home: Home) -> Task:
    """Add something to a list."""
    topic, home = with_note(draw, home) if draw.chance(0.9) else (topic_of(draw), home)
    what = line(draw, home)
    text = filled(said(draw, "line"), x=topic, y=what)

    def script(context: ScriptContext) -> Script:
        return Done("The note has it.", (yield from appended(context, topic, what)))

    return Task(instruction=text, script=script, home=home)


def appended(context: ScriptContext, topic: str, what: str, ids: list[str] | None = None) -> Any:
    """A step: something is added to a note; gives what the user is told of it, and to `ids` the note's id."""
    require(context, "notes.append")
    title, added = context.seen(topic), context.seen(what)
    seen = yield Use(
        "notes.append", f"add {added} to the note {title}", {"title": title, "text": capitalised(added)}
    )
    raise_of(seen.failure, title, "add it to the note")
    if seen.failure:
        raise Ended(failed("notes.append", seen))
    if "matches" in seen.value:
        titles = " or ".join(str(note["title"]) for note in seen.value["matches"])
        raise Ended(Done("Several notes are called so.", f"Which note do you mean: {titles}?"))
    if ids is not None:
        ids.append(seen.value["id"])
    return f"Your note {title} has it now: {capitalised(added)}"


def raise_of(failure: str, title: str, undone: str) -> None:
    """Raises `Ended` where the user declined, or no note is called so."""
    if failure == "declined":
        raise Ended(Done("The user declined.", f"I did not {undone}, because you declined."))
    if failure == "not-found":
        raise Ended(Done("No note is called so.", f"I found no note called {title}, so I changed nothing."))


def line_gone(draw: Draw, home: Home) -> Task:
    """Take something off a list."""
    what = line(draw, home)
    topic, home = with_note(draw, home, [what])
    text = filled(said(draw, "line_gone"), x=topic, y=what)

    def script(context: ScriptContext) -> Script:
        shown, title = context.seen(what), context.seen(topic)
        yield from _edited(context, title, shown, "", f"take {shown} off the note {title}")
        return Done("It is off the list.", f"I took {shown} off your note {title}.")

    return Task(instruction=text, script=script, home=home)


def line_changed(draw: Draw, home: Home) -> Task:
    """Make something else of a line of a list."""
    old, new = line(draw, home), line(draw, home)
    topic, home = with_note(draw, home, [old])
    text = filled(said(draw, "line_changed"), x=topic, y=old, y2=new)

    def script(context: ScriptContext) -> Script:
        was, becomes, title = context.seen(old), context.seen(new), context.seen(topic)
        yield from _edited(context, title, was, becomes, f"change {was} to {becomes} in the note {title}")
        return Done("The note is changed.", f"Your note {title} says {becomes} now, and not {was}.")

    return Task(instruction=text, script=script, home=home)


def _edited(context: ScriptContext, title: str, old: str, new: str, purpose: str) -> Any:
    require(context, "notes.edit")
    seen = yield Use("notes.edit", purpose, {"title": title, "old": old, "new": new})
    raise_of(seen.failure, title, "change the note")
    if seen.failure == "invalid-arguments":
        raise Ended(Done("The words do not stand there once.", f"I found no {old} to change in {title}."))
    if seen.failure:
        raise Ended(failed("notes.edit", seen))
