"""What a move has left: a renewal that it got at the new address, and that nobody has put into use.

Once a planner has seen the next certificate in use, it renews the one before it no more. A move shows the next one
before it commits; where it fails then, or is killed, that one is all that this laptop has left. So it stays, until this
laptop's own is good.
"""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock, Timeout

from umi_edge.connection.connection import Connection, device_private_key, drafted, is_enrolled
from umi_shared.errors import ConfigError

__all__ = ["clear", "kept_renewal", "move_folder", "taken_up"]

_PREFIX = ".move-"
_LOCK = "move.lock"
"""Held by the move whose folder it is in, for as long as that runs: no clock says whether it does."""


@contextlib.contextmanager
def move_folder(directory: Path) -> Iterator[Path]:
    """A folder for what a move gets; it goes with the move, unless that fails and has a renewal in it."""
    folder = Path(mkdtemp(prefix=_PREFIX, dir=directory))
    try:
        with FileLock(folder / _LOCK, mode=0o600):
            yield folder
    except BaseException:
        if not is_enrolled(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def kept_renewal(connection: Connection, directory: Path) -> Connection | None:
    """The latest renewal of this connection's device that a move has left in a directory; None without."""
    left = [_left_in(folder) for folder in directory.glob(f"{_PREFIX}*")]
    found = [one for one in left if one is not None and _follows(one, connection)]
    return max(found, key=lambda one: one.starts, default=None)


def _left_in(folder: Path) -> Connection | None:
    with contextlib.suppress(ConfigError):  # of one that was killed before it had all of it
        left = Connection.load(folder)
        device_private_key(left)
        return left
    return None


def _follows(left: Connection, connection: Connection) -> bool:
    """Whether it is the same device's, and later: then it may be all that the laptop has."""
    return left.device == connection.device and left.starts > connection.starts


async def taken_up(connection: Connection, renewal: Connection) -> Connection:
    """The connection with the key and the certificate of a renewal; or what another program has got meanwhile."""
    async with drafted(connection.directory) as draft:
        if is_enrolled(connection.directory):
            latest = Connection.load(connection.directory)
            if latest.certificate != connection.certificate:
                return latest
        return draft.commit_copy(replace(connection, key=renewal.key, certificate=renewal.certificate))


def clear(connection: Connection) -> None:
    """Remove what moves have left beside a connection that is good, and what it can never need.

    A later certificate stays, whatever this laptop's clock says: one that is set far back takes a certificate that has
    ended to be good.
    """
    for folder in connection.directory.glob(f"{_PREFIX}*"):
        left = _left_in(folder)
        needed = left is not None and _follows(left, connection)
        if not needed and not _runs(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(folder: Path) -> bool:
    """Whether a move has this folder; one that is empty is just begun."""
    try:
        if not any(folder.iterdir()):
            return True
        with FileLock(folder / _LOCK, blocking=False):
            return False
    except (Timeout, OSError):
        return True
