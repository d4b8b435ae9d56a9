"""Where letters lie: Maildirs at any depth, mbox files, and letters in files of their own."""

import hashlib
import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from umi_edge.tools.builtin.folder import opened_regular

__all__ = ["StoredLetter", "letters_in", "natural"]

# A colon cannot be in a Windows file name: mail programs there write another character.
_FLAGS = ":" if os.name != "nt" else "!"
_MAX_DEPTH = 12
_MAX_MBOX_BYTES = 2 << 30
"""Of a larger mbox file its end is read, where the newest letters are."""
_BEGINNING = re.compile(
    rb"(?:\A|\r?\n\r?\n)(?=From [^\r\n]{0,300}\d\d:\d\d[^\r\n]{0,60}\d{4}[^\r\n]{0,60}\r?\n)"
)
_FIRST_LINE = b"From "


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLetter:
    """The bytes of one letter: a whole file, or a part of an mbox file."""

    id: str = field(repr=False)
    """The folder's name and the letter's in it: what identifies the letter for as long as it stays there."""
    path: Path = field(repr=False)
    start: int = 0
    end: int | None = None
    """None: to the end of the file."""
    arrival: float
    """When it came, in seconds since 1970, as near as the file tells."""
    flags: frozenset[str] | None = field(default=None, repr=False)
    """Maildir's letters (S seen, R replied, F flagged, D draft, T trashed); None where the file has none."""

    def head(self, limit: int) -> tuple[bytes, bool]:
        """At most `limit` bytes of it, and whether there are more; nothing where it can't be read."""
        file = opened_regular(self.path)
        if file is None:
            return b"", False
        with file:
            file.seek(self.start)
            wanted = limit + 1 if self.end is None else min(limit + 1, self.end - self.start)
            content = file.read(wanted)
        return content[:limit], len(content) > limit


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts the numbers in a name as numbers.

    >>> sorted(["1.4_10.x", "1.4_9.x"], key=natural)
    ['1.4_9.x', '1.4_10.x']
    """
    pieces = re.findall(r"[0-9]{1,40}|[^0-9]+", name)
    return [
        (0, int(piece), "") if piece[0].isascii() and piece.isdigit() else (1, 0, piece) for piece in pieces
    ]


def letters_in(folder: Path) -> Iterator[StoredLetter]:
    """Every letter below `folder`, however its mail program lays it out.

    A folder with `cur` or `new` in it is a Maildir; what is hidden is left alone unless it is one (Maildir++).
    Links are not followed.
    """
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        parts = here.relative_to(folder).parts
        is_maildir = "cur" in folders or "new" in folders
        name = "/".join(part.lstrip(".") for part in parts)
        if is_maildir:
            for kind in ("cur", "new"):
                if kind in folders and not (here / kind).is_symlink():
                    yield from _maildir(here / kind, name)
        folders[:] = [
            child
            for child in sorted(folders)
            if not (is_maildir and child in ("cur", "new", "tmp"))
            and len(parts) < _MAX_DEPTH
            and (
                not child.startswith(".")
                or (here / child / "cur").is_dir()
                or (here / child / "new").is_dir()
            )
        ]
        for file in sorted(names):
            if not file.startswith(".") and not (here / file).is_symlink():
                yield from _file(here / file, f"{name}/{file}".lstrip("/"))


def _maildir(folder: Path, name: str) -> Iterator[StoredLetter]:
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        base, _, info = entry.name.partition(_FLAGS)
        flags = frozenset(info.removeprefix("2,")) if info.startswith("2,") else frozenset[str]()
        if "T" in flags:
            continue
        came = re.match(r"[0-9]{6,12}(?=[._])", base)
        yield StoredLetter(
            id=f"{name}/{base}" if name else base,
            path=Path(entry.path),
            arrival=float(came[0]) if came else _changed(Path(entry.path)),
            flags=flags,
        )


def _file(path: Path, name: str) -> Iterator[StoredLetter]:
    """The letters of a file: one (.eml), or those of an mbox file, which no ending tells."""
    if path.suffix.lower() == ".eml":
        yield StoredLetter(id=name, path=path, arrival=_changed(path))
        return
    file = opened_regular(path)
    if file is None:
        return
    with file:
        if file.read(len(_FIRST_LINE)) != _FIRST_LINE:
            return
        size = os.fstat(file.fileno()).st_size
        arrival = _changed(path)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            earliest = max(0, size - _MAX_MBOX_BYTES)
            starts = [found.end() for found in _BEGINNING.finditer(content, earliest)]
            for start, end in zip(starts, [*starts[1:], size], strict=True):
                head = content[start : min(end, start + 4096)]
                flags = _status(head)
                if "T" not in flags:
                    # A place in the file moves when the mail program tidies it up: the letter's own head does not.
                    yield StoredLetter(
                        id=f"{name}/{_mark(head)}",
                        path=path,
                        start=start,
                        end=end,
                        arrival=arrival - 1 + start / size,
                        flags=flags,
                    )


def _status(head: bytes) -> frozenset[str]:
    """The flags that mail programs write into the letters of an mbox file, as Maildir's letters."""
    mozilla = re.search(rb"^x-mozilla-status:\s*([0-9a-f]{4})", head, re.IGNORECASE | re.MULTILINE)
    if mozilla:
        bits = int(mozilla[1], 16)
        return frozenset(flag for flag, bit in (("S", 1), ("R", 2), ("F", 4), ("T", 8)) if bits & bit)
    status = re.search(rb"^status:\s*([A-Z]{1,4})", head, re.MULTILINE | re.IGNORECASE)
    return frozenset("S") if status and b"R" in status[1] else frozenset()


def _mark(head: bytes) -> str:
    """What tells a letter of an mbox file from its neighbours: its Message-ID, or else its beginning, as a hash."""
    named = re.search(rb"^message-id:\s*(\S[^\r\n]*)", head, re.IGNORECASE | re.MULTILINE)
    return hashlib.sha256(named[1] if named else head).hexdigest()[:16]


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0
