"""Notes and files: found, read, written."""

from umi_lab.synthesis.home import Home, capitalised
from umi_lab.synthesis.messages import Message, message_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext, Use
from umi_lab.synthesis.steps import failed, file_of, note_of, require
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import asked_topic, phrase

__all__ = ["file_read", "note_append", "note_create", "note_find", "search_all"]


def note_find(draw: Draw, home: Home) -> Task:
    """Ask what a note says."""
    topic = asked_topic(draw, home.notes)
    text = phrase(draw, "note_find", x=topic)

    def script(context: ScriptContext) -> Script:
        require(context, "notes.search")
        found = yield from note_of(context, context.seen(topic))
        return Done("The note is found.", f"Your note says: {found}")

    return Task(instruction=text, script=script)


def note_create(draw: Draw, home: Home) -> Task:
    """Write a note."""
    message: Message = message_of(draw, about=True)
    text = phrase(draw, "note_create", m=message.clause)

    def script(context: ScriptContext) -> Script:
        require(context, "notes.create")
        body = capitalised(context.seen(message.clause)) + "."
        arguments = {"title": message.subject, "text": body}
        seen = yield Use("notes.create", "save the note", arguments)
        if seen.failure:
            return failed("notes.create", seen)
        return Done("The note is saved.", f"I noted: {body}")

    return Task(instruction=text, script=script)


def file_read(draw: Draw, home: Home) -> Task:
    """Ask what a file says."""
    topic = asked_topic(draw, home.files)
    text = phrase(draw, "file_read", x=topic)

    def script(context: ScriptContext) -> Script:
        require(context, "files.search", "files.read")
        file = yield from file_of(context, context.seen(topic))
        return Done("The file is read.", f"{file['path']} says: {file['text']}")

    return Task(instruction=text, script=script)


def search_all(draw: Draw, home: Home) -> Task:
    """Look for something everywhere."""
    topic = asked_topic(draw, home.notes | home.files)
    text = phrase(draw, "search_all", x=topic)

    def script(context: ScriptContext) -> Script:
        require(context, "search.everywhere")
        title = context.seen(topic)
        seen = yield Use("search.everywhere", f"find everything about {title}", {"query": title})
        if seen.failure:
            return failed("search.everywhere", seen)
        hits = seen.value["hits"]
        if not hits:
            return Done("Nothing matches.", f"I found nothing about {title}.")
        listed = ", ".join(f"the {hit['kind']} {hit['title']}" for hit in hits)
        return Done("The hits are known.", f"I found {listed}.")

    return Task(instruction=text, script=script)


def note_append(draw: Draw, home: Home) -> Task:
    """Add something to a note."""
    topic, message = asked_topic(draw, home.notes), message_of(draw)
    text = phrase(draw, "note_append", x=topic, m=message.clause)

    def script(context: ScriptContext) -> Script:
        require(context, "notes.append")
        title, added = context.seen(topic), capitalised(context.seen(message.clause)) + "."
        seen = yield Use("notes.append", f"add to the note about {title}", {"title": title, "text": added})
        if seen.failure == "not-found":
            return Done("No note is called so.", f"I found no note about {title}, so I wrote nothing.")
        if seen.failure:
            return failed("notes.append", seen)
        if "matches" in seen.value:
            titles = " or ".join(str(note["title"]) for note in seen.value["matches"])
            return Done("Several notes are called so.", f"Which note do you mean: {titles}?")
        return Done("It is in the note.", f"I added to your note about {title}: {added}")

    return Task(instruction=text, script=script)
