"""Notes: a folder of Markdown and text files."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from markdown_it import MarkdownIt
from pydantic import Field

from umi_edge.reading.question import QUESTION_WORDS, words_of
from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.document_text import UnreadableDocument, plain_text
from umi_edge.tools.builtin.folder import Document, Folder
from umi_edge.tools.builtin.words import folded, has_words, most_told, single_line, snippet, tells_of
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, Lost, Partial, ToolFailure
from umi_edge.tools.record import Doubt, Record, Sourced
from umi_edge.tools.tool import Tool, tool
from umi_edge.values.json_walk import Location

Title = Annotated[str, Field(min_length=1, max_length=1000)]
Query = Annotated[str, Field(min_length=1, max_length=300)]

_SUFFIX = ".md"
_SUFFIXES = (_SUFFIX, ".markdown", ".txt")
_MARKDOWN = MarkdownIt("commonmark")
_BEGINNING = 2000
"""How many characters a heading at the beginning has, and more."""
_FRONT_MATTER = re.compile(r"\A(?:---|\+\+\+)[ \t]*\n(.*?\n)?(?:---|\+\+\+|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_LINK = re.compile(r"!?\[\[([^\]|#^]+)[^\]]*\]\]")
_ANY_NOTE = re.compile(
    r"lists?|all|every|notes?|notebook|titles?|notiz(?:en)?|liste|alle|notas?|lista|todas?|toutes|tous",
    re.IGNORECASE,
)
"""Words with which notes are asked for, whatever they say."""
_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesConfig:
    """Where the notes are, and how much of them one result holds."""

    folder: Path
    max_files: int = 10_000
    max_file_bytes: int = 1 << 20
    search_characters: int = 2000
    """How many characters of each note a search returns; `notes.read` returns the whole note."""
    max_found: int = 20


@dataclass(frozen=True, slots=True)
class Note:
    """One file; `id` is its name inside the folder, without `.md`. Or a journal entry, which is in another store."""

    id: str = field(repr=False)
    title: str = field(repr=False)
    text: str = field(repr=False)
    store: str = field(default="notes", repr=False)
    file: str = field(default="", repr=False)
    """The file that it is in, from the store's folder on; empty for a note, whose `id` tells."""
    doubt: Doubt | None = None

    def record(self, at: Location) -> Record:
        """It, as the record that a result tells of."""
        return Record(
            at=at,
            texts=(self.title, self.text),
            id=self.id,
            path=self.file or self.id + _SUFFIX,
            store=self.store,
            doubt=self.doubt,
        )


class Notebook:
    """The notes of one folder, and what is a note in another store, as `others` gives it."""

    def __init__(self, config: NotesConfig, others: Callable[[], list[Note]] = list) -> None:
        self.config = config
        self._others = others
        self._folder = Folder(
            path=config.folder,
            suffix=_SUFFIX,
            suffixes=_SUFFIXES,
            max_files=config.max_files,
            max_file_bytes=config.max_file_bytes,
        )

    def notes(self) -> tuple[list[Note], tuple[Lost, ...]]:
        """All notes but the blank ones, and what could not be read."""
        notes: list[Note] = []
        lost: list[Lost] = []
        for document in self._folder.documents():
            if document.content is None:
                lost.append(document.lost)
            elif (note := parse(document)) is not None:
                notes.append(note)
            elif document.content.strip():
                lost.append(Lost(document.name, "it is no text"))
        return [*notes, *self._others()], tuple(lost)

    def search(self, query: str) -> tuple[list[Note], tuple[Lost, ...]]:
        """The notes that hold every word, in their text or their name, those with it in the title first.

        Where none does, those whose whole title is among the words; else those that hold the most of them; and all of
        them where the words say no more than that notes are asked for.
        """
        notes, lost = self.notes()
        texts = [f"{note.title}\n{note.id}\n{note.text}" for note in notes]
        found = [note for note, text in zip(notes, texts, strict=True) if tells_of(text, query)]
        found = found or _titled_within(notes, query) or [notes[place] for place in most_told(texts, query)]
        found.sort(key=lambda note: not tells_of(note.title, query))
        if not found and all(word in QUESTION_WORDS or _ANY_NOTE.fullmatch(word) for word in words_of(query)):
            found = notes
        return found[: self.config.max_found], lost

    def read(self, identity: str) -> Note:
        """The note with that id, or that a link in a note names: looked up among those there are.

        No id is ever a path. `[[Boiler|the boiler]]` is the one note whose file is called so, whatever its folder.
        """
        linked = _LINK.fullmatch(identity.strip())
        wanted = folded(linked[1].strip()) if linked else None
        files = self._files(
            lambda document: (
                document.name.removesuffix(_SUFFIX) == identity
                or bool(wanted and _is_called(document.name, wanted))
            )
        )
        found = [note for _, note in files] + [note for note in self._others() if note.id == identity]
        if len(found) == 1:
            return found[0]
        raise ToolFailure(FailureKind.NOT_FOUND, "no readable note has that id")

    def _files(self, is_meant: Callable[[Document], bool]) -> list[tuple[Document, Note]]:
        return [
            (document, note)
            for document in self._folder.documents()
            if is_meant(document) and (note := parse(document))
        ]

    def titled(self, title: str) -> list[Note]:
        """The notes that a title, or an id, means: that has that id, else that are called so, else that have its words
        in their titles.
        """
        notes, _ = self.notes()
        asked = " ".join(folded(title).split())
        for is_meant in (
            lambda note: note.id == title,
            lambda note: " ".join(folded(note.title).split()) == asked,
            lambda note: has_words(note.title, title),
        ):
            if found := [note for note in notes if is_meant(note)]:
                return found
        return []

    def rewrite(self, note: Note, text: str) -> None:
        """Write a note anew, its title as it is. Raises `ToolFailure`."""
        files = self._files(lambda document: document.name.removesuffix(_SUFFIX) == note.id)
        if note.file or len(files) != 1:
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "what is written elsewhere is not changed here")
        ((document, before),) = files
        if before.text != note.text:
            raise ToolFailure(FailureKind.ERROR, "the note has changed meanwhile")
        after = parse(Document(document.path, document.name, text.encode()))
        if after is None or after.title != note.title:
            # Titles may leave where texts stay, so no text becomes one.
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "the title of the note would not be the same")
        if len(text.encode()) > self.config.max_file_bytes:
            raise ToolFailure(FailureKind.TOO_LARGE, "the note would be larger than a note may be")
        self._folder.replace(document.path.resolve(), text.encode())

    def gaps(self) -> tuple[Lost, ...]:
        """What makes the notebook look emptier than it is."""
        return tuple(self._folder.gaps())

    def create(self, title: str, text: str) -> str:
        """Write a new note; its id is returned."""
        content = f"# {title}\n\n{text.rstrip()}\n"
        if len(content.encode()) > self.config.max_file_bytes:
            raise ToolFailure(FailureKind.TOO_LARGE, "the note is larger than a note may be")
        return self._folder.add(slug(title), content.encode())[: -len(_SUFFIX)]


