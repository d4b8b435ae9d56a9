"""Mail's further tools: what is new or came since a day, replies, several recipients, mails about what was found."""

import re
from collections.abc import Sequence

from umi_lab.synthesis.asked import asked, asked_since
from umi_lab.synthesis.home import Home, capitalised, clock_of, topic_of
from umi_lab.synthesis.messages import Message, message_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext, Use
from umi_lab.synthesis.steps import carried_out, failed, person_of, require, send
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import named, phrase

__all__ = [
    "event_and_mail",
    "find_and_tell",
    "in_row",
    "mail_range",
    "mail_reply",
    "mail_reply_to",
    "mail_to_all",
    "mail_two",
    "mail_unread",
    "mail_unread_as",
]


def mail_unread(draw: Draw, home: Home) -> Task:
    """Ask what is new."""
    del home
    return mail_unread_as(phrase(draw, "mail_unread"))


def mail_unread_as(text: str) -> Task:
    """Ask what is new, in the words of `text`."""

    def script(context: ScriptContext) -> Script:
        require(context, "mail.search")
        seen = yield Use("mail.search", "list the mails that are not read yet", {"unread": True})
        if seen.failure:
            return failed("mail.search", seen)
        mails = seen.value["messages"]
        if not mails:
            return Done("No mail is unread.", "You have no unread mail.")
        listed = ", ".join(f"{mail['subject']} from {mail['from']}" for mail in mails)
        return Done("The unread mails are known.", f"You have not read {listed}.")

    return Task(instruction=text, script=script)


def mail_range(draw: Draw, home: Home) -> Task:
    """Ask what somebody wrote on a day, or since it."""
    place = draw.rng.randrange(1, len(home.mails))
    day = home.today.fromordinal(home.today.toordinal() - place)
    who = home.mails[place].sender.name if draw.chance(0.8) else draw.rng.choice(home.people).name
    said = asked_since(draw, home, "mail_range", day, n=who)

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "mail.search")
        name, when = context.seen(who), said.told["when"]
        about = f"find the mails from {name}, {when}"
        seen = yield Use("mail.search", about, {"sender": name, "when": said.given["when"]})
        if seen.failure:
            return failed("mail.search", seen)
        mails = seen.value["messages"]
        if not mails:
            return Done("No mail matches.", f"I found no mail from {name}, {when}.")
        listed = ", ".join(f"{mail['subject']} on {mail['date'][:10]}" for mail in mails)
        return Done("The mails are known.", f"{name} wrote {listed}.")

    return Task(instruction=said.text, script=script)


def mail_reply(draw: Draw, home: Home) -> Task:
    """Reply to what somebody wrote last."""
    who = draw.rng.choice(home.mails).sender.name if draw.chance(0.85) else named(draw, home)
    message = message_of(draw)
    return mail_reply_to(who, message, phrase(draw, "mail_reply", n=who, m=message.clause))


def mail_reply_to(who: str, message: Message, text: str) -> Task:
    """Reply to what somebody wrote last, in the words of `text`."""

    def script(context: ScriptContext) -> Script:
        require(context, "mail.search", "mail.reply")
        name, body = context.seen(who), capitalised(context.seen(message.clause)) + "."
        seen = yield Use("mail.search", f"find the last mail from {name}", {"sender": name})
        if seen.failure:
            return failed("mail.search", seen)
        if not seen.value["messages"]:
            return Done("No mail is from them.", f"I found no mail from {name}, so I sent nothing.")
        mail = seen.value["messages"][0]
        yield from carried_out(
            "mail.reply",
            f"reply to {mail['id']} from {mail['from']}",
            {"id": mail["id"], "to": mail["from"], "body": body},
            "send the reply",
        )
        return Done("The reply is on its way.", f"I replied to {name}: {body}")

    return Task(instruction=text, script=script)


def mail_two(draw: Draw, home: Home) -> Task:
    """Write one mail to two people."""
    first, second = (one.name for one in draw.rng.sample(home.people, 2))
    message = message_of(draw)
    text = phrase(draw, "mail_two", n=first, n2=second, m=message.clause)
    return mail_to_all((first, second), message, text)


def mail_to_all(people: Sequence[str], message: Message, text: str) -> Task:
    """Write one mail to several people, in the words of `text`."""

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.search", "mail.send")
        names = [context.seen(one) for one in people]
        found = []
        for name in names:
            person = yield from person_of(context, name, "address")
            found.append(person["email"])
        body = capitalised(context.seen(message.clause)) + "."
        yield from carried_out(
            "mail.send",
            f"send one mail to {in_row(found)}",
            {"to": found, "subject": message.subject, "body": body},
            "send the mail",
        )
        return Done("The mail is on its way.", f"I mailed {in_row(names)}: {body}")

    return Task(instruction=text, script=script)


def in_row(said: Sequence[str]) -> str:
    """Several in a sentence.

    >>> in_row(["Ann", "Ben"]), in_row(["Ann", "Ben", "Cas"])
    ('Ann and Ben', 'Ann, Ben and Cas')
    """
    return f"{', '.join(said[:-1])} and {said[-1]}"


_ASKS_ADDRESS = re.compile(r"\{n2\}\S* (?:e-?mail|mail)\b|e-?mail address|electronic address", re.IGNORECASE)


def find_and_tell(draw: Draw, home: Home) -> Task:
    """Tell somebody how another is reached."""
    first, second = (one.name for one in draw.rng.sample(home.people, 2))
    template = phrase(draw, "find_and_tell", n="{n}", n2="{n2}")
    fact, what = ("email", "address") if _ASKS_ADDRESS.search(template) else ("phone", "phone number")
    text = template.format(n=first, n2=second)

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.search", "mail.send")
        to, whom = context.seen(first), context.seen(second)
        known = yield from person_of(context, whom, what)
        found = yield from person_of(context, to, "address")
        body = f"The {what} of {whom} is {known[fact]}."
        subject = f"{capitalised(what)} of {whom}"
        return (yield from send(context, found, subject, body, f"I mailed {to} the {what} of {whom}."))

    return Task(instruction=text, script=script)


def event_and_mail(draw: Draw, home: Home) -> Task:
    """Enter an event and tell somebody of it."""
    who, topic = draw.rng.choice(home.people).name, topic_of(draw)
    day = home.today.fromordinal(home.today.toordinal() + draw.rng.randint(1, 30))
    said = asked(draw, home, "event_and_mail", {"d": day}, clock_of(draw), n=who, x=topic)

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.create", "contacts.search", "mail.send")
        name, title, on, at = context.seen(who), context.seen(topic), said.told["d"], said.told["t"]
        arguments = {"title": capitalised(title), "date": said.given["d"], "time": said.given["t"]}
        purpose = f"add the {title} {on} at {at}"
        yield from carried_out("calendar.create", purpose, arguments, "create the event")
        found = yield from person_of(context, name, "address")
        body = f"The {title} is {on} at {at}."
        answer = f"The {title} is in your calendar {on} at {at}, and I told {name} by mail."
        return (yield from send(context, found, capitalised(title), body, answer))

    return Task(instruction=said.text, script=script)
