"""How many threads a decode should have while other programs are busy, too.

The threads of a decode wait for each other at each of its some 900 steps. One whose core another program uses keeps all
of them waiting: measured on two cores, a call took 0.5 s alone, and beside one busy program 1.7 s with two threads and
1.0 s with one. So a decode takes as many threads as there are cores that nobody else uses.

Only Linux is asked. Elsewhere, and where it does not say, all threads are used.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CpuTimes", "SpareCores", "cpu_times"]

_SECONDS = 0.1
"""How long to look before deciding anew: the system counts in hundredths of a second."""
_TOLERANCE = 0.35
"""Of a core: what a system does by the way is no rival."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Seconds since some time in the past."""

    clock: float
    idle: float
    """In which the cores that this process may use did nothing, all of them together."""
    own: float
    """In which they worked for this process."""

    def free_since(self, before: "CpuTimes") -> float:
        """How many cores nobody else used between two times.

        >>> CpuTimes(2, 3.0, 1.5).free_since(CpuTimes(1, 2.5, 1.0))
        1.0
        """
        return (self.idle - before.idle + self.own - before.own) / (self.clock - before.clock)


def cpu_times(stat: Path = Path("/proc/stat")) -> CpuTimes | None:
    """The times now; None where the system does not say."""
    try:
        mine = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        rows = [line.split() for line in stat.read_text().splitlines() if line.startswith("cpu")]
        ticks = [int(row[4]) for row in rows if row[0] in mine]
        per_second = os.sysconf("SC_CLK_TCK")
    except (AttributeError, OSError, ValueError, IndexError):
        return None
    return CpuTimes(time.monotonic(), sum(ticks) / per_second, time.process_time()) if ticks else None


class SpareCores:
    """Says before each decode how many threads it should have, from one up to a number."""

    def __init__(self, most: int, times: Callable[[], CpuTimes | None] = cpu_times) -> None:
        self._most = self._threads = most
        self._times = times
        self._seen = times() if most > 1 else None
        """None where nothing can be seen, or nothing chosen."""

    def threads(self) -> int:
        """The number for the next decode."""
        seen = self._seen
        if seen is None or time.monotonic() - seen.clock < _SECONDS:
            return self._threads
        now = self._times()
        if now is not None and now.clock > seen.clock:
            self._threads = max(1, min(self._most, int(now.free_since(seen) + _TOLERANCE)))
            self._seen = now
        return self._threads