def _titled_within(notes: Sequence[Note], query: str) -> list[Note]:
    """The notes of which every word of the title was said, those with the longest titles."""
    said = set(re.findall(r"\w+", folded(query)))
    lengths = [
        len(words) if (words := set(re.findall(r"\w+", folded(note.title)))) <= said else 0 for note in notes
    ]
    longest = max(lengths, default=0)
    return [note for note, length in zip(notes, lengths, strict=True) if longest and length == longest]


def slug(title: str) -> str:
    """A file name that every system takes.

    >>> slug("Chaudière: n° 3!"), slug("CON"), slug("日本")
    ('chaudiere-n-3', 'note-con', 'note')
    """
    words = re.findall(r"[a-z0-9]+", folded(title))
    name = "-".join(words)[:60].strip("-")
    return f"note-{name}" if _DEVICES.fullmatch(name) else name or "note"


def parse(document: Document) -> Note | None:
    """The note in a file, or None when the file is no text or a blank one."""
    try:
        text = plain_text(document.content or b"").replace("\r\n", "\n")
    except UnreadableDocument:
        return None
    if not text.strip():
        return None
    name = document.name.removesuffix(_SUFFIX)
    return Note(
        name, title_of(text) or name.rpartition("/")[2].rpartition(".")[0] or name.rpartition("/")[2], text
    )


def title_of(text: str) -> str | None:
    r"""What a note calls itself: `title:` in its front matter, or the heading that it begins with.

    No other line is a title, a comment in a block of code least of all: titles may leave where texts stay.

    >>> title_of("---\ntitle: 'Boiler manual'\n---\nText"), title_of("Boiler\n======\n"), title_of("Text\n\n# Later")
    ('Boiler manual', 'Boiler', None)
    """
    front = _FRONT_MATTER.match(text)
    if front and (named := re.search(r"^title[ \t]*[:=][ \t]*(\S.*)$", front[1], re.MULTILINE)):
        title = named[1].strip()
        quoted = re.fullmatch(r"([\"'])(.+)\1", title)
        return _single(quoted[2]) if quoted else (None if title[0] in "|>&*[{" else _single(title))
    tokens = _MARKDOWN.parse(text[front.end() if front else 0 :].lstrip("\n")[:_BEGINNING])
    if len(tokens) > 1 and tokens[0].type == "heading_open":
        return _single(tokens[1].content)
    return None


def _is_called(name: str, wanted: str) -> bool:
    """Whether a file has that name, with its folders or without."""
    stem = folded(name.rpartition(".")[0])
    return stem == wanted or stem.rpartition("/")[2] == wanted


