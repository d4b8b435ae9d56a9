"""A folder of small files: read under limits, written one whole file at a time."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from umi_edge.tools.outcome import FailureKind, ToolFailure

_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True, slots=True)
class Document:
    """One file: `name` is its path inside the folder, with slashes; no content when unreadable."""

    path: Path = field(repr=False)
    name: str = field(repr=False)
    content: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The files below `path` whose names end in `suffix`.

    Reading follows no link, opens no device and no pipe, and skips hidden files. A missing folder is
    an empty one. Writing makes the folder.
    """

    path: Path
    suffix: str = ""
    max_files: int = 10_000
    max_file_bytes: int = 1 << 20

    def documents(self) -> Iterator[Document]:
        """Every file, in the order of their names, up to `max_files`."""
        for count, path in enumerate(self._paths()):
            if count >= self.max_files:
                return
            yield Document(
                path, path.relative_to(self.path).as_posix(), read_regular(path, self.max_file_bytes)
            )

    def _paths(self) -> Iterator[Path]:
        for parent, folders, names in os.walk(self.path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if name.lower().endswith(self.suffix) and not name.startswith("."):
                    yield Path(parent, name)

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


def read_regular(path: Path, limit: int) -> bytes | None:
    """The bytes of a regular file, or None: a link, a device, a pipe, too large, or not readable."""
    try:
        # The check comes before the open for the sake of Windows, and after it for the sake of races.
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, os.O_RDONLY | flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            content = file.read(limit + 1)
    except (OSError, ValueError):
        return None
    return content if len(content) <= limit else None


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
