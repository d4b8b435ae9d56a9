"""The devices that called this front lately: who is served, and how much, while the registry can't be used.

Decisions only. Covered: an outage of the registry, for so many seconds; devices whose revocation this front heard of
before it. Not covered: a revocation made during the outage, which counts once the registry is back; and limits, which
count for each front alone until then.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from umi_cloud.auth.allowance import Use, drawn
from umi_cloud.auth.bucket import TokenBucket
from umi_cloud.auth.call_operations import LetIn
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry import EndedCall
from umi_cloud.auth.store import registry_gone

__all__ = ["KnownDevices"]

DEVICES_MAX = 100_000
ENDED_MAX = 100_000


@dataclass(slots=True)
class _Known:
    let_in: LetIn
    bucket: TokenBucket | None = None


class KnownDevices:
    """Remembers devices that the registry accepted. For one event loop."""

    def __init__(
        self,
        outage_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        calendar: Callable[[], float] = time.time,
    ) -> None:
        self.lost = False
        """Whether the registry could not be used when it was last tried."""
        self._outage_seconds = outage_seconds
        self._clock = clock
        self._calendar = calendar
        self._answered_at = clock()
        self._devices: OrderedDict[Device, _Known] = OrderedDict()
        self._open: dict[str, str] = {}
        self._open_of: Counter[str] = Counter()
        self._ended: list[EndedCall] = []
        self._tokens_of: Counter[str] = Counter()

    # What the registry said.

    def registry_answered(self) -> None:
        """The registry can be used, and what it revoked lately is forgotten."""
        self.lost = False
        self._answered_at = self._clock()

    def registry_failed(self) -> None:
        """The registry can't be used."""
        self.lost = True

    @property
    def lost_seconds(self) -> float:
        """How long ago the registry last answered, while it is lost; else 0."""
        return self._clock() - self._answered_at if self.lost else 0.0

    @property
    def expired(self) -> bool:
        """Whether the registry has been lost for so long that nobody is let in any more."""
        return self.lost_seconds > self._outage_seconds

    def remember(self, device: Device, let_in: LetIn) -> None:
        """The registry accepted this device, until then and for so much."""
        known = self._devices.pop(device, None) or _Known(let_in)
        known.let_in = let_in
        self._devices[device] = known
        if len(self._devices) > DEVICES_MAX:
            self._devices.popitem(last=False)

    def forget(self, serials: Iterable[str]) -> None:
        """These certificates were revoked."""
        revoked = frozenset(serials)
        for device in [one for one in self._devices if one.serial in revoked] if revoked else ():
            del self._devices[device]

    # Calls while it is lost.

    def begin_call(self, device: Device, call: str) -> None:
        """Let a call in without the registry. Raises RefusedError: STATE_UNAVAILABLE, or what the quota says."""
        known = self._devices.get(device)
        if known is None or self.expired or known.let_in.expires_at <= self._calendar():
            raise registry_gone()
        use = Use(
            open_calls=self._open_of[device.name],
            tokens_today=self._tokens_of[device.name],
            bucket=known.bucket,
        )
        known.bucket = drawn(device.name, use, known.let_in.quota, self._calendar())
        self._open[call] = device.name
        self._open_of[device.name] += 1

    def settled(self, call: str) -> None:
        """The registry was told of the end of a call."""
        name = self._open.pop(call, None)
        if name is None:
            return
        self._open_of[name] -= 1
        if not self._open_of[name]:
            del self._open_of[name]

    def end_call(self, ended: EndedCall) -> None:
        """Keep what a call used until the registry can be told."""
        self.settled(ended.call)
        self._tokens_of[ended.name] += ended.tokens
        if len(self._ended) < ENDED_MAX:
            self._ended.append(ended)

    def take_ended(self) -> list[EndedCall]:
        """The calls that the registry was not told of; give back with `end_call` what it can't be told now."""
        ended, self._ended = self._ended, []
        self._tokens_of.clear()
        return ended
