"""What bars the words of a program: all that it was ever told in clear, in whatever session.

A program's model may carry words from one session into another, and may be started again with what it has read. So what
bars them is kept in a file, for as long as such words may be about and the policy bars them still.

I2: docs/design.md#i2-fail-closed
I5: docs/design.md#i5-third-party-tools-are-sinks
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout

from umi_shared.bars import NO_BARS, Bar
from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.errors import ConfigError, PrivacyError

__all__ = ["ToldBars", "told_bars"]

_LASTS_SECONDS = 30 * 24 * 3600
_LOCK_SECONDS = 5


@dataclass(slots=True)
class ToldBars:
    """The bars of what one program was told; without a file, in this process."""

    file: Path | None = None
    now: Callable[[], float] = time.time
    _told: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """When something that each bars was told last; a bar as the policy says it, without its line, which may move."""

    def of(self, policy: frozenset[Bar]) -> frozenset[Bar]:
        """Those of a policy's bars that hold for what the program writes. Raises `PrivacyError`."""
        if not policy:
            return NO_BARS
        told = self._read()
        return frozenset(bar for bar in policy if str(bar) in told)

    def add(self, bars: frozenset[Bar]) -> None:
        """Note what bars something, before the program is told it. Raises `PrivacyError`: then it may not be told."""
        if not bars:
            return
        if self.file is None:
            self._told |= dict.fromkeys(map(str, bars), self.now())
            return
        try:
            make_private_directory(self.file.parent)
            with FileLock(f"{self.file}.lock", timeout=_LOCK_SECONDS, mode=0o600):
                told = self._read() | dict.fromkeys(map(str, bars), self.now())
                write_durably(self.file, json.dumps(told).encode())
        except (OSError, Timeout, ConfigError) as error:
            raise self._unknown(type(error).__name__) from None

    def _read(self) -> dict[str, float]:
        if self.file is not None:
            try:
                self._told = _times(self.file)
            except (OSError, ValueError) as error:
                raise self._unknown(type(error).__name__) from None
        return {bar: at for bar, at in self._told.items() if self.now() - at < _LASTS_SECONDS}

    def _unknown(self, fault: str) -> PrivacyError:
        return PrivacyError(
            f"{self.file}, which has what bars the words of this program, can't be read or written ({fault}); nothing "
            "was told",
            fix="mend it; once you remove it, what the program was told before is barred no longer",
        )


def told_bars(state: Path, client: str) -> ToldBars:
    """Those of one client, in the folder of the ledger."""
    return ToldBars(state / "mcp" / "bars" / f"{quote(client, safe='')}.json")


def _times(file: Path) -> dict[str, float]:
    if not file.exists():
        return {}
    written = json.loads(file.read_bytes())
    if not isinstance(written, dict) or not all(isinstance(at, int | float) for at in written.values()):
        raise ValueError("no times by bar")
    return written
