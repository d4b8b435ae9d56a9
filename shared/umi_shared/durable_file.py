"""A file that is there whole, or not at all, and that only its owner reads."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from umi_shared.errors import ConfigError

__all__ = ["make_private_directory", "write_durably"]


def write_durably(path: Path, content: bytes, *, private: bool = True, like_before: bool = False) -> None:
    """Write `content` to `path` so that a crash or a full disk leaves the old file, or the new one.

    `private` gives mode 0600 (Windows: the directory's own access list counts). With `like_before` a file that is there
    keeps its mode, and a link keeps leading to it. Raises ConfigError, which names the file.
    """
    mode = 0o600 if private else 0o644
    if like_before:
        path = path.resolve()
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        # The mode is given at creation: there is no moment at which others could open the file.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot_write(path, error) from error
    _sync_directory(path.parent)


def make_private_directory(path: Path) -> None:
    """Make `path` and its parents; a directory made here is its owner's alone. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot write {path}: {error.strerror or error}",
        fix=f"make room in {path.parent}, or make it a directory that you may write to",
    )


def _sync_directory(path: Path) -> None:
    """Make the rename itself last; Windows has no such call, and needs none."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):  # some network file systems cannot; the rename was still atomic
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
