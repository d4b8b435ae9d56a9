"""An allowed root: a folder whose files may be read, and nothing outside it."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from umi_edge.tools.outcome import FailureKind, Lost, ToolFailure

_MAX_PATH = 1000
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])( *\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')

# Opened step by step from the root's own descriptor, a path cannot change under us.
_CAN_WALK = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")


def parts_of(path: str) -> tuple[str, ...]:
    """The parts of a relative path that means the same file on every system.

    Covered: absolute paths, `..`, drives, UNC and device paths, alternate data streams, the names
    that Windows keeps for devices, names that end in a dot or a space, control characters. Hidden
    names are refused too: an allowed home folder must not open `.ssh` along with it.

    >>> parts_of("letters/2026/landlord.txt")
    ('letters', '2026', 'landlord.txt')
    """
    parts = tuple(path.replace("\\", "/").split("/"))
    if len(path) > _MAX_PATH or not all(_is_plain(part) for part in parts):
        raise ToolFailure(FailureKind.NOT_FOUND, "the path is not a plain relative one")
    return parts


def _is_plain(part: str) -> bool:
    if not part or part[-1] in ". " or part[0] in ". ":
        return False
    return not (_FORBIDDEN.search(part) or _DEVICES.fullmatch(part))


@dataclass(frozen=True, slots=True)
class AllowedRoot:
    """One folder that may be read.

    Covered: a link that leads out of it, one that is put there between the check and the opening,
    devices and pipes.
    Not covered: a hard link inside the folder to a file elsewhere; whoever can make one can read it.
    """

    path: Path

    def read(self, parts: tuple[str, ...], limit: int) -> bytes:
        """The bytes of one file inside. Raises `ToolFailure`: NOT_FOUND or TOO_LARGE."""
        with self.opened(parts) as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise ToolFailure(FailureKind.TOO_LARGE, f"the file has more than {limit} bytes")
        return content

    def opened(self, parts: tuple[str, ...]) -> BinaryIO:
        """One file inside, open for reading. Raises `ToolFailure` NOT_FOUND, caused by what the system said."""
        try:
            root = self.path.resolve(strict=True)
            target = root.joinpath(*parts).resolve(strict=True)
            if target == root or not target.is_relative_to(root):
                raise ToolFailure(FailureKind.NOT_FOUND, "the path leads out of the allowed folders")
            inside = target.relative_to(root).parts
            descriptor = _walk(root, inside) if _CAN_WALK else _open_checked(root, target)
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle
            raise ToolFailure(FailureKind.NOT_FOUND, "there is no such file") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ToolFailure(FailureKind.NOT_FOUND, "the path is not a file")
        return os.fdopen(descriptor, "rb")

    def names(self, lost: list[Lost]) -> Iterator[tuple[str, ...]]:
        """The parts of every file inside that `read` would take; links are not followed.

        Folders that cannot be read are added to `lost`; a root that is not there is empty.
        """

        def tell(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                where = Path(error.filename or self.path).name
                lost.append(Lost(where, f"cannot be read: {error.strerror or type(error).__name__}"))

        for parent, folders, names in os.walk(self.path, onerror=tell):
            folders[:] = sorted(name for name in folders if _is_plain(name))
            inside = Path(parent).relative_to(self.path).parts
            for name in sorted(names):
                if _is_plain(name) and "\\" not in name:
                    yield (*inside, name)


def _walk(root: Path, parts: tuple[str, ...]) -> int:
    """Open a resolved path from the root down, so that a link put there meanwhile is an error."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def _open_checked(root: Path, target: Path) -> int:
    """Open a resolved path where the system cannot walk (Windows), and check what was opened."""
    descriptor = os.open(target, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        now = target.resolve(strict=True)
        same = os.path.samestat(os.fstat(descriptor), now.stat())
        if now != target or not now.is_relative_to(root) or not same:
            raise OSError("the file changed while it was opened")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
