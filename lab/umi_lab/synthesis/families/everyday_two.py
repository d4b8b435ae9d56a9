"""Two things in one request, done in the order in which they are said."""

from datetime import timedelta

from umi_lab.synthesis.asked import asked
from umi_lab.synthesis.families.called_events import name_of, with_event
from umi_lab.synthesis.families.everyday_lists import with_note
from umi_lab.synthesis.families.everyday_parts import (
    Part,
    adds_line,
    adds_todo,
    asks,
    cancels,
    enters,
    in_turn,
    moves,
    phones,
    writes,
)
from umi_lab.synthesis.families.everyday_words import action, called, filled, line, question, said, told_now
from umi_lab.synthesis.home import Home, clock_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Script, ScriptContext
from umi_lab.synthesis.task import Task

__all__ = ["two_with_entry", "two_with_event", "two_with_list", "two_with_people", "two_with_todo"]


def _both(text: str, home: Home, *parts: Part) -> Task:
    def script(context: ScriptContext) -> Script:
        return (yield from in_turn(context, *parts))

    return Task(instruction=text, script=script, home=home)


def two_with_event(draw: Draw, home: Home) -> Task:
    """Cancel or move an event, and tell somebody something, ask for a number, or cancel another one."""
    kind = draw.rng.choice(("cancel_tell", "cancel_tell", "move_tell", "cancel_fact", "cancels"))
    title, who, message = called(draw, home), name_of(draw, home), told_now(draw)
    _, home = with_event(draw, home, title)
    template = filled(said(draw, f"two_{kind}"), e=title, n=who, m=message.clause)
    if kind == "cancel_tell":
        return _both(template, home, cancels(title), writes(who, message))
    if kind == "cancel_fact":
        return _both(template, home, cancels(title), phones(who))
    if kind == "cancels":
        other = called(draw, home)
        _, home = with_event(draw, home, other)
        return _both(filled(template, f=other), home, cancels(title), cancels(other))
    words = asked(draw, home, kind, {}, clock_of(draw), template=template)
    return _both(words.text, home, moves(title, words), writes(who, message))


def two_with_entry(draw: Draw, home: Home) -> Task:
    """Put an event into the calendar, and tell somebody something, or have a to-do noted."""
    kind = draw.rng.choice(("enter_tell", "enter_todo"))
    title, who, message, what = called(draw, home), name_of(draw, home), told_now(draw), action(draw, home)
    template = filled(said(draw, f"two_{kind}"), e=title, n=who, m=message.clause, a=what)
    days = {"d": home.today + timedelta(draw.rng.randint(0, 25))}
    words = asked(draw, home, kind, days, clock_of(draw), template=template)
    second = writes(who, message) if kind == "enter_tell" else adds_todo(what)
    return _both(words.text, home, enters(title, words), second)


def two_with_todo(draw: Draw, home: Home) -> Task:
    """Have a to-do noted, and tell or ask somebody something, or have another one noted."""
    kind = draw.rng.choice(("todo_tell", "todo_tell", "todos", "ask_todo"))
    what, who, message, asked_for = action(draw, home), name_of(draw, home), told_now(draw), question(draw)
    template = said(draw, f"two_{kind}")
    if kind == "todos":
        other = action(draw, home)
        return _both(filled(template, a=what, b=other), home, adds_todo(what), adds_todo(other))
    if kind == "ask_todo":
        text = filled(template, a=what, n=who, q=asked_for.said)
        return _both(text, home, asks(who, asked_for), adds_todo(what))
    parts = [adds_todo(what), writes(who, message)]
    if template.find("{m}") < template.find("{a}"):
        parts.reverse()
    return _both(filled(template, a=what, n=who, m=message.clause), home, *parts)


def two_with_list(draw: Draw, home: Home) -> Task:
    """Add something to a list, and tell somebody something, or have a to-do noted."""
    kind = draw.rng.choice(("line_tell", "line_todo"))
    topic, home = with_note(draw, home)
    added, who, message, what = line(draw, home), name_of(draw, home), told_now(draw), action(draw, home)
    text = filled(said(draw, f"two_{kind}"), x=topic, y=added, n=who, m=message.clause, a=what)
    second = writes(who, message) if kind == "line_tell" else adds_todo(what)
    return _both(text, home, adds_line(topic, added), second)


def two_with_people(draw: Draw, home: Home) -> Task:
    """Tell two people different things, or ask for the numbers of two."""
    one, other = draw.rng.sample(home.people, 2)
    given = draw.chance(0.6)
    first, second = (one.given, other.given) if given else (one.name, other.name)
    if draw.chance(0.5):
        return _both(filled(said(draw, "two_facts"), n=first, n2=second), home, phones(first), phones(second))
    message, more = told_now(draw), told_now(draw)
    text = filled(said(draw, "two_tells"), n=first, n2=second, m=message.clause, m2=more.clause)
    return _both(text, home, writes(first, message), writes(second, more))
