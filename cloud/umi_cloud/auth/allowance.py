"""How much one device may use: calls a minute, calls at once, model tokens a day. Decisions only; no I/O.

Covered: a device that loops, and one that runs up the bill across restarts and across fronts (what it has used is in
the registry). Not covered: a call that starts within the day's tokens may end beyond them by what it generates.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from umi_cloud.auth.bucket import TokenBucket
from umi_shared.errors import ConfigError, RefusedError

__all__ = ["Quota", "Use", "day_of", "drawn"]

STREAM_RETRY_SECONDS = 2.0
"""What a laptop waits for a place. Its eight waits outlast the ten seconds for which a front that died holds places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What each device may use, on all fronts together."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a device uses when it calls."""

    open_calls: int
    tokens_today: int
    bucket: TokenBucket | None
    """How often it called lately; None for a device that never did."""


def drawn(name: str, use: Use, quota: Quota, now: float) -> TokenBucket:
    """The device's bucket after one more call, where the quota allows it.

    Raises RefusedError: TOO_MANY_STREAMS, TOKENS_SPENT, RATE_LIMITED, each with `retry_after_seconds`.
    """
    if use.open_calls >= quota.concurrent:
        raise _refused(
            f"{name} has {use.open_calls} calls open, which is the limit",
            "TOO_MANY_STREAMS",
            STREAM_RETRY_SECONDS,
        )
    if use.tokens_today >= quota.tokens_per_day:
        raise _refused(
            f"{name} has used the {quota.tokens_per_day} tokens of this day (UTC)",
            "TOKENS_SPENT",
            _seconds_to_midnight(now),
        )
    bucket = use.bucket or TokenBucket(per_minute=quota.requests_per_minute, now=now)
    wait = bucket.take(now)
    if wait:
        raise _refused(
            f"{name} makes more than {quota.requests_per_minute} calls a minute", "RATE_LIMITED", wait
        )
    return bucket


def day_of(now: float) -> str:
    """The day (UTC) that tokens are counted on.

    >>> day_of(86_400.0)
    '1970-01-02'
    """
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def _seconds_to_midnight(now: float) -> float:
    moment = datetime.fromtimestamp(now, UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - moment).total_seconds()


def _refused(message: str, reason: str, retry_after_seconds: float) -> RefusedError:
    return RefusedError(
        message,
        reason=reason,
        retry_after_seconds=retry_after_seconds,
        fix=f"wait {retry_after_seconds:.0f} s, or ask the operator for a larger quota",
    )
