"""What else was running: without that, no timing means anything."""

import os
import time
from dataclasses import asdict, dataclass
from typing import Any

import psutil

__all__ = ["Surroundings", "Watch"]

_BUSY_SHARE = 0.05
"""From which share of one core on a process counts as busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The machine while something was measured."""

    seconds: float
    load_before: float
    """Processes that ran or wanted to, over the last minute; 0 where the system does not say."""
    load_after: float
    busy_others: int
    """How many processes of others took more than a twentieth of a core."""
    cores_of_others: float
    """How many cores they took, on average."""

    @property
    def quiet(self) -> bool:
        """Whether others took so little that the figures can be believed."""
        return self.cores_of_others < 0.1

    def as_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return {**asdict(self), "quiet": self.quiet}


class Watch:
    """Looks at all processes when it is made and when it is asked; this one and its children do not count."""

    def __init__(self) -> None:
        self._load = _load()
        self._began = time.monotonic()
        self._before = _seconds_of_others()

    def look(self) -> Surroundings:
        """What has run since; a process that ended in between is not seen."""
        seconds = max(time.monotonic() - self._began, 1e-3)
        taken = [now - self._before.get(key, 0.0) for key, now in _seconds_of_others().items()]
        busy = [spent / seconds for spent in taken if spent / seconds > _BUSY_SHARE]
        return Surroundings(
            seconds=seconds,
            load_before=self._load,
            load_after=_load(),
            busy_others=len(busy),
            cores_of_others=sum(busy),
        )


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def _seconds_of_others() -> dict[tuple[int, float], float]:
    """Processor seconds by process; the time that it started tells a process from another of its number."""
    own = psutil.Process()
    ours = {own.pid, *(child.pid for child in own.children(recursive=True))}
    found = {}
    for process in psutil.process_iter(["cpu_times", "create_time"]):
        times = process.info["cpu_times"]
        if process.pid not in ours and times is not None:
            found[process.pid, process.info["create_time"]] = times.user + times.system
    return found
