"""How many sessions a client has opened in the last day, also before umi was started again.

A program that starts umi itself could start it anew as often as it likes, so the count is kept in a file.

I3: docs/design.md#i3-noninterference
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock

from umi_shared.durable_file import make_private_directory, write_durably

__all__ = ["DayCount", "day_count"]

_DAY_SECONDS = 24 * 3600
_LOCK_SECONDS = 5


@dataclass(slots=True)
class DayCount:
    """The times at which sessions were opened; without a file, those of this process."""

    file: Path | None = None
    now: Callable[[], float] = time.time
    _opened: list[float] = field(default_factory=list, init=False, repr=False)

    def take(self, most: int) -> bool:
        """Count one more, where that makes no more than `most` in a day; whether it does.

        Raises `OSError`, `ValueError` or `ConfigError` where the file cannot be read or written: then it is not known.
        """
        if self.file is None:
            return self._take(most)
        make_private_directory(self.file.parent)
        with FileLock(f"{self.file}.lock", timeout=_LOCK_SECONDS, mode=0o600):
            self._opened = _times(self.file)
            taken = self._take(most)
            if taken:
                write_durably(self.file, json.dumps(self._opened).encode())
            return taken

    def _take(self, most: int) -> bool:
        now = self.now()
        self._opened = [at for at in self._opened if now - at < _DAY_SECONDS]
        if len(self._opened) >= most:
            return False
        self._opened.append(now)
        return True


def day_count(state: Path, client: str) -> DayCount:
    """The count of one client, in the folder of the ledger."""
    return DayCount(state / "mcp" / "sessions" / f"{quote(client, safe='')}.json")


def _times(file: Path) -> list[float]:
    if not file.exists():
        return []
    written = json.loads(file.read_bytes())
    if not isinstance(written, list) or not all(isinstance(at, int | float) for at in written):
        raise ValueError("no list of times")
    return written
