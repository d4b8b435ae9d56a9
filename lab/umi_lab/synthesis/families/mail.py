"""Mail: written, found, passed on."""

from umi_lab.synthesis.home import Home, capitalised, topic_of
from umi_lab.synthesis.messages import message_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext
from umi_lab.synthesis.steps import file_of, forwarded, mail_of, note_of, person_of, require, send
from umi_lab.synthesis.switches import Switch
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import asked_topic, named, phrase

__all__ = ["file_mail", "mail_find", "mail_forward", "mail_send", "note_mail"]


def mail_send(draw: Draw, home: Home) -> Task:
    """Tell someone something by mail."""
    who, message = named(draw, home), message_of(draw)
    text = phrase(draw, "mail_send", n=who, m=message.clause)

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.search", "mail.send")
        name = context.seen(who)
        found = yield from person_of(context, name, "address")
        body, subject = context.seen(message.clause), message.subject
        return (
            yield from send(
                context, found, subject, capitalised(body) + ".", f"I mailed {name}: {capitalised(body)}."
            )
        )

    return Task(instruction=text, script=script)


def mail_find(draw: Draw, home: Home) -> Task:
    """Read what someone wrote."""
    mail = draw.rng.choice(home.mails)
    sender = mail.sender.name if draw.chance(0.7) else ""
    topic = topic_of(draw) if draw.chance(0.12) else mail.topic
    text = phrase(draw, "mail_find" if sender else "mail_find_topic", n=sender, x=topic)

    def script(context: ScriptContext) -> Script:
        require(context, "mail.search", "mail.read")
        name = context.seen(sender) if sender else ""
        found_mail = yield from mail_of(context, context.seen(topic), name)
        return Done("The mail is read.", f"{name or found_mail['from']} wrote: {found_mail['body']}")

    return Task(instruction=text, script=script)


def mail_forward(draw: Draw, home: Home) -> Task:
    """Pass a mail on."""
    mail, who = draw.rng.choice(home.mails), named(draw, home)
    text = phrase(draw, "mail_forward", n=who, x=mail.topic)

    def script(context: ScriptContext) -> Script:
        require(context, "mail.search", "mail.read", "contacts.search", "mail.send")
        name, title = context.seen(who), context.seen(mail.topic)
        if draw.has(Switch.EVERYDAY) and "mail.forward" in context.tools:
            return (yield from forwarded(context, title, name, {"query": title}))
        found_mail = yield from mail_of(context, title, "")
        found = yield from person_of(context, name, "address")
        return (
            yield from send(
                context,
                found,
                capitalised(title),
                found_mail["body"],
                f"I forwarded the mail about {title} to {name}.",
            )
        )

    return Task(instruction=text, script=script)


def note_mail(draw: Draw, home: Home) -> Task:
    """Mail a note."""
    who, topic = named(draw, home), asked_topic(draw, home.notes)
    text = phrase(draw, "note_mail", n=who, x=topic)

    def script(context: ScriptContext) -> Script:
        require(context, "notes.search", "contacts.search", "mail.send")
        name, title = context.seen(who), context.seen(topic)
        note = yield from note_of(context, title)
        found = yield from person_of(context, name, "address")
        return (
            yield from send(
                context, found, capitalised(title), note, f"I mailed your note about {title} to {name}."
            )
        )

    return Task(instruction=text, script=script)


def file_mail(draw: Draw, home: Home) -> Task:
    """Mail a file."""
    who, topic = named(draw, home), asked_topic(draw, home.files)
    text = phrase(draw, "file_mail", n=who, x=topic)

    def script(context: ScriptContext) -> Script:
        require(context, "files.search", "files.read", "contacts.search", "mail.send")
        name, title = context.seen(who), context.seen(topic)
        file = yield from file_of(context, title)
        found = yield from person_of(context, name, "address")
        return (
            yield from send(
                context,
                found,
                capitalised(title),
                file["text"],
                f"I mailed the file about {title} to {name}.",
            )
        )

    return Task(instruction=text, script=script)
