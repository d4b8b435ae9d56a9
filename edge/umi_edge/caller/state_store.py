"""KV states on disk: a folder of checked files, bounded in size; what was used longest ago goes first."""

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.errors import ConfigError

__all__ = ["StateStore"]

_MAGIC = b"umi-kv1\n"
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class StateStore:
    """States by key. A cache: what cannot be read or written costs time and nothing else.

    Covered: a file that is torn, of another key or altered by accident is not given out; files are their owner's
    alone. Not covered: somebody who may write this user's files; they could alter the model as well.
    """

    folder: Path
    limit_bytes: int

    def get(self, key: str) -> bytes | None:
        """The state kept under a key, whole, or None; it counts as used now."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                head, state = file.read(_HEAD), file.read()
            if head != _head(key, state):
                path.unlink(missing_ok=True)
                return None
            os.utime(path)
        except OSError:
            return None
        return state

    def put(self, key: str, state: bytes) -> bool:
        """Keep a state; False where it is larger than all that may be kept, or the disk will not have it."""
        if _HEAD + len(state) > self.limit_bytes:
            return False
        try:
            make_private_directory(self.folder)
            write_durably(self._path(key), _head(key, state) + state)
        except ConfigError:
            return False
        self._evict()
        return True

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.kv"

    def _evict(self) -> None:
        """Remove the files used longest ago; what a crash left half-written is among them sooner or later."""
        with contextlib.suppress(OSError):
            files = [(path, path.stat()) for path in self.folder.iterdir()]
            total = sum(stat.st_size for _, stat in files)
            for path, stat in sorted(files, key=lambda file: file[1].st_mtime_ns):
                if total <= self.limit_bytes:
                    return
                path.unlink(missing_ok=True)
                total -= stat.st_size


def _head(key: str, state: bytes) -> bytes:
    digest = hashlib.sha256(key.encode())
    digest.update(state)
    return _MAGIC + digest.digest()
