"""An index of what left, for whoever searches a ledger: where each message lies, and what is said of it beside.

It follows the files as they grow, and begins anew where they are others. A message itself is read from its file when
it is wanted.

I7: docs/design.md#i7-the-ledger-has-every-byte-that-left
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umi_edge.ledger.chain import LineError, entry_of
from umi_edge.ledger.errors import BrokenLedgerError, LedgerError
from umi_edge.ledger.files import LedgerFiles, lines
from umi_edge.ledger.outbound import outbound_view
from umi_shared.errors import MalformedError
from umi_shared.handles import Handle
from umi_shared.transcript import Call, Entry, Observation, Plan, text_of

__all__ = ["LedgerIndex", "Named", "Row", "Wanted"]

_FIX = "see `umi ledger verify`"


@dataclass(frozen=True, slots=True)
class Named:
    """What a message names beside its text: tools, and the types of the handles in it."""

    tools: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Row:
    """One message that left."""

    number: int
    time: str
    session: str
    sink: str
    peer: str
    size_bytes: int
    sha256: str
    clear_bytes: int
    """How much of it was clear text, the catalogue of tools left out."""
    file: Path = field(repr=False)
    offset: int = field(repr=False)
    named: Named | None = None
    """Known once the message was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody searches for; empty words want everything."""

    day: str = ""
    """As `2026-06-01`, or the beginning of it; of the time in the ledger."""
    session: str = ""
    sink: str = ""
    tool: str = ""
    type: str = ""
    """Of a handle: what stayed."""

    def admits(self, row: Row) -> bool:
        """Whether the row may be one of them, as far as that is known without its message."""
        return (
            row.time.startswith(self.day)
            and row.session.startswith(self.session)
            and self.sink in ("", row.sink)
        )

    def names(self, named: Named) -> bool:
        """Whether a message names what is wanted."""
        return (not self.tool or self.tool in named.tools) and (not self.type or self.type in named.types)


@dataclass(slots=True)
class LedgerIndex:
    """The messages of the ledger at one path. Not to be used by two threads at once."""

    path: Path
    _rows: list[Row] = field(default_factory=list, repr=False)
    _files: list[Path] = field(default_factory=list, repr=False)
    _identity: int = 0
    """The inode of the file in use."""
    _offset: int = 0
    """How far the file in use is known."""

    def rows(self) -> list[Row]:
        """Every message, oldest first. Raises `BrokenLedgerError` at a line that was changed, `LedgerError`."""
        try:
            self._follow()
        except OSError as error:
            raise LedgerError(
                f"the ledger {self.path} cannot be read: {error.strerror}", fix="mend its permissions"
            ) from error
        return self._rows

    def find(self, wanted: Wanted, *, before: int | None = None, most: int) -> tuple[list[Row], bool]:
        """The newest messages that are wanted, newest first, and whether there are more; `before` a number only."""
        found: list[Row] = []
        for row in reversed(self.rows()):
            if (before is not None and row.number >= before) or not wanted.admits(row):
                continue
            if (wanted.tool or wanted.type) and not wanted.names(self.named(row)):
                continue
            if len(found) == most:
                return found, True
            found.append(row)
        return found, False

    def row(self, number: int) -> Row | None:
        """The message with this number."""
        return next((row for row in reversed(self.rows()) if row.number == number), None)

    def before(self, row: Row) -> Row | None:
        """The message to the same reader in the same session before this one."""
        for other in reversed(self._rows):
            if other.number < row.number and (other.session, other.sink) == (row.session, row.sink):
                return other
        return None

    def entry(self, row: Row) -> dict[str, Any]:
        """The whole entry, from its file. Raises as `rows` does."""
        try:
            line, _ = next(lines(row.file, row.offset), (b"", False))
            return entry_of(line)[0]
        except LineError as error:
            raise BrokenLedgerError(row.file, 0, str(error), fix=_FIX) from error
        except OSError as error:
            raise LedgerError(
                f"the ledger {row.file} cannot be read: {error.strerror}", fix="look again"
            ) from error

    def named(self, row: Row) -> Named:
        """What a message names; nothing, where this version of umi cannot read it."""
        if row.named is None:
            try:
                row.named = _named(outbound_view(self.entry(row)).entries)
            except MalformedError:
                row.named = Named()
        return row.named

    def _follow(self) -> None:
        found = LedgerFiles(self.path).all()
        state = found[-1].stat() if found else None
        grown = (
            state is not None
            and found == self._files
            and state.st_ino == self._identity
            and state.st_size >= self._offset
        )
        if not grown:
            self._rows, self._offset = [], 0
        for file in found[-1:] if grown else found:
            self._read(file, self._offset if grown else 0)
        self._files, self._identity = found, state.st_ino if state is not None else 0

    def _read(self, file: Path, offset: int) -> None:
        for line, whole in lines(file, offset):
            if not whole:
                break
            try:
                entry, _ = entry_of(line)
            except LineError as error:
                raise BrokenLedgerError(file, 0, str(error), fix=_FIX) from error
            if entry["kind"] == "sent":
                self._rows.append(_row(entry, file, offset))
            offset += len(line) + 1
        self._offset = offset


def _row(entry: dict[str, Any], file: Path, offset: int) -> Row:
    clear = sum(one["clear_bytes"] for one in entry["clearances"] if one["entry"] >= 0)
    return Row(
        number=entry["number"],
        time=str(entry["time"]),
        session=str(entry["session"]),
        sink=str(entry["sink"]),
        peer=str(entry.get("peer", "")),
        size_bytes=entry["bytes"],
        sha256=entry["sha256"],
        clear_bytes=clear,
        file=file,
        offset=offset,
    )


def _named(entries: Iterable[Entry]) -> Named:
    tools, types = set(), set()
    for entry in entries:
        tools |= set(_tools(entry))
        types |= {part.type for part in text_of(entry) if isinstance(part, Handle)}
    return Named(frozenset(tools), frozenset(types))


def _tools(entry: Entry) -> Iterator[str]:
    match entry:
        case Plan(_, _, tool) | Call(tool, _) | Observation(tool, _, _):
            if tool:
                yield tool
