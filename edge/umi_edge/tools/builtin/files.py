"""Files: the texts and documents inside allowed folders."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.allowed_root import AllowedRoot, parts_of
from umi_edge.tools.builtin.converter import Converter
from umi_edge.tools.builtin.document_text import is_plain_text
from umi_edge.tools.builtin.words import tells_of
from umi_edge.tools.outcome import FailureKind, Lost, Partial, ToolFailure
from umi_edge.tools.record import Record, Sourced
from umi_edge.tools.tool import Tool, tool
from umi_edge.values.json_walk import Location

Query = Annotated[str, Field(min_length=1, max_length=300)]

_DOCUMENTS = (".pdf", ".docx", ".docm", ".xlsx", ".xlsm", ".odt", ".ods", ".odp")
"""Names of files that search opens though they are large: their text is a small part of them."""
_BEGINNING = 8192
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

    def __init__(self, config: FilesConfig, converter: Converter | None = None) -> None:
        self.config = config
        self._roots: dict[str, AllowedRoot] = {}
        self._converter = converter or Converter()
        self._texts: dict[tuple[object, ...], tuple[str, str]] = {}
        for path in config.roots:
            label, number = path.name or "files", 1
            while label in self._roots:
                number += 1
                label = f"{path.name or 'files'}-{number}"
            self._roots[label] = AllowedRoot(path)

    def names(self, lost: list[Lost]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each file by its root and the parts of its path; what keeps any from it is added to `lost`."""
        count = 0
        for label, root in self._roots.items():
            for parts in root.names(lost):
                if (count := count + 1) > self.config.max_files:
                    lost.append(Lost(label, f"only {self.config.max_files} files are searched"))
                    return
                yield label, parts

    def search(self, query: str) -> tuple[list[TextFile], tuple[Lost, ...]]:
        """The files that hold every word, in their path or in their text, and those with a text that is not read.

        What has no text, as a picture has none, is found by its path.
        """
        found: list[TextFile] = []
        lost: list[Lost] = []
        for file in self.texts(lost):
            if tells_of(f"{file.path}\n{file.text}", query):
                found.append(file)
                if len(found) == self.config.max_found:
                    break
        return found, tuple(lost)

    def texts(self, lost: list[Lost]) -> Iterator[TextFile]:
        """Each file with the text that a search reads; what keeps any text from it is added to `lost`."""
        until = time.monotonic() + self.config.converted_seconds
        for label, parts in self.names(lost):
            path = "/".join((label, *parts))
            text, why = self._searched(self._roots[label], parts, until)
            if why:
                lost.append(Lost(path, why))
            yield TextFile(path, text)

    def _searched(self, root: AllowedRoot, parts: tuple[str, ...], until: float) -> tuple[str, str]:
        """The text of a file, and why there is none where there should be one."""
        converted, limit = self._limit(parts)
        try:
            with root.opened(parts) as file:
                status = os.fstat(file.fileno())
                key = (root.path, parts, status.st_size, status.st_mtime_ns)
                if key in self._texts:
                    return self._texts[key]
                if status.st_size > limit:
                    return "", _too_large(file, limit, converted=converted)
                if converted and time.monotonic() > until:
                    return "", "there was no time to read it: a second search does"
                content = file.read(limit + 1)
        except (ToolFailure, OSError) as error:
            return "", getattr(error, "detail", "cannot be read")
        try:
            read = self._converter.text(content, parts[-1]), ""
        except ToolFailure as failure:  # binary: its name still counts
            read = "", failure.detail if converted else ""
        if converted and len(self._texts) < _MAX_KEPT:
            self._texts[key] = read
        return read

    def _limit(self, parts: tuple[str, ...]) -> tuple[bool, int]:
        """Whether a search has a file converted, and how large it may be."""
        converted = parts[-1].lower().endswith(_DOCUMENTS)
        return converted, self.config.max_document_bytes if converted else self.config.searched_bytes

    def count(self) -> tuple[int, tuple[Lost, ...]]:
        """How many files there are, and those that cannot be searched; nothing is converted."""
        number = 0
        lost: list[Lost] = []
        for label, parts in self.names(lost):
            number += 1
            converted, limit = self._limit(parts)
            try:
                with self._roots[label].opened(parts) as file:
                    large = os.fstat(file.fileno()).st_size > limit
                    why = _too_large(file, limit, converted=converted) if large else ""
            except (ToolFailure, OSError) as error:
                why = getattr(error, "detail", "cannot be read")
            if why:
                lost.append(Lost("/".join((label, *parts)), why))
        return number, tuple(lost)

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
        return TextFile("/".join((label, *parts)), self._converter.text(content, parts[-1]))


def _too_large(file: BinaryIO, limit: int, *, converted: bool) -> str:
    """Why the text of a file of more than `limit` bytes is not searched; empty where it has none."""
    has_text = converted or is_plain_text(file.read(_BEGINNING))
    return f"more than {limit >> 10} KiB in it: found by its name only" if has_text else ""


def tools(shelf: FileShelf) -> tuple[Tool, ...]:
    """`files.search` and `files.read`."""

    @tool(name="files.search", source="builtin", read_only=True, returns=shapes.FILES)
    def search(query: Query) -> Sourced:
        """Find the user's files whose name or text holds all of some words.

        Args:
            query: The words.
        """
        found, lost = shelf.search(query)
        return Sourced(
            Partial.counted({"files": [{"path": file.path} for file in found]}, lost),
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
