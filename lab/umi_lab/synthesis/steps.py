"""Steps that scripts share: each yields calls and returns what it found, or ends the script."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from umi_lab.synthesis.script import Done, Ended, GiveUp, Script, ScriptContext, ToolResult, Use

__all__ = [
    "answer_of",
    "asked_of_all",
    "carried_out",
    "events_on",
    "failed",
    "file_of",
    "forwarded",
    "mail_of",
    "note_of",
    "person_of",
    "require",
    "send",
    "told",
]

_ALTERNATIVES = {"contacts.search": "contacts.list", "notes.search": "search.everywhere"}
_PURPOSE_FAILED = {
    "mail.send": "The mail could not be sent",
    "calendar.list": "The calendar could not be read",
    "calendar.create": "The event could not be created",
    "calendar.cancel": "The event could not be cancelled",
    "contacts.search": "The contacts could not be searched",
    "contacts.list": "The contacts could not be read",
    "contacts.add": "The contact could not be added",
    "notes.search": "The notes could not be searched",
    "notes.create": "The note could not be saved",
    "mail.search": "The mails could not be searched",
    "mail.read": "The mail could not be read",
    "files.search": "The files could not be searched",
    "files.read": "The file could not be read",
    "search.everywhere": "The search failed",
    "calendar.search": "The calendar could not be searched",
    "calendar.update": "The event could not be changed",
    "calendar.free": "The free time could not be found",
    "calendar.repeat": "The event could not be created",
    "calendar.todos": "The to-dos could not be read",
    "calendar.add_todo": "The reminder could not be added",
    "contacts.change": "The contact could not be changed",
    "mail.reply": "The reply could not be sent",
    "mail.forward": "The mail could not be forwarded",
    "notes.append": "The note could not be written",
    "notes.edit": "The note could not be changed",
    "search.answer": "The question could not be looked up",
    "value.answer": "The text could not be read",
    "calendar.finish_todo": "The to-do could not be ticked off",
}
_CAN = {
    "mail.send": "send mail",
    "calendar.list": "read the calendar",
    "calendar.create": "create events",
    "calendar.cancel": "cancel events",
    "contacts.search": "look up contacts",
    "contacts.add": "add contacts",
    "notes.search": "search notes",
    "notes.create": "write notes",
    "mail.search": "search mail",
    "mail.read": "read mail",
    "files.search": "search files",
    "files.read": "read files",
    "search.everywhere": "search everything",
    "calendar.search": "search the calendar",
    "calendar.update": "move events",
    "calendar.free": "find free time",
    "calendar.repeat": "create events that repeat",
    "calendar.todos": "read the to-dos",
    "calendar.add_todo": "add reminders",
    "contacts.change": "change contacts",
    "mail.reply": "reply to mail",
    "mail.forward": "forward mail",
    "notes.append": "add to notes",
    "notes.edit": "change notes",
    "search.answer": "answer questions from what you have",
    "calendar.finish_todo": "tick off to-dos",
}
"""What a tool is for, as it follows "can"."""

Step = Generator[Use, ToolResult, Any]


def failed(tool: str, seen: ToolResult) -> GiveUp:
    """The honest end when a tool fails and none can stand in."""
    return GiveUp(f"{_PURPOSE_FAILED[tool]}: {seen.failure}.")


def require(context: ScriptContext, *tools: str) -> None:
    """Raises `Ended` when the catalogue has neither one of these tools nor a tool that can stand in for it."""
    for tool in tools:
        if tool not in context.tools and _ALTERNATIVES.get(tool) not in context.tools:
            raise Ended(GiveUp(context.refusal(_CAN[tool])))


def answer_of(context: ScriptContext, question: str) -> Script:
    """Have the device answer a question, which ends the script."""
    seen = yield from asked_of_all(context, question, "the answer")
    if seen.failure:
        return failed("search.answer", seen)
    answers = seen.value["answers"]
    if not answers:
        return Done("Nothing tells of it.", "I found nothing about that.")
    because = "The answer is known." if answers[0]["sure"] else "Only something near it is known."
    return Done(because, told(answers))


def asked_of_all(context: ScriptContext, question: str, which: str) -> Step:
    """What the device finds on a question."""
    require(context, "search.answer")
    return (yield Use("search.answer", f"find {which}", {"question": question}))


def told(answers: Sequence[Mapping[str, Any]]) -> str:
    """What the user is told of what was found."""
    listed = " ".join(f"The {one['kind']} {one['title']} says: {one['text']}" for one in answers)
    return listed if answers[0]["sure"] else f"I am not sure. {listed}"


def person_of(context: ScriptContext, who: str, what: str, *, question: str = "") -> Step:
    """The contact whom the instruction calls `who`, with handles; `what` is to be found of them. Raises `Ended`.

    `question`: where nobody is called so, it is asked of all that there is.
    """
    seen = ToolResult(None, "missing")
    if "contacts.search" in context.tools:
        seen = yield Use("contacts.search", f"find the {what} of {who}", {"name": who})
    if seen.failure and "contacts.list" in context.tools:
        first = seen
        seen = yield Use("contacts.list", f"find {who} among all contacts")
        if seen.failure:
            raise Ended(failed("contacts.search", first))
        matches = [match for match in seen.value if match["name"] == who]
    elif seen.failure:
        raise Ended(failed("contacts.search", seen))
    else:
        matches = seen.value["matches"]
    if not matches and question and "search.answer" in context.tools:
        raise Ended((yield from answer_of(context, question)))
    if not matches:
        raise Ended(Done("No contact has this name.", f"I found no contact called {who}, so I did nothing."))
    exact = [match for match in matches if match["name"] == who]
    if len(matches) > 1 and len(exact) != 1:
        names = " or ".join(match["name"] for match in matches)
        raise Ended(Done("The name is ambiguous.", f"Which one do you mean: {names}?"))
    return (exact or matches)[0]


def send(context: ScriptContext, to: dict[str, str], subject: str, body: str, answer: str) -> Script:
    """Send a mail, which ends the script; `answer` is what the user is told where it was sent."""
    arguments = {"to": to["email"], "subject": subject, "body": body}
    seen = yield Use("mail.send", f"send the mail to {to['email']}", arguments)
    if seen.failure == "declined":
        return Done("The user declined.", "I did not send the mail, because you declined.")
    if seen.failure:
        return failed("mail.send", seen)
    return Done("The mail is on its way.", answer)


def forwarded(context: ScriptContext, what: str, who: str, by: dict[str, str]) -> Script:
    """Send the newest mail that a search finds on to somebody, which ends the script; `what` is what it is called."""
    seen = yield Use("mail.search", f"find the mail: {what}", by)
    if seen.failure:
        return failed("mail.search", seen)
    if not seen.value["messages"]:
        return Done("No mail matches.", f"I found no such mail: {what}.")
    mail = seen.value["messages"][0]
    found = yield from person_of(context, who, "address")
    yield from carried_out(
        "mail.forward",
        f"forward {mail['id']} to {found['email']}",
        {"id": mail["id"], "subject": mail["subject"], "to": found["email"]},
        "forward the mail",
    )
    return Done("The mail is forwarded.", f"I forwarded the mail about {mail['subject']} to {who}.")


def note_of(context: ScriptContext, topic: str) -> Step:
    """The text of the note on a topic, as a handle. Raises `Ended` where there is none."""
    if "notes.search" in context.tools:
        seen = yield Use("notes.search", f"find the note about {topic}", {"query": topic})
        if not seen.failure:
            notes = seen.value["notes"]
            named = [note for note in notes if str(note["title"]).lower() == topic.lower()]
            if not notes:
                raise Ended(Done("No note holds these words.", f"I found no note about {topic}."))
            return (named or notes)[0]["text"]
        if "search.everywhere" not in context.tools:
            raise Ended(failed("notes.search", seen))
    seen = yield Use("search.everywhere", f"find the note about {topic} another way", {"query": topic})
    if seen.failure:
        raise Ended(failed("search.everywhere", seen))
    hits = [hit for hit in seen.value["hits"] if hit["kind"] == "note"]
    if not hits:
        raise Ended(Done("No note holds these words.", f"I found no note about {topic}."))
    return hits[0]["snippet"]


def mail_of(context: ScriptContext, topic: str, sender: str) -> Step:
    """What `mail.read` shows of the first mail on a topic. Raises `Ended` where there is none."""
    mails: list[dict[str, str]] = []
    seen = ToolResult(None, "missing")
    if "mail.search" in context.tools:
        arguments = {"query": topic, **({"sender": sender} if sender else {})}
        about = f"find the mail about {topic}" + (f" from {sender}" if sender else "")
        seen = yield Use("mail.search", about, arguments)
        mails = [] if seen.failure else seen.value["messages"]
    if seen.failure and "search.everywhere" in context.tools:
        seen = yield Use("search.everywhere", f"find the mail about {topic} another way", {"query": topic})
        if seen.failure:
            raise Ended(failed("search.everywhere", seen))
        mails = [hit for hit in seen.value["hits"] if hit["kind"] == "mail"]
    elif seen.failure:
        raise Ended(failed("mail.search", seen))
    if not mails:
        raise Ended(
            Done(
                "No mail matches.", f"I found no mail about {topic}" + (f" from {sender}." if sender else ".")
            )
        )
    seen = yield Use("mail.read", f"read {mails[0]['id']}", {"id": mails[0]["id"]})
    if seen.failure:
        raise Ended(failed("mail.read", seen))
    return seen.value


def file_of(context: ScriptContext, topic: str) -> Step:
    """What `files.read` shows of the first file on a topic. Raises `Ended` where there is none."""
    path = ""
    seen = ToolResult(None, "missing")
    if "files.search" in context.tools:
        seen = yield Use("files.search", f"find the file about {topic}", {"query": topic})
        if not seen.failure:
            path = next((file["path"] for file in seen.value["files"]), "")
    if seen.failure and "search.everywhere" in context.tools:
        seen = yield Use("search.everywhere", f"find the file about {topic} another way", {"query": topic})
        if seen.failure:
            raise Ended(failed("search.everywhere", seen))
        path = next((hit["id"] for hit in seen.value["hits"] if hit["kind"] == "file"), "")
    elif seen.failure:
        raise Ended(failed("files.search", seen))
    if not path:
        raise Ended(Done("No file matches.", f"I found no file about {topic}."))
    seen = yield Use("files.read", f"read {path}", {"path": path})
    if seen.failure:
        raise Ended(failed("files.read", seen))
    return seen.value


def events_on(on: str, given: str) -> Step:
    """The events of a day, which the call names in the user's words. Raises `Ended` where they cannot be read."""
    seen = yield Use("calendar.list", f"list the events {on}", {"date": given})
    if seen.failure:
        raise Ended(failed("calendar.list", seen))
    return seen.value["events"]


def carried_out(tool: str, purpose: str, arguments: dict[str, Any], undone: str) -> Step:
    """The result of a call that changes something. Raises `Ended` where the user declines, or the tool fails."""
    seen = yield Use(tool, purpose, arguments)
    if seen.failure == "declined":
        raise Ended(Done("The user declined.", f"I did not {undone}, because you declined."))
    if seen.failure:
        raise Ended(failed(tool, seen))
    return seen.value
