"""The clock: what the models are told of now. They plan by it; no date is ever computed by them.

I1: docs/design.md#i1-release-only
I3: docs/design.md#i3-noninterference
"""

from collections.abc import Sequence
from datetime import datetime

from umi_edge.labelling.text import LabelledEntry, constant
from umi_edge.policy import Policy
from umi_edge.policy.document import ClockWord
from umi_shared.transcript import Clock

__all__ = ["clock_entry", "clock_news", "local_now"]

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def local_now() -> datetime:
    """Now, in the zone that this device is in."""
    return datetime.now().astimezone()


def clock_entry(now: datetime, policy: Policy) -> LabelledEntry | None:
    """What the policy lets out of `now`; None where it lets out nothing. It is a constant of the device."""
    if policy.clock is ClockWord.HIDDEN:
        return None
    told = f"{_DAYS[now.weekday()]}, {now.date().isoformat()}"
    if policy.clock is ClockWord.FULL:
        told += f", {now:%H:%M}, {_zone(now)}"
    return LabelledEntry(Clock(()), (constant(told, f"{policy.file or 'built in'} clock: {policy.clock}"),))


def clock_news(now: datetime, policy: Policy, entries: Sequence[LabelledEntry]) -> LabelledEntry | None:
    """The same, unless it is what the models of this transcript were told last."""
    entry = clock_entry(now, policy)
    told = next((one for one in reversed(entries) if isinstance(one.template, Clock)), None)
    return None if entry is None or (told is not None and told.text == entry.text) else entry


def _zone(now: datetime) -> str:
    """The name of the zone where it has one, else its offset.

    >>> from datetime import timedelta, timezone
    >>> _zone(datetime(2026, 11, 23, tzinfo=timezone(timedelta(hours=1))))
    'UTC+01:00'
    """
    key = getattr(now.tzinfo, "key", "")
    offset = now.strftime("%z")
    return key or f"UTC{offset[:3]}:{offset[3:5]}"
