"""What a move has left: a renewal that it got at the new address, and that nobody has put into use.

Once a planner has seen the next certificate in use, it renews the one before it no more. A move shows the next one
before it commits; where it fails then, or is killed, that one is all that this laptop has left. So it stays, until this
laptop's own is good.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

from umi_edge.connection.connection import Connection, device_private_key, drafted, is_enrolled
from umi_shared.errors import ConfigError

__all__ = ["clear", "kept_renewal", "move_folder", "taken_up"]

_PREFIX = ".move-"
_MOVE_SECONDS = 600.0
"""Longer than a move takes: what is younger may be one that runs."""


@contextlib.contextmanager
def move_folder(directory: Path) -> Iterator[Path]:
    """A folder for what a move gets; it goes with the move, unless that fails and has a renewal in it."""
    folder = Path(mkdtemp(prefix=_PREFIX, dir=directory))
    try:
        yield folder
    except BaseException:
        if not is_enrolled(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def kept_renewal(connection: Connection, directory: Path) -> Connection | None:
    """The latest renewal of this connection's device that a move has left in a directory; None without."""
    found = []
    for folder in directory.glob(f"{_PREFIX}*"):
        with contextlib.suppress(ConfigError):  # one that was killed before it had all of it
            left = Connection.load(folder)
            device_private_key(left)
            if left.device == connection.device and left.starts > connection.starts:
                found.append(left)
    return max(found, key=lambda one: one.starts, default=None)


async def taken_up(connection: Connection, renewal: Connection) -> Connection:
    """The connection with the key and the certificate of a renewal; or what another program has got meanwhile."""
    async with drafted(connection.directory) as draft:
        if is_enrolled(connection.directory):
            latest = Connection.load(connection.directory)
            if latest.certificate != connection.certificate:
                return latest
        draft.write_key(renewal.key.read_bytes())
        return draft.commit(
            renewal.certificate.read_bytes(),
            connection.ca.read_bytes(),
            device=connection.device,
            service_address=connection.service_address,
            enrolment_address=connection.enrolment_address,
            server_name=connection.server_name,
        )


def clear(directory: Path) -> None:
    """Remove what moves have left, where this laptop's own certificate is good."""
    for folder in directory.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if abs(time.time() - folder.stat().st_mtime) > _MOVE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
