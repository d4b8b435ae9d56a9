"""Questions about what is inside of texts, the calendar and the contacts: answered on the device, in one step.

The planner never sees the text, so what it learns is where a question goes, and to say how sure the answer is.
"""

from dataclasses import replace

from umi_edge.reading import Question
from umi_lab.synthesis.data_file import read_data, texts, texts_by_key
from umi_lab.synthesis.families.contacts import contact_fact_of
from umi_lab.synthesis.home import Home, Mail, capitalised, clock_of, topic_of
from umi_lab.synthesis.phrasings import phrasings_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext, ToolResult, Use
from umi_lab.synthesis.steps import answer_of, asked_of_all, failed, note_of, require, told
from umi_lab.synthesis.switches import Switch
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import named
from umi_lab.synthesis.words import COMPANIES, ROLES

__all__ = [
    "ASKS",
    "answered",
    "ask_company",
    "ask_event",
    "ask_latest",
    "ask_note_then",
    "ask_person",
    "ask_text",
    "ask_then",
    "ask_two",
    "company_as",
    "contact_then",
    "mistyped",
    "said_loosely",
    "tells_of",
]

ASKS = texts_by_key(read_data("questions"))
_EVERYDAY = texts(read_data("everyday")["then_ask"])
_PLANTED = 0.85
"""How often the home has something that the question is about."""
_TITLE_ONLY = 0.25
"""How often that has the question's topic and not its answer."""
_VALUES = (
    "{k} minutes", "{k} euros", "{k}", "12 March at {t}", "the blue folder", "Mrs Vogel", "below the stairs", "{k} cm",
    "{k} pieces", "room {k}", "because of the rain", "every {k} days", "{k}-{k}", "two of {k}", "Tuesday, {t}",
)  # fmt: skip


def tells_of(draw: Draw) -> tuple[str, ...]:
    """Ways to tell somebody something; with `everyday` whoever says "text Ann" means a text message, and no mail."""
    by_text = "text" if draw.has(Switch.EVERYDAY) else "\0"
    return tuple(one for one in ASKS["tells"] if not one.startswith(by_text))


def said_loosely(draw: Draw, text: str) -> str:
    """A question as people type it: at times without capitals or its mark, or with a letter wrong."""
    if draw.chance(0.3):
        text = text[:1].lower() + text[1:]
    if text.endswith("?") and draw.chance(0.4):
        text = text[:-1]
    if draw.chance(0.12) and not draw.held_out:
        text = mistyped(draw, text)
    return text


def mistyped(draw: Draw, text: str) -> str:
    """The text with a letter of one word missing, or two of them in the wrong order."""
    words = text.split(" ")
    fit = [place for place, word in enumerate(words) if len(word) > 4 and word.isalpha() and word.islower()]
    if not fit:
        return text
    place = draw.rng.choice(fit)
    word, at = words[place], draw.rng.randint(1, len(words[place]) - 3)
    words[place] = draw.rng.choice(
        (word[:at] + word[at + 1 :], word[:at] + word[at + 1] + word[at] + word[at + 2 :])
    )
    return " ".join(words)


def _about(draw: Draw, home: Home, question: str, topic: str, by: str) -> Home:
    """The home with a text that the question is about, mostly one that answers it."""
    if not draw.chance(_PLANTED):
        return home
    value = draw.rng.choice(_VALUES).format(k=draw.rng.randint(2, 990), t=clock_of(draw))
    body = " ".join(Question.of(question).terms) + f": {value}."
    if draw.chance(_TITLE_ONLY):
        body = "We talk about it next week."
    title = capitalised(topic)
    sender = next((one for one in home.people if by and by in one.name), None)
    roll = draw.rng.random()
    if sender or roll < 0.4:
        mail = Mail(sender=sender or draw.rng.choice(home.people), topic=title, body=body)
        return replace(home, mails=(*home.mails, mail))
    if roll < 0.8:
        return replace(home, notes={**home.notes, topic: body})
    return replace(home, files={**home.files, topic: body})


