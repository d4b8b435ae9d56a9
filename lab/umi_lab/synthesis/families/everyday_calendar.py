"""The everyday calendar: events with somebody's name cancelled, moved and entered, ranges, free time, what is next."""

from datetime import date, timedelta

from umi_edge.values.time_words.spoken import spoken_spans
from umi_lab.synthesis.asked import Asked, asked
from umi_lab.synthesis.families.calendar_more import free_as, next_with_as, range_as
from umi_lab.synthesis.families.called_events import cancelled, event_named, name_of, with_event
from umi_lab.synthesis.families.everyday_words import SAYS, called, filled, said
from umi_lab.synthesis.families.questions import answered
from umi_lab.synthesis.home import Home, capitalised, clock_of, topic_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext, UnseenError
from umi_lab.synthesis.steps import carried_out, require
from umi_lab.synthesis.task import Task

__all__ = [
    "cancels_with",
    "enters_deed",
    "free_when",
    "is_free",
    "moves_with",
    "next_of",
    "sees_next",
    "span_of_days",
]

_TRIES = 60
_SHORT_OF = ("the rest of ", "over ", "in ", "early ", "later ", "from ", "between ", "before the ", "the ")
"""What a span may begin with that the device leaves out; not "before" or "until" a day, which would be another span."""


def cancels_with(draw: Draw, home: Home) -> Task:
    """Cancel an event that is called by somebody's name: nobody is written to."""
    title = called(draw, home)
    if draw.chance(0.92):
        _, home = with_event(draw, home, title)

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.search", "calendar.cancel")
        shown = context.seen(title)
        yield from cancelled(shown)
        return Done("The event is cancelled.", f"The {shown} is cancelled.")

    return Task(instruction=filled(said(draw, "cancel"), e=title), script=script, home=home)


def moves_with(draw: Draw, home: Home) -> Task:
    """Move an event that is called by somebody's name: to another time, another day, or both."""
    title = called(draw, home)
    event, home = with_event(draw, home, title)
    kind = draw.rng.choice(("move", "move", "move_day", "move_both"))
    days = {} if kind == "move" else {"d": event.day + timedelta(draw.rng.randint(1, 9))}
    clock = "" if kind == "move_day" else clock_of(draw)
    template = filled(said(draw, kind), e=title, n=name_of(draw, home))
    words = asked(draw, home, kind, days, clock, template=template)

    def script(context: ScriptContext) -> Script:
        words.seen_by(context)
        require(context, "calendar.search", "calendar.update")
        shown = context.seen(title)
        found = yield from event_named(shown)
        yield from carried_out(
            "calendar.update",
            f"move the {shown}, {found['id']}, to {words.when.removeprefix('on ').removeprefix('at ')}",
            {"id": found["id"], **words.arguments},
            f"move the {shown}",
        )
        return Done("The event is moved.", f"The {shown} is {words.when} now.")

    return Task(instruction=words.text, script=script, home=home)


def enters_deed(draw: Draw, home: Home) -> Task:
    """Put something into the calendar that sounds like something for another program, or for somebody else."""
    title = (
        called(draw, home)
        if draw.chance(0.4)
        else draw.rng.choice(SAYS["deeds"]).format(n=name_of(draw, home))
    )
    if title.startswith(("lunch with", "dinner with")):  # of these the calendar's own family makes guests
        title = title.replace(" with", " at the place of")
    day = home.today + timedelta(draw.rng.randint(0, 25))
    template = filled(said(draw, "enter"), e=title)
    words = asked(draw, home, "enter", {"d": day}, clock_of(draw), template=template)

    def script(context: ScriptContext) -> Script:
        words.seen_by(context)
        require(context, "calendar.create")
        shown = context.seen(title)
        yield from carried_out(
            "calendar.create",
            f"add the event {shown} {words.when}",
            {"title": capitalised(shown), **words.arguments},
            "create the event",
        )
        return Done("The event is created.", f"{capitalised(shown)} is in your calendar {words.when}.")

    return Task(instruction=words.text, script=script)


def span_of_days(draw: Draw, home: Home) -> Task:
    """Ask what is in the calendar on some days, or whether anything is."""
    key = "range" if draw.chance(0.75) else "free_span"
    return range_as(_span(draw, home, key), is_free=key == "free_span")


def _span(draw: Draw, home: Home, key: str) -> Asked:
    """A request about a span of days that the device understands as it is meant."""
    for _ in range(_TRIES):
        first = draw.rng.randint(0, 6)
        days = [f"{home.today + timedelta(first + more):%A}" for more in (0, draw.rng.randint(1, 4))]
        words = draw.rng.choice(SAYS["spans"]).format(w=days[0], w2=days[1])
        words = words.lower() if draw.chance(0.4) else words
        text = filled(said(draw, key), d=words)
        for when, readings in spoken_spans(text, home.words).items():
            if when.casefold() in words.casefold() and _is_whole(words, when, readings):
                return Asked(text=text, spelt={"d": words}, given={"when": when}, told={"when": _told(words)})
    raise UnseenError("no request says these days")


def _told(words: str) -> str:
    """A span as it follows "for"."""
    return words.removeprefix("over ").removeprefix("in ").removeprefix("from ").removeprefix("between ")


def _is_whole(said_so: str, when: str, readings: tuple[tuple[date, date], ...]) -> bool:
    """Whether a span is understood in one way and as all that was said."""
    plain, key = said_so.casefold(), when.casefold()
    left_out = plain.replace(key, "", 1).strip()
    return len(readings) == 1 and (not left_out or f"{left_out} " in _SHORT_OF)


def free_when(draw: Draw, home: Home) -> Task:
    """Ask for free time on a day."""
    return free_as(asked(draw, home, "free", {"d": _day(draw, home)}, template=said(draw, "free_day")))


def is_free(draw: Draw, home: Home) -> Task:
    """Ask whether a time of a day is free."""
    day = {"d": _day(draw, home)}
    return free_as(asked(draw, home, "free", day, clock_of(draw), template=said(draw, "free_time")))


def _day(draw: Draw, home: Home) -> date:
    return (
        draw.rng.choice(home.events).day
        if draw.chance(0.7)
        else home.today + timedelta(draw.rng.randint(0, 9))
    )


def next_of(draw: Draw, home: Home) -> Task:
    """Ask when something is next: the device answers it."""
    title = topic_of(draw) if draw.chance(0.1) else draw.rng.choice(home.events).title
    return answered(filled(said(draw, "next"), x=title[:1].lower() + title[1:]), home)


def sees_next(draw: Draw, home: Home) -> Task:
    """Ask when one sees somebody next."""
    invited = [one for one in home.people if any(one.email in event.guests for event in home.events)]
    person = draw.rng.choice(invited if invited and draw.chance(0.8) else home.people)
    who = person.given if draw.chance(0.6) else person.name
    return next_with_as(who, filled(said(draw, "next_with"), n=who))
