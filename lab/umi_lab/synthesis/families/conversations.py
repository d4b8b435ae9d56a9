"""What is said after a request was carried out: somebody else, another day, another time; and what is done."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from umi_lab.synthesis.asked import Asked, asked
from umi_lab.synthesis.families.questions import ASKS, said_loosely, tells_of
from umi_lab.synthesis.home import Home, capitalised, clock_of, topic_of
from umi_lab.synthesis.messages import Message, message_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, GiveUp, Script, ScriptContext, Use
from umi_lab.synthesis.steps import carried_out, failed, person_of, require, send
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import phrase

__all__ = ["event_then", "mail_then", "mail_to", "moved_after", "tell", "todo_done"]


def tell(draw: Draw, home: Home) -> Task:
    """Tell somebody something without a word of mail; by one name of several who have it, it is asked who."""
    given = draw.chance(0.6)
    person = draw.rng.choice(home.people)
    who = person.given if given else person.name
    if draw.chance(0.5):
        other = draw.rng.choice(home.people)
        second = replace(other, given=person.given, email=f"2.{other.email}")
        home = replace(home, people=(*home.people, second) if other != person else home.people)
    message = message_of(draw)
    text = said_loosely(draw, draw.one(tells_of(draw))).format(n=who, m=message.clause)
    return replace(mail_to(who, message, text), home=home)


def mail_to(who: str, message: Message, text: str) -> Task:
    """Send somebody a message by mail."""

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.search", "mail.send")
        name, body = context.seen(who), capitalised(context.seen(message.clause))
        found = yield from person_of(context, name, "address")
        return (yield from send(context, found, message.subject, f"{body}.", f"I mailed {name}: {body}."))

    return Task(instruction=text, script=script)


def mail_then(draw: Draw, home: Home) -> Task:
    """Tell somebody something by mail, then somebody else, too."""
    one, other = (person.name for person in draw.rng.sample(home.people, 2))
    message = message_of(draw)
    first = phrase(draw, "mail_send", n=one, m=message.clause)
    second = said_loosely(draw, draw.one(ASKS["also"])).format(n=other)

    return replace(mail_to(one, message, first), then=(mail_to(other, message, second),))


def event_then(draw: Draw, home: Home) -> Task:
    """Put an event into the calendar, then say that it is on another day or at another time."""
    topic, clock = topic_of(draw), clock_of(draw)
    day = home.today + timedelta(draw.rng.randint(1, 20))
    first = asked(draw, home, "event_solo", {"d": day}, clock, x=topic)
    on_day = draw.chance(0.5)
    kind = "other_day" if on_day else "other_time"
    words = said_loosely(draw, draw.one(ASKS[kind]))
    days = {"d": day + timedelta(draw.rng.randint(1, 5))} if on_day else {}
    second = asked(draw, home, kind, days, "" if on_day else clock_of(draw), template=words)
    created: list[str] = []

    def create(context: ScriptContext) -> Script:
        first.seen_by(context)
        require(context, "calendar.create")
        title, on, at = context.seen(topic), first.told["d"], first.told["t"]
        arguments = {"title": capitalised(title), "date": first.given["d"], "time": first.given["t"]}
        made = yield from carried_out(
            "calendar.create", f"add the {title} {on} at {at}", arguments, "create the event"
        )
        created.append(made["id"])
        return Done("The event is created.", f"The {title} is {on} at {at}.")

    return Task(instruction=first.text, script=create, then=(moved_after(second, topic, created),))


def moved_after(said: Asked, topic: str, created: Sequence[str]) -> Task:
    """Move the event that the request before made; `created` has its id once it is made."""

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.update")
        if not created:
            return GiveUp("The event is not in the calendar, so it cannot be changed.")
        title = context.seen(topic)
        yield from carried_out(
            "calendar.update",
            f"move the {title}, {created[0]}, to {said.when.removeprefix('on ').removeprefix('at ')}",
            {"id": created[0], **said.arguments},
            f"move the {title}",
        )
        return Done("The event is moved.", f"The {title} is {said.when} now.")

    return Task(instruction=said.text, script=script)


def todo_done(draw: Draw, home: Home) -> Task:
    """Say that something is done which was to be done."""
    title = (
        draw.rng.choice(home.todos)[0] if home.todos and draw.chance(0.85) else capitalised(topic_of(draw))
    )
    what = title[:1].lower() + title[1:]
    text = said_loosely(draw, draw.one(ASKS["done"])).format(x=what)

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.todos", "calendar.finish_todo")
        asked_for = context.seen(what)
        seen = yield Use("calendar.todos", f"find {asked_for} among the to-dos")
        if seen.failure:
            return failed("calendar.todos", seen)
        found = next(
            (todo for todo in seen.value["todos"] if todo["title"].lower() == asked_for.lower()), None
        )
        if found is None:
            return Done("No such to-do is open.", f"I found no open to-do called {asked_for}.")
        yield from carried_out(
            "calendar.finish_todo", f"tick off {asked_for}, {found['id']}", {"id": found["id"]}, "tick it off"
        )
        return Done("It is ticked off.", f"I ticked off {asked_for}.")

    return Task(instruction=text, script=script)
