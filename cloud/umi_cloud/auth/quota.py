"""How much one device may use: calls a minute, streams at once, model tokens a day.

Covered: a device that loops, and one that runs up the bill across restarts of the server (the day's tokens are
in the registry). Not covered: calls a minute are counted per process, so two servers admit twice as many; and
a call that starts within the day's tokens may end beyond them by what it generates.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from umi_cloud.auth.bucket import TokenBucket
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry import Registry
from umi_shared.errors import ConfigError, RefusedError

__all__ = ["Quota", "QuotaKeeper"]

STREAM_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What each device may use."""

    requests_per_minute: int = 60
    """Calls in a minute; as many may come at once after a minute without any."""
    tokens_per_day: int = 2_000_000
    """Model tokens, read and written, from midnight to midnight UTC."""
    concurrent: int = 4
    """Calls open at the same time."""

    def __post_init__(self) -> None:
        if min(self.requests_per_minute, self.tokens_per_day, self.concurrent) < 1:
            raise ConfigError(
                "a quota is below 1, which would shut every device out",
                fix="set requests_per_minute, tokens_per_day and concurrent to 1 or more",
            )


class QuotaKeeper:
    """Admits calls within the quota. Used by one event loop."""

    def __init__(
        self,
        quota: Quota,
        registry: Registry,
        *,
        clock: Callable[[], float] = time.monotonic,
        calendar: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.quota = quota
        self._registry = registry
        self._clock = clock
        self._calendar = calendar
        # Both tables are as large as the number of devices that ever got a certificate.
        self._buckets: dict[str, TokenBucket] = {}
        self._open: dict[str, int] = {}

    @asynccontextmanager
    async def admit(self, device: Device) -> AsyncIterator[None]:
        """Hold one of the device's `concurrent` places while the call lasts.

        Raises RefusedError: TOO_MANY_STREAMS, TOKENS_SPENT, RATE_LIMITED, each with `retry_after_seconds`. A call
        that is refused takes nothing.
        """
        self.acquire(device)
        try:
            yield
        finally:
            self.release(device)

    def acquire(self, device: Device) -> None:
        """Take one of the device's places, which `release` gives back. Raises as `admit` does."""
        open_calls = self._open.get(device.name, 0)
        if open_calls >= self.quota.concurrent:
            raise _refused(
                f"{device.name} has {open_calls} calls open, which is the limit",
                "TOO_MANY_STREAMS",
                STREAM_RETRY_SECONDS,
            )
        if self.remaining_tokens(device) == 0:
            raise _refused(
                f"{device.name} has used the {self.quota.tokens_per_day} tokens of this day (UTC)",
                "TOKENS_SPENT",
                self._seconds_to_midnight(),
            )
        now = self._clock()
        bucket = self._buckets.setdefault(
            device.name, TokenBucket(per_minute=self.quota.requests_per_minute, now=now)
        )
        wait = bucket.take(now)
        if wait:
            raise _refused(
                f"{device.name} makes more than {self.quota.requests_per_minute} calls a minute",
                "RATE_LIMITED",
                wait,
            )
        self._registry.count_request(device.name)
        self._open[device.name] = open_calls + 1

    def release(self, device: Device) -> None:
        """Give back what `acquire` took."""
        left = self._open.get(device.name, 0) - 1
        if left > 0:
            self._open[device.name] = left
        else:
            self._open.pop(device.name, None)

    def spend(self, device: Device, tokens: int) -> None:
        """Count model tokens that a call used; they count at once, also after a restart."""
        if tokens > 0:
            self._registry.spend_tokens(device.name, self._calendar().date(), tokens)

    def remaining_tokens(self, device: Device) -> int:
        """Model tokens the device may still use today; bounds what one call generates."""
        spent = self._registry.tokens_spent(device.name, self._calendar().date())
        return max(self.quota.tokens_per_day - spent, 0)

    def _seconds_to_midnight(self) -> float:
        now = self._calendar()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return (midnight - now).total_seconds()


def _refused(message: str, reason: str, retry_after_seconds: float) -> RefusedError:
    return RefusedError(
        message,
        reason=reason,
        retry_after_seconds=retry_after_seconds,
        fix=f"wait {retry_after_seconds:.0f} s, or ask the operator for a larger quota",
    )
