"""Where letters lie: Maildirs at any depth, mbox files, and letters in files of their own."""

import contextlib
import hashlib
import mmap
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from umi_edge.tools.builtin.folder import Signature, is_settled, opened_regular, signature_of
from umi_edge.tools.outcome import Lost

__all__ = ["FLAGS", "MailFolders", "StoredLetter", "natural"]

# A colon cannot be in a Windows file name: mail programs there write another character.
FLAGS = ":" if os.name != "nt" else "!"
_MAX_DEPTH = 12
_MAX_MBOX_BYTES = 2 << 30
"""Of a larger mbox file its end is read, where the newest letters are."""
_BEGINNING = re.compile(
    rb"(?:\A|\r?\n\r?\n)(?=From [^\r\n]{0,300}\d\d:\d\d[^\r\n]{0,60}\d{4}[^\r\n]{0,60}\r?\n)"
)
_FIRST_LINE = b"From "


_Known = dict[Path, tuple[Signature, tuple["StoredLetter", ...]]]
"""The letters of mbox files that were looked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLetter:
    """The bytes of one letter: a whole file, or a part of an mbox file."""

    source: str = field(default="", repr=False)
    """Where it is from, where there is more than one such place."""
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
    signature: Signature | None = field(default=None, repr=False)
    """What tells that the file has not changed since; None where the file is too young for that."""

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


class MailFolders:
    """The letters below one folder, however its mail program lays them out.

    A folder with `cur` or `new` in it is a Maildir; what is hidden is left alone unless it is one (Maildir++).
    Links are not followed. An mbox file is looked through again only when it has changed.
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self._folder = folder
        self._root = root or folder
        """From where names and ids count."""
        self._known: _Known = {}

    def letters(self) -> tuple[list[StoredLetter], tuple[Lost, ...]]:
        """Every letter, and what could not be read; a folder that is not there is an empty one."""
        lost: list[Lost] = []
        known: _Known = {}
        found = list(self._walked(lost, known))
        self._known = known
        return found, tuple(lost)

    def name_of(self, path: Path) -> str:
        """A file's name from the folder on, with slashes."""
        return path.relative_to(self._root).as_posix()

    def _walked(self, lost: list[Lost], known: _Known) -> Iterator[StoredLetter]:
        unread: list[OSError] = []
        for parent, folders, names in os.walk(self._folder, onerror=unread.append):
            here = Path(parent)
            parts = here.relative_to(self._folder).parts
            is_maildir = "cur" in folders or "new" in folders
            name = "/".join(part.lstrip(".") for part in here.relative_to(self._root).parts)
            if is_maildir:
                for kind in ("cur", "new"):
                    if kind in folders and not (here / kind).is_symlink():
                        try:
                            yield from _maildir(here / kind, name)
                        except OSError as error:
                            unread.append(error)
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
                    yield from self._file(here / file, f"{name}/{file}".lstrip("/"), lost, known)
        for problem in unread:
            if not isinstance(problem, FileNotFoundError):
                where = Path(problem.filename).name if problem.filename else self._folder.name
                lost.append(Lost(where, f"cannot be read: {problem.strerror or type(problem).__name__}"))

    def _file(self, path: Path, name: str, lost: list[Lost], known: _Known) -> Iterator[StoredLetter]:
        """The letters of a file: one (.eml), or those of an mbox file, which no ending tells."""
        if path.suffix.lower() == ".eml":
            with contextlib.suppress(OSError):  # gone meanwhile
                status = path.lstat()
                signature = _settled_signature(status)
                yield StoredLetter(id=name, path=path, arrival=status.st_mtime, signature=signature)
            return
        file = opened_regular(path)
        if file is None:
            if _is_regular(path):
                lost.append(Lost(name, "cannot be read"))
            return
        with file:
            if file.read(len(_FIRST_LINE)) != _FIRST_LINE:
                return
            status = os.fstat(file.fileno())
            if status.st_size > _MAX_MBOX_BYTES:
                lost.append(Lost(name, f"only the newest {_MAX_MBOX_BYTES >> 30} GiB of it are read"))
            before = self._known.get(path)
            if before is not None and before[0] == signature_of(status):
                letters = before[1]
            else:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    letters = tuple(_mbox(content, path, name, status))
        if is_settled(status):
            known[path] = signature_of(status), letters
        yield from letters


def _maildir(folder: Path, name: str) -> Iterator[StoredLetter]:
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        base, _, info = entry.name.partition(FLAGS)
        flags = frozenset(info.removeprefix("2,")) if info.startswith("2,") else frozenset[str]()
        if "T" in flags:
            continue
        came = re.match(r"[0-9]{6,12}(?=[._])", base)
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:  # moved by a mail program meanwhile
            continue
        yield StoredLetter(
            id=f"{name}/{base}" if name else base,
            path=Path(entry.path),
            arrival=float(came[0]) if came else status.st_mtime,
            flags=flags,
            signature=_settled_signature(status),
        )


def _mbox(content: mmap.mmap, path: Path, name: str, status: os.stat_result) -> Iterator[StoredLetter]:
    size = len(content)
    starts = [found.end() for found in _BEGINNING.finditer(content, max(0, size - _MAX_MBOX_BYTES))]
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
                arrival=status.st_mtime - 1 + start / size,
                flags=flags,
                signature=_settled_signature(status),
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


def _settled_signature(status: os.stat_result) -> Signature | None:
    return signature_of(status) if is_settled(status) else None


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
