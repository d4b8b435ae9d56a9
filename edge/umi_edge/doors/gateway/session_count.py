"""How many sessions a client has opened, in the last day and ever, also before umi was started again.

A program that starts umi itself could start it anew as often as it likes, so the count is kept in a file. Each session
is told how many came before it: the numbers of its handles follow from that, and from nothing that it holds.

I3: docs/design.md#i3-noninterference
I4: docs/design.md#i4-handles-resolve-in-one-place
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from filelock import FileLock

from umi_shared.durable_file import make_private_directory, write_durably

__all__ = ["SessionCount", "session_count"]

_DAY_SECONDS = 24 * 3600
_LOCK_SECONDS = 5


@dataclass(slots=True)
class SessionCount:
    """The sessions that were opened; without a file, those of this process."""

    file: Path | None = None
    now: Callable[[], float] = time.time
    _lately: list[float] = field(default_factory=list, init=False, repr=False)
    """When those of the last day were."""
    _ever: int = field(default=0, init=False)

    def take(self, most: int) -> int | None:
        """Count one more, where that makes no more than `most` in a day: how many there were before, else None.

        Raises `OSError`, `ValueError` or `ConfigError` where the file cannot be read or written: then it is not known.
        """
        if self.file is None:
            return self._take(most)
        make_private_directory(self.file.parent)
        with FileLock(f"{self.file}.lock", timeout=_LOCK_SECONDS, mode=0o600):
            self._lately, self._ever = _read(self.file)
            before = self._take(most)
            if before is not None:
                write_durably(self.file, json.dumps({"lately": self._lately, "ever": self._ever}).encode())
            return before

    def _take(self, most: int) -> int | None:
        now = self.now()
        self._lately = [at for at in self._lately if now - at < _DAY_SECONDS]
        if len(self._lately) >= most:
            return None
        self._lately.append(now)
        self._ever += 1
        return self._ever - 1


def session_count(state: Path, client: str) -> SessionCount:
    """The count of one client, in the folder of the ledger."""
    return SessionCount(state / "mcp" / "sessions" / f"{quote(client, safe='')}.json")


def _read(file: Path) -> tuple[list[float], int]:
    if not file.exists():
        return [], 0
    written: Any = json.loads(file.read_bytes())
    if isinstance(written, list):  # as before sessions had numbers of their own: all began with the first
        written = {"lately": written, "ever": max(1, len(written))}
    match written:
        case {"lately": [*times], "ever": int(ever)} if ever >= 0 and all(
            isinstance(at, int | float) for at in times
        ):
            return times, ever
    raise ValueError("no count of sessions")