def _text_question(draw: Draw, home: Home) -> tuple[str, Home]:
    """A question about the inside of a text, and a home that has it."""
    topic, who = topic_of(draw), named(draw, home)
    if draw.chance(0.25):
        text = draw.one(phrasings_of("read_answer")).format(x=topic, q=draw.one(ASKS["embedded"]))
    else:
        text = said_loosely(draw, draw.one(ASKS["texts"])).format(x=topic, n=who)
    return text, _about(draw, home, text, topic, who if who in text else "")


def _event_question(draw: Draw, home: Home) -> tuple[str, Home]:
    event = draw.rng.choice(home.events)
    topic = topic_of(draw) if draw.chance(0.1) else event.title[:1].lower() + event.title[1:]
    text = said_loosely(draw, draw.one(ASKS["events"])).format(x=topic, n=draw.rng.choice(home.people).name)
    return text, home


def answered(text: str, home: Home) -> Task:
    """A question that the device answers from all that there is."""

    def script(context: ScriptContext) -> Script:
        return (yield from answer_of(context, context.seen(text)))

    return Task(instruction=text, script=script, home=home)


def ask_text(draw: Draw, home: Home) -> Task:
    """Ask what a note, a file or a mail says of something."""
    return answered(*_text_question(draw, home))


def ask_event(draw: Draw, home: Home) -> Task:
    """Ask when or where something is, or who comes, without saying a day."""
    return answered(*_event_question(draw, home))


def ask_person(draw: Draw, home: Home) -> Task:
    """Ask for somebody by what they are to the user."""
    person = draw.rng.choice([one for one in home.people if one.name in home.roles])
    role = home.roles[person.name] if draw.chance(0.85) else draw.one(ROLES)
    called = draw.one(ASKS["called"]).format(r=role, x=topic_of(draw))
    text = said_loosely(draw, draw.one(ASKS["people"])).format(r=called, c=person.company)
    return answered(text, home)


def ask_company(draw: Draw, home: Home) -> Task:
    """Ask whom one knows at a company."""
    company = draw.rng.choice(home.people).company if draw.chance(0.85) else draw.one(COMPANIES)
    people = home.people
    if draw.chance(0.5):
        some = draw.rng.sample(range(len(people)), min(2, len(people)))
        people = tuple(
            replace(one, company=company) if place in some else one for place, one in enumerate(people)
        )
    text = said_loosely(draw, draw.one(ASKS["company"])).format(c=company)
    return company_as(company, text, replace(home, people=people))


def company_as(company: str, text: str, home: Home) -> Task:
    """Ask whom one knows at a company, in the words of `text`."""

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.search")
        name = context.seen(company)
        seen = yield Use("contacts.search", f"find everybody at {name}", {"name": name})
        if seen.failure:
            return failed("contacts.search", seen)
        if not seen.value["matches"]:
            return Done("No contact is there.", f"I found nobody at {name} in your contacts.")
        names = " and ".join(match["name"] for match in seen.value["matches"])
        return Done("The contacts are known.", f"At {name} you know {names}.")

    return Task(instruction=text, script=script, home=home)


def ask_latest(draw: Draw, home: Home) -> Task:
    """Ask what somebody wrote last."""
    who = draw.rng.choice(home.mails).sender.name if draw.chance(0.7) else named(draw, home)
    who = who.partition(" ")[0] if draw.chance(0.4) else who
    text = said_loosely(draw, draw.one(ASKS["from"])).format(n=who)

    def script(context: ScriptContext) -> Script:
        require(context, "mail.search", "mail.read")
        name = context.seen(who)
        seen = yield Use("mail.search", f"find the newest mail from {name}", {"sender": name})
        if seen.failure:
            return failed("mail.search", seen)
        mails = seen.value["messages"]
        if not mails:
            return Done("No mail is from them.", f"I found no mail from {name}.")
        read = yield Use("mail.read", f"read {mails[0]['id']}", {"id": mails[0]["id"]})
        if read.failure:
            return failed("mail.read", read)
        subject, body = mails[0]["subject"], read.value["body"]
        return Done("The mail is read.", f"{name} wrote last about {subject}: {body}")

    return Task(instruction=text, script=script)


