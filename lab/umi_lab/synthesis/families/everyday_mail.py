"""Everyday mail: told, asked, to several, answered, passed on, asked about."""

from typing import Any

from umi_lab.synthesis.families.called_events import name_of
from umi_lab.synthesis.families.conversations import mail_to
from umi_lab.synthesis.families.everyday_words import Question, filled, question, said, told_now
from umi_lab.synthesis.families.mail_more import mail_reply_to, mail_to_all, mail_unread_as
from umi_lab.synthesis.home import Home, capitalised, topic_of
from umi_lab.synthesis.messages import Message
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext, Use
from umi_lab.synthesis.steps import carried_out, failed, forwarded, mail_of, person_of, require
from umi_lab.synthesis.task import Task

__all__ = [
    "asks_somebody",
    "forward_from",
    "forward_topic",
    "mail_about",
    "mail_last",
    "mail_new",
    "mailed",
    "mailed_question",
    "question_to",
    "replies",
    "reply_about",
    "tells",
    "tells_several",
]


def mailed(context: ScriptContext, who: str, message: Message) -> Any:
    """A step: somebody is told something by mail; gives what the user is told of it."""
    name, body = context.seen(who), f"{capitalised(context.seen(message.clause))}."
    yield from _sent(context, name, message.subject, body)
    return f"I mailed {name}: {body}"


def mailed_question(context: ScriptContext, who: str, asked: Question) -> Any:
    """A step: somebody is asked something by mail; gives what the user is told of it."""
    name, body = context.seen(who), asked.body(context)
    yield from _sent(context, name, asked.subject, body)
    return f"I asked {name} by mail: {body}"


def _sent(context: ScriptContext, name: str, subject: str, body: str) -> Any:
    require(context, "contacts.search", "mail.send")
    found = yield from person_of(context, name, "address")
    arguments = {"to": found["email"], "subject": subject, "body": body}
    yield from carried_out("mail.send", f"send the mail to {found['email']}", arguments, "send the mail")


def tells(draw: Draw, home: Home) -> Task:
    """Tell somebody something."""
    who, message = name_of(draw, home), told_now(draw)
    return mail_to(who, message, filled(said(draw, "tell"), n=who, m=message.clause))


def asks_somebody(draw: Draw, home: Home) -> Task:
    """Ask somebody something by mail."""
    who, asked = name_of(draw, home), question(draw)
    key = "ask_whether" if asked.is_whether and draw.chance(0.35) else "ask"
    return question_to(who, asked, filled(said(draw, key), n=who, q=asked.said))


def question_to(who: str, asked: Question, text: str) -> Task:
    """Ask somebody something by mail, in the words of `text`."""

    def script(context: ScriptContext) -> Script:
        answer = yield from mailed_question(context, who, asked)
        return Done("The mail is on its way.", answer)

    return Task(instruction=text, script=script)


def tells_several(draw: Draw, home: Home) -> Task:
    """Tell two or three people something, by one mail."""
    count = 2 if draw.chance(0.4) else 3
    some, given = draw.rng.sample(home.people, count), draw.chance(0.7)
    names = [one.given if given else one.name for one in some]
    message = told_now(draw)
    slots = dict(zip(("n", "n2", "n3"), names, strict=False))
    text = filled(said(draw, "tell_two" if count == 2 else "tell_three"), m=message.clause, **slots)
    return mail_to_all(names, message, text)


def replies(draw: Draw, home: Home) -> Task:
    """Answer what somebody wrote last."""
    sender = draw.rng.choice(home.mails).sender
    who, message = sender.given if draw.chance(0.6) else sender.name, told_now(draw)
    return mail_reply_to(who, message, filled(said(draw, "reply"), n=who, m=message.clause))


