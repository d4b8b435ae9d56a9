"""What is found in one place and kept or sent in another; for varied data sets."""

from umi_lab.synthesis.home import Home, capitalised
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, Sight, Use
from umi_lab.synthesis.steps import events_on, failed, file_of, letter_of, person_of, require, send
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import named, phrase, spelt_day

__all__ = ["day_mail", "fact_mail", "file_note", "mail_note"]

_FACTS = {"email": "address", "phone": "phone number"}


def mail_note(draw: Draw, home: Home) -> Task:
    """Keep a mail as a note."""
    mail = draw.rng.choice(home.mails)
    text = phrase(draw, "mail_note", x=mail.topic)

    def script(sight: Sight) -> Script:
        require(sight, "mail.search", "mail.read", "notes.create")
        title = sight.seen(mail.topic)
        letter = yield from letter_of(sight, title, "")
        return (yield from _keep(title, letter["body"], f"I noted the mail about {title}."))

    return Task(instruction=text, script=script)


def file_note(draw: Draw, home: Home) -> Task:
    """Keep a file as a note."""
    topic = draw.rng.choice(list(home.files))
    text = phrase(draw, "file_note", x=topic)

    def script(sight: Sight) -> Script:
        require(sight, "files.search", "files.read", "notes.create")
        title = sight.seen(topic)
        file = yield from file_of(sight, title)
        return (yield from _keep(title, file["text"], f"I noted the file about {title}."))

    return Task(instruction=text, script=script)


def fact_mail(draw: Draw, home: Home) -> Task:
    """Tell one person another's address or number."""
    fact = draw.rng.choice(list(_FACTS))
    whom, who = draw.rng.sample([person.name for person in home.people], 2)
    text = phrase(draw, f"{fact}_mail", n=whom, o=who)

    def script(sight: Sight) -> Script:
        require(sight, "contacts.search", "mail.send")
        told, name = sight.seen(whom), sight.seen(who)
        found = yield from person_of(sight, name, _FACTS[fact])
        reader = yield from person_of(sight, told, "address")
        subject = f"{capitalised(_FACTS[fact])} of {name}"
        return (
            yield from send(
                sight, reader, subject, found[fact], f"I mailed {told} the {_FACTS[fact]} of {name}."
            )
        )

    return Task(instruction=text, script=script)


def day_mail(draw: Draw, home: Home) -> Task:
    """Mail the events of a day."""
    who, day = named(draw, home), draw.rng.choice(home.events).day
    text = phrase(draw, "day_mail", n=who, d=spelt_day(draw, day))

    def script(sight: Sight) -> Script:
        require(sight, "calendar.list", "contacts.search", "mail.send")
        name = sight.seen(who)
        events = yield from events_on(sight, day.isoformat())
        found = yield from person_of(sight, name, "address")
        listed = ", ".join(f"{event['title']} at {event['start'][11:16]}" for event in events)
        return (
            yield from send(
                sight, found, f"Events on {day}", listed, f"I mailed {name} your events on {day}."
            )
        )

    return Task(instruction=text, script=script)


def _keep(title: str, content: str, answer: str) -> Script:
    seen = yield Use("notes.create", "save the note", {"title": capitalised(title), "text": content})
    if seen.failure:
        return failed("notes.create", seen)
    return Done("The note is saved.", answer)
