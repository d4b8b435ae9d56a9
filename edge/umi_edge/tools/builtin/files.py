"""Files: the text files inside allowed folders."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.allowed_root import AllowedRoot, parts_of
from umi_edge.tools.builtin.words import has_words
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.record import Record, Sourced
from umi_edge.tools.tool import Tool, tool
from umi_edge.values.json_walk import Location

Query = Annotated[str, Field(min_length=1, max_length=300)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesConfig:
    """Which folders may be read, and how much of them."""

    roots: tuple[Path, ...]
    max_files: int = 10_000
    max_file_bytes: int = 512 << 10
    searched_bytes: int = 256 << 10
    """Larger files are found by their names only."""
    max_found: int = 50


@dataclass(frozen=True, slots=True)
class TextFile:
    """One text file; `path` begins with the name of its root."""

    path: str = field(repr=False)
    text: str = field(repr=False)

    def record(self, at: Location) -> Record:
        """It, as the record that a result tells of."""
        return Record(at=at, texts=(self.text,), id=self.path, path=self.path)


class FileShelf:
    """The text files inside the allowed roots.

    A path is `<root>/<parts>`: two roots with one name become `letters` and `letters-2`.
    """

    def __init__(self, config: FilesConfig) -> None:
        self.config = config
        self._roots: dict[str, AllowedRoot] = {}
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
        for label, parts in self._names():
            path = "/".join((label, *parts))
            text = self._searched(self._roots[label], parts)
            if has_words(f"{path}\n{text}", query):
                found.append(TextFile(path, text))
                if len(found) == self.config.max_found:
                    break
        return found

    def _searched(self, root: AllowedRoot, parts: tuple[str, ...]) -> str:
        try:
            return _decoded(root.read(parts, self.config.searched_bytes))
        except ToolFailure:  # binary, too large or gone: its name still counts
            return ""

    def read(self, path: str) -> TextFile:
        """One file, by the path that `search` gives, or by one inside any root."""
        parts = parts_of(path)
        if parts[0] in self._roots and len(parts) > 1:
            content = self._roots[parts[0]].read(parts[1:], self.config.max_file_bytes)
            return TextFile("/".join(parts), _decoded(content))
        for label, root in self._roots.items():
            try:
                content = root.read(parts, self.config.max_file_bytes)
            except ToolFailure as failure:
                if failure.kind is FailureKind.NOT_FOUND:
                    continue
                raise
            return TextFile("/".join((label, *parts)), _decoded(content))
        raise ToolFailure(FailureKind.NOT_FOUND, "no allowed folder has such a file")


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ToolFailure(FailureKind.NOT_JSON, "the file is not UTF-8 text") from None
    if "\x00" in text:
        raise ToolFailure(FailureKind.NOT_JSON, "the file is binary")
    return text


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