def reply_about(draw: Draw, home: Home) -> Task:
    """Answer a mail that is on a topic."""
    topic = draw.rng.choice(home.mails).topic if draw.chance(0.9) else topic_of(draw)
    message = told_now(draw)
    text = filled(said(draw, "reply_about"), x=topic, m=message.clause)

    def script(context: ScriptContext) -> Script:
        require(context, "mail.search", "mail.reply")
        title, body = context.seen(topic), f"{capitalised(context.seen(message.clause))}."
        seen = yield Use("mail.search", f"find the mail about {title}", {"query": title})
        if seen.failure:
            return failed("mail.search", seen)
        if not seen.value["messages"]:
            return Done("No mail matches.", f"I found no mail about {title}, so I sent nothing.")
        mail = seen.value["messages"][0]
        arguments = {"id": mail["id"], "to": mail["from"], "body": body}
        yield from carried_out(
            "mail.reply", f"reply to {mail['id']} from {mail['from']}", arguments, "send the reply"
        )
        return Done("The reply is on its way.", f"I replied to the mail about {title}: {body}")

    return Task(instruction=text, script=script)


def forward_topic(draw: Draw, home: Home) -> Task:
    """Pass a mail on a topic on."""
    topic = draw.rng.choice(home.mails).topic if draw.chance(0.9) else topic_of(draw)
    who = name_of(draw, home)
    text = filled(said(draw, "forward"), x=topic, n=who)

    def script(context: ScriptContext) -> Script:
        require(context, "mail.search", "contacts.search", "mail.forward")
        title = context.seen(topic)
        return (yield from forwarded(context, title, context.seen(who), {"query": title}))

    return Task(instruction=text, script=script)


def forward_from(draw: Draw, home: Home) -> Task:
    """Pass what somebody wrote last on to somebody else."""
    senders = [mail.sender for mail in home.mails]  # of two by one person the device asks which is meant
    sender = draw.rng.choice([one for one in senders if senders.count(one) == 1] or senders)
    other = draw.rng.choice([one for one in home.people if one.given != sender.given] or home.people)
    given = draw.chance(0.6)
    by, who = (sender.given, other.given) if given else (sender.name, other.name)
    text = filled(said(draw, "forward_from"), n=by, n2=who)

    def script(context: ScriptContext) -> Script:
        require(context, "mail.search", "contacts.search", "mail.forward")
        name = context.seen(by)
        return (yield from forwarded(context, f"the last from {name}", context.seen(who), {"sender": name}))

    return Task(instruction=text, script=script)


def mail_about(draw: Draw, home: Home) -> Task:
    """Ask whether somebody wrote of something, or what."""
    mail = draw.rng.choice(home.mails)
    who = mail.sender.given if draw.chance(0.5) else mail.sender.name
    topic = mail.topic if draw.chance(0.8) else topic_of(draw)
    text = filled(said(draw, "mail_about"), n=who, x=topic)

    def script(context: ScriptContext) -> Script:
        require(context, "mail.search", "mail.read")
        name = context.seen(who)
        found = yield from mail_of(context, context.seen(topic), name)
        return Done("The mail is read.", f"{name} wrote: {found['body']}")

    return Task(instruction=text, script=script)


def mail_last(draw: Draw, home: Home) -> Task:
    """Ask when somebody wrote, or for all that somebody wrote."""
    sender = draw.rng.choice(home.mails).sender if draw.chance(0.85) else draw.rng.choice(home.people)
    who = sender.given if draw.chance(0.6) else sender.name
    text = filled(said(draw, "mail_last"), n=who)

    def script(context: ScriptContext) -> Script:
        require(context, "mail.search")
        name = context.seen(who)
        seen = yield Use("mail.search", f"find the mails from {name}", {"sender": name})
        if seen.failure:
            return failed("mail.search", seen)
        mails = seen.value["messages"]
        if not mails:
            return Done("No mail is from them.", f"I found no mail from {name}.")
        listed = ", ".join(f"{mail['subject']} on {mail['date'][:10]}" for mail in mails)
        return Done("The mails are known.", f"{name} wrote {listed}.")

    return Task(instruction=text, script=script)


def mail_new(draw: Draw, home: Home) -> Task:
    """Ask what is new."""
    del home
    return mail_unread_as(said(draw, "mail_new"))
