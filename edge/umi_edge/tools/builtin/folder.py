"""A folder of small files: read under limits, written one whole file at a time."""

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from umi_edge.tools.builtin.allowed_root import AllowedRoot
from umi_edge.tools.outcome import FailureKind, Lost, ToolFailure

_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
_SETTLED_SECONDS = 3
"""After which a file that is changed again has another time of change, on every file system."""
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file that should be read, or the reason why it, or what is below it, cannot be."""

    path: Path = field(repr=False)
    problem: str = field(default="", repr=False)
    """Value-free."""
    fix: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """One file: `name` is its path inside the folder, with slashes; no content when unreadable."""

    path: Path = field(repr=False)
    name: str = field(repr=False)
    content: bytes | None = field(repr=False)
    problem: str = field(default="", repr=False)
    """Why it is unreadable; value-free."""

    @property
    def lost(self) -> Lost:
        """What is told of a file that is unreadable."""
        return Lost(self.name if self.name != "." else self.path.name, self.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The files below `path` whose names end in `suffix`.

    Reading follows a link only to what is inside the folder too, opens no device and no pipe, and skips hidden
    files. A missing folder is an empty one, but for `gaps`. Writing makes the folder.
    """

    path: Path
    suffix: str = ""
    suffixes: tuple[str, ...] = ()
    """More of what a name may end in; new files end in `suffix`."""
    max_files: int = 10_000
    max_file_bytes: int = 1 << 20

    def documents(self) -> Iterator[Document]:
        """Every file, in the order of their names, up to `max_files`."""
        for entry in self.entries():
            name = entry.path.relative_to(self.path).as_posix()
            content, problem = self._content(entry)
            yield Document(entry.path, name, content, problem)

    def _content(self, entry: Entry) -> tuple[bytes | None, str]:
        """What is in a file, or why nothing is."""
        if entry.problem:
            return None, entry.problem
        try:
            with self.opened(entry) as file:
                content = file.read(self.max_file_bytes + 1)
        except ToolFailure as failure:
            return None, failure.detail
        except OSError as error:
            return None, f"cannot be read: {error.strerror or type(error).__name__}"
        return (content, "") if len(content) <= self.max_file_bytes else (None, "it grew while it was read")

    def entries(self) -> Iterator[Entry]:
        """Every file that should be read, in the order of their names; what keeps any from it is an entry, too."""
        for count, entry in enumerate(self._walked()):
            if count >= self.max_files:
                fix = "put several into one file, or move some away"
                yield Entry(path=self.path, problem=f"more than {self.max_files} files in it", fix=fix)
                return
            yield entry

    def _walked(self) -> Iterator[Entry]:
        unread: list[OSError] = []
        for parent, folders, names in os.walk(self.path, onerror=unread.append):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in folders:
                if Path(parent, name).is_symlink():
                    yield from self._linked(Path(parent, name))
            for name in sorted(names):
                path = Path(parent, name)
                if self._is_meant(name):
                    yield from self._linked(path) if path.is_symlink() else (Entry(path=path),)
        for error in unread:
            if not isinstance(error, FileNotFoundError):
                problem = f"cannot be read: {error.strerror or type(error).__name__}"
                yield Entry(path=Path(error.filename), problem=problem, fix="mend its permissions")

    def _is_meant(self, name: str) -> bool:
        return name.lower().endswith(self.suffixes or self.suffix) and not name.startswith(".")

    def _linked(self, path: Path) -> Iterator[Entry]:
        """What a link stands for: nothing where the walk comes by anyway, the file where it does not."""
        try:
            root, target = self.path.resolve(strict=True), path.resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            yield Entry(
                path=path, problem="is a link to nothing", fix="delete the link, or bring its file back"
            )
            return
        if not target.is_relative_to(root):
            fix = "put the file itself there, or name the folder that it is in"
            yield Entry(path=path, problem="is a link that leads out of the folder", fix=fix)
            return
        hidden = any(part.startswith(".") for part in target.relative_to(root).parts)
        if target.is_dir():
            if hidden:
                yield Entry(path=path, problem="is a link to a hidden folder", fix="rename that folder")
        elif hidden or not self._is_meant(target.name):
            yield Entry(path=path)

    def opened(self, entry: Entry) -> BinaryIO:
        """The file of an entry, open for reading. Raises `ToolFailure` with why not, value-free."""
        try:
            file = AllowedRoot(self.path).opened(entry.path.relative_to(self.path).parts)
        except ToolFailure as failure:
            cause = failure.__cause__
            if isinstance(cause, OSError) and cause.strerror:
                raise ToolFailure(failure.kind, f"cannot be read: {cause.strerror}") from cause
            raise
        if os.fstat(file.fileno()).st_size > self.max_file_bytes:
            file.close()
            raise ToolFailure(FailureKind.TOO_LARGE, f"more than {self.max_file_bytes} bytes in it")
        return file

    def gaps(self) -> Iterator[Lost]:
        """What makes the folder look emptier than it is: it is not there, or holds files of another kind only."""
        if not self.path.is_dir():
            what = "is no folder" if self.path.exists() else "is not there"
            yield Lost(
                str(self.path), f"the folder {what}", "make it, or correct its name in the configuration"
            )
            return
        names = [name for _, _, names in os.walk(self.path) for name in names if not name.startswith(".")]
        if names and not any(map(self._is_meant, names)):
            kinds = " or ".join(self.suffixes or (self.suffix,))
            yield Lost(str(self.path), f"it has files, but none that ends in {kinds}", "put the files there")

    def add(self, stem: str, content: bytes) -> str:
        """Write a new file named after `stem`, never over another; its name is returned."""
        with plain_disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            for number in range(1, self.max_files):
                name = f"{stem}{'' if number == 1 else f'-{number}'}{self.suffix}"
                with contextlib.suppress(FileExistsError):
                    _write_new(self.path / name, content)
                    return name
        raise ToolFailure(FailureKind.ERROR, f"{self.path} has too many files named {stem}")

    def replace(self, path: Path, content: bytes) -> None:
        """Write `path` anew: it holds the old content or the new, never a part of it."""
        with plain_disk_errors(self.path):
            temporary = _temporary(path, content)
            try:
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise


