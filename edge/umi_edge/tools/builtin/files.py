"""Files: the texts and documents inside allowed folders."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.allowed_root import AllowedRoot, parts_of
from umi_edge.tools.builtin.converter import Converter
from umi_edge.tools.builtin.document_text import UnreadableDocument, document_text, is_plain_text
from umi_edge.tools.builtin.words import has_words
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.record import Record, Sourced
from umi_edge.tools.tool import Tool, tool
from umi_edge.values.json_walk import Location

Query = Annotated[str, Field(min_length=1, max_length=300)]

_DOCUMENTS = (".pdf", ".docx", ".docm", ".xlsx", ".xlsm", ".odt", ".ods", ".odp")
"""Names of files that search opens though they are large: their text is a small part of them."""
_MAX_KEPT = 500
"""Texts of documents that a session keeps, so that the next search need not convert them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesConfig:
    """Which folders may be read, and how much of them."""

    roots: tuple[Path, ...]
    max_files: int = 10_000
    max_file_bytes: int = 512 << 10
    """Of plain text."""
    max_document_bytes: int = 32 << 20
    """Of a PDF file and other documents, whose text is a small part of them."""
    searched_bytes: int = 256 << 10
    """Larger files are found by their names only."""
    converted_seconds: float = 10
    """How long a search converts documents it has not seen; those that are left are found by their names only."""
    max_found: int = 50


@dataclass(frozen=True, slots=True)
class TextFile:
    """One file; `path` begins with the name of its root."""

    path: str = field(repr=False)
    text: str = field(repr=False)

    def record(self, at: Location) -> Record:
        """It, as the record that a result tells of."""
        return Record(at=at, texts=(self.text,), id=self.path, path=self.path)


class FileShelf:
    """The files inside the allowed roots, as text.

    A path is `<root>/<parts>`: two roots with one name become `letters` and `letters-2`.
    """

    def __init__(self, config: FilesConfig) -> None:
        self.config = config
        self._roots: dict[str, AllowedRoot] = {}
        self._converter = Converter()
        self._texts: dict[tuple[object, ...], str] = {}
        for path in config.roots:
            label, number = path.name or "files", 1
            while label in self._roots:
                number += 1
                label = f"{path.name or 'files'}-{number}"
            self._roots[label] = AllowedRoot(path)

    def _names(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        count = 0
        for label, root in self._roots.items():
            for parts in root.names():
                if (count := count + 1) > self.config.max_files:
                    return
                yield label, parts

    def search(self, query: str) -> list[TextFile]:
        """The files that hold every word, in their path or in their text."""
        found: list[TextFile] = []
        until = time.monotonic() + self.config.converted_seconds
        for label, parts in self._names():
            path = "/".join((label, *parts))
            text = self._searched(self._roots[label], parts, until)
            if has_words(f"{path}\n{text}", query):
                found.append(TextFile(path, text))
                if len(found) == self.config.max_found:
                    break
        return found

    def _searched(self, root: AllowedRoot, parts: tuple[str, ...], until: float) -> str:
        converted = parts[-1].lower().endswith(_DOCUMENTS)
        limit = self.config.max_document_bytes if converted else self.config.searched_bytes
        try:
            with root.opened(parts) as file:
                status = os.fstat(file.fileno())
                key = (root.path, parts, status.st_size, status.st_mtime_ns)
                if key in self._texts:
                    return self._texts[key]
                if status.st_size > limit or (converted and time.monotonic() > until):
                    return ""
                content = file.read(limit + 1)
            text = self._text(content, parts[-1])
        except (ToolFailure, OSError):  # binary or gone: its name still counts
            text = ""
        if converted and len(self._texts) < _MAX_KEPT:
            self._texts[key] = text
        return text

    def read(self, path: str) -> TextFile:
        """One file, by the path that `search` gives, or by one inside any root."""
        parts = parts_of(path)
        if parts[0] in self._roots and len(parts) > 1:
            return self._file(self._roots[parts[0]], parts[0], parts[1:])
        for label, root in self._roots.items():
            try:
                return self._file(root, label, parts)
            except ToolFailure as failure:
                if failure.kind is not FailureKind.NOT_FOUND:
                    raise
        raise ToolFailure(FailureKind.NOT_FOUND, "no allowed folder has such a file")

    def _file(self, root: AllowedRoot, label: str, parts: tuple[str, ...]) -> TextFile:
        content = root.read(parts, self.config.max_document_bytes)
        if is_plain_text(content) and len(content) > self.config.max_file_bytes:
            raise ToolFailure(
                FailureKind.TOO_LARGE, f"the file has more than {self.config.max_file_bytes} bytes"
            )
        return TextFile("/".join((label, *parts)), self._text(content, parts[-1]))

    def _text(self, content: bytes, name: str) -> str:
        if not is_plain_text(content):
            return self._converter.text(content, name)
        try:
            return document_text(content, name)
        except UnreadableDocument as unreadable:
            raise ToolFailure(FailureKind.NOT_JSON, str(unreadable)) from None


def tools(config: FilesConfig) -> tuple[Tool, ...]:
    """`files.search` and `files.read`."""
    shelf = FileShelf(config)

    @tool(name="files.search", source="builtin", read_only=True, returns=shapes.FILES)
    def search(query: Query) -> Sourced:
        """Find the user's files whose name or text holds all of some words.

        Args:
            query: The words.
        """
        found = shelf.search(query)
        return Sourced(
            {"files": [{"path": file.path} for file in found]},
            tuple(file.record(("files", index)) for index, file in enumerate(found)),
        )

    @tool(name="files.read", source="builtin", read_only=True, returns=shapes.FILE_TEXT)
    def read(path: Annotated[str, Field(min_length=1, max_length=1000)]) -> Sourced:
        """Read one of the user's text files.

        Args:
            path: The path of the file, as files.search gives it.
        """
        file = shelf.read(path)
        return Sourced({"path": file.path, "text": file.text}, (file.record(()),))

    return search, read