def _single(text: str) -> str | None:
    """`text` on one line, or None when there is nothing on it."""
    return " ".join(text.split()) or None


def tools(notebook: Notebook, *, more: bool = False) -> tuple[Tool, ...]:
    """`notes.search`, `notes.read` and `notes.create`; with `more` also `notes.append` and `notes.edit`."""
    config = notebook.config

    @tool(name="notes.search", source="builtin", read_only=True, returns=shapes.NOTES)
    def search(query: Query) -> Sourced:
        """Find the user's notes that hold all of some words.

        Args:
            query: The words.
        """
        found, lost = notebook.search(query)
        notes: list[JSON] = [
            {"id": note.id, "title": note.title, "text": snippet(note.text, query, config.search_characters)}
            for note in found
        ]
        return Sourced(
            Partial.counted({"notes": notes}, lost),
            tuple(note.record(("notes", index)) for index, note in enumerate(found)),
        )

    @tool(name="notes.read", source="builtin", read_only=True, returns=shapes.NOTE)
    def read(id: Annotated[str, Field(min_length=1, max_length=1000)]) -> Sourced:  # noqa: A002
        """Read one of the user's notes.

        Args:
            id: The id of the note, as notes.search gives it.
        """
        note = notebook.read(id)
        return Sourced({"id": note.id, "title": note.title, "text": note.text}, (note.record(()),))

    read_back = {
        name: [f"notes.search: $.notes[*].{name}", f"notes.read: $.{name}"]
        for name in ("id", "title", "text")
    }
    named = ["notes.create: $.id", "search.everywhere: $.hits[*].id", "search.everywhere: $.hits[*].title"]
    text = [*read_back["text"], "search.everywhere: $.hits[*].snippet"]
    stored_as = {"title": [*read_back["id"], *read_back["title"], *named, *text], "text": text}

    @tool(name="notes.create", source="builtin", returns=shapes.CREATED, stored_as=stored_as)
    def create(
        title: Annotated[str, Field(min_length=1, max_length=200)],
        text: str,
    ) -> Sourced:
        """Write a new note for the user.

        Args:
            title: What it is about.
            text: The note, in Markdown.
        """
        # Without a title the first heading of the text would be read as one.
        if not title.strip() or not single_line(title):
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "a title is one line of text")
        name = notebook.create(title.strip(), text)
        return Sourced({"id": name}, (Record(at=(), texts=(title, text), id=name),))

    return search, read, create, *((_append(notebook, text), _edit(notebook, text)) if more else ())


def _append(notebook: Notebook, stored_as: list[str]) -> Tool:
    @tool(
        name="notes.append",
        source="builtin",
        returns=shapes.WRITTEN_NOTE,
        stored_as={"title": [], "text": stored_as},  # the title chooses a note, and is written nowhere
    )
    def append(title: Title, text: Annotated[str, Field(min_length=1)]) -> Sourced:
        """Add something to the end of one of the user's notes; gives the notes to choose from if several are meant.

        Args:
            title: The title of the note, or its id.
            text: What to add, in Markdown.
        """
        return _written(notebook, title, text, lambda note: f"{note.text.rstrip()}\n\n{text.strip()}\n")

    return append


def _edit(notebook: Notebook, stored_as: list[str]) -> Tool:
    @tool(
        name="notes.edit",
        source="builtin",
        destructive=True,
        returns=shapes.WRITTEN_NOTE,
        stored_as={"title": [], "old": [], "new": stored_as},
    )
    def edit(title: Title, old: Annotated[str, Field(min_length=1)], new: str) -> Sourced:
        """Change words in one of the user's notes; gives the notes to choose from if several are meant.

        Args:
            title: The title of the note, or its id.
            old: The words that are to be others, as the note has them, where it has them once.
            new: What they are to be; nothing takes them out.
        """

        def changed(note: Note) -> str:
            places = [match.start() for match in re.finditer(re.escape(old), note.text, re.IGNORECASE)]
            if len(places) != 1:
                raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "the note does not have these words once")
            return note.text[: places[0]] + new + note.text[places[0] + len(old) :]

        return _written(notebook, title, new, changed)

    return edit


def _written(notebook: Notebook, title: str, text: str, changed: Callable[[Note], str]) -> Sourced:
    """Write the one note that is meant anew, or give those that may be meant."""
    meant = notebook.titled(title)
    if not meant:
        raise ToolFailure(FailureKind.NOT_FOUND, "no note is called so")
    if len(meant) > 1:
        several = meant[: notebook.config.max_found]
        return Sourced(
            {"matches": [{"id": note.id, "title": note.title} for note in several]},
            tuple(note.record(("matches", index)) for index, note in enumerate(several)),
        )
    notebook.rewrite(meant[0], changed(meant[0]))
    return Sourced({"id": meant[0].id}, (Record(at=(), texts=(text,), id=meant[0].id),))