def ask_two(draw: Draw, home: Home) -> Task:
    """Ask two things in one request."""
    draws = (_text_question, _event_question)
    first, home = draw.rng.choice(draws)(draw, home)
    second, home = draw.rng.choice(draws)(draw, home)
    first, second = first.rstrip("?.!, "), second[:1].lower() + second[1:]
    text = first + draw.one(ASKS["joins"]) + second

    def script(context: ScriptContext) -> Script:
        found: list[str] = []
        for number, part in (("first", first), ("second", second)):
            seen = yield from asked_of_all(
                context, context.seen(part), f"the answer to the {number} question"
            )
            if seen.failure:
                return failed("search.answer", seen)
            answers = seen.value["answers"]
            found.append(told(answers) if answers else f"I found nothing on the {number} question.")
        return Done("Both questions are looked up.", " ".join(found))

    return Task(instruction=text, script=script, home=home)


def ask_then(draw: Draw, home: Home) -> Task:
    """Ask something, then more of it: a follow-up is asked together with what it follows."""
    first, home = draw.rng.choice((_text_question, _event_question))(draw, home)
    return replace(answered(first, home), then=(_follow_up(draw, first),))


def _follow_up(draw: Draw, first: str) -> Task:
    more = _EVERYDAY if draw.has(Switch.EVERYDAY) and draw.chance(0.4) else ()
    text = said_loosely(draw, draw.rng.choice(more) if more else draw.one(ASKS["follow_ups"]))

    def script(context: ScriptContext) -> Script:
        question = f"{context.seen(first)} {context.seen(text)}"
        return (yield from answer_of(context, question))

    return Task(instruction=text, script=script)


def ask_note_then(draw: Draw, home: Home) -> Task:
    """Be shown a note, then ask something about it: of its text, where the device can, else of everything."""
    topic = draw.rng.choice(list(home.notes))
    first = draw.one(phrasings_of("note_find")).format(x=topic)
    text = said_loosely(draw, draw.one(ASKS["follow_ups"]))
    shown: list[str] = []

    def find(context: ScriptContext) -> Script:
        require(context, "notes.search")
        shown.append((yield from note_of(context, context.seen(topic))))
        return Done("The note is found.", f"Your note says: {shown[0]}")

    def follow(context: ScriptContext) -> Script:
        question = context.seen(text)
        if not shown or "value.answer" not in context.tools:
            return (yield from answer_of(context, f"{context.seen(first)} {question}"))
        seen: ToolResult = yield Use(
            "value.answer", f"read the answer in {shown[0]}", {"text": shown[0], "question": question}
        )
        if seen.failure == "not-found":
            return Done("The text does not say.", "The note does not say that.")
        if seen.failure:
            return failed("value.answer", seen)
        return Done("The answer is known.", f"The note says: {seen.value}")

    return Task(instruction=first, script=find, then=(Task(instruction=text, script=follow),))


def contact_then(draw: Draw, home: Home) -> Task:
    """Ask for somebody's number by name, then for that of another one who was meant."""
    fact = draw.rng.choice(("email", "phone"))
    one, other = draw.rng.sample(home.people, 2)
    first = one.given if draw.chance(0.4) else one.name
    second = other.family if draw.chance(0.2) else other.name
    corrected = draw.one(phrasings_of("correction")).format(n=second)
    return replace(
        contact_fact_of(draw, first, fact), then=(contact_fact_of(draw, second, fact, said=corrected),)
    )
