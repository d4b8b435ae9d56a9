"""Refusals in the log: who, from where and why, at once and then once a minute with a count.

A revoked laptop that calls again and again is a line a minute, not one for each try.
"""

import asyncio
import json
import logging
from collections import Counter
from dataclasses import dataclass

__all__ = ["RefusalLog", "Refused"]

SECONDS = 60.0
KEYS_MAX = 1000
"""Devices, addresses and reasons in one minute; those beyond are counted by reason alone."""
_log = logging.getLogger("umi_cloud.refusals")


@dataclass(frozen=True, slots=True)
class Refused:
    """What is told apart."""

    reason: str
    device: str = ""
    """Empty where the device is not known."""
    address: str = ""


class RefusalLog:
    """Counts refusals. For one event loop."""

    def __init__(self) -> None:
        self._again: Counter[Refused] = Counter()
        """How often each was refused since its line was written; those of this minute."""

    def note(self, refused: Refused) -> None:
        """A request was refused."""
        if refused not in self._again and len(self._again) >= KEYS_MAX:
            refused = Refused(refused.reason)
        if refused in self._again:
            self._again[refused] += 1
        else:
            self._again[refused] = 0
            _write(refused, 1)

    def flush(self) -> None:
        """Write how often each was refused since its line, and begin a new minute."""
        again, self._again = self._again, Counter()
        for refused, times in again.items():
            if times:
                self._again[refused] = 0  # goes on: its next line is due in a minute, too
                _write(refused, times)

    async def run(self) -> None:
        """Write once a minute until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            self.flush()


def _write(refused: Refused, times: int) -> None:
    fields = {
        "refused": refused.reason,
        "device": refused.device,
        "address": refused.address,
        "times": times,
    }
    _log.warning("%s", json.dumps(fields, separators=(",", ":")), extra={"fields": fields})