Signature = tuple[int, int, int, int]
"""What tells that a file is the one that was read before."""


def signature_of(status: os.stat_result) -> Signature:
    """The signature of a file by what the system says of it."""
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def is_settled(status: os.stat_result) -> bool:
    """Whether a file that is changed from now on gets another signature."""
    return max(status.st_mtime, status.st_ctime) < time.time() - _SETTLED_SECONDS


def opened_regular(path: Path) -> BinaryIO | None:
    """A regular file, open for reading, or None: a link, a device, a pipe, or not readable."""
    try:
        # The check comes before the open for the sake of Windows, and after it for the sake of races.
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(path, os.O_RDONLY | flags), "rb")
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        return None
    return file


@contextlib.contextmanager
def plain_disk_errors(folder: Path) -> Iterator[None]:
    """Turn an `OSError` of a write into a failure that says what is wrong with the disk."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            reason = f"the disk that holds {folder} is full; nothing was written"
        else:
            reason = f"cannot write to {folder}: {error.strerror or type(error).__name__}"
        raise ToolFailure(FailureKind.ERROR, reason) from error


def _temporary(path: Path, content: bytes) -> Path:
    """A hidden neighbour of `path` that holds `content`, on the disk for good."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _write_new(path: Path, content: bytes) -> None:
    temporary = _temporary(path, content)
    try:
        if os.name == "nt":
            temporary.rename(path)  # Windows refuses to rename over a file, which is what is wanted
            return
        try:
            path.hardlink_to(temporary)  # POSIX would replace silently: a link does not
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # No hard links here (FAT, some network disks): reserve the name, then put the file on it.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
