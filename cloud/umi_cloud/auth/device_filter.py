"""Which devices an operator means: by name, label, standing, by when they were last seen and when they end. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from umi_cloud.auth.standing import DeviceRecord, Standing

__all__ = ["DeviceFilter", "SortBy", "in_order"]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class SortBy(StrEnum):
    """What a list of devices is sorted by."""

    NAME = "name"
    SEEN = "seen"
    """Those that were silent for longest come first."""
    EXPIRES = "expires"
    """Those that end soonest come first."""
    TOKENS = "tokens"
    """Those that used most in the days that are told come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFilter:
    """What a device must be; nothing set means any."""

    name: str = ""
    """A pattern with `*` and `?`."""
    label: str = ""
    """Words that its label has, in whatever case."""
    standings: frozenset[Standing] = frozenset()
    expiring: timedelta | None = None
    """Active, and ends within this time."""
    idle: timedelta | None = None
    """Active or expired, and was not seen for this long; since it enrolled, where nobody knows."""

    def __bool__(self) -> bool:
        """Whether anything is set."""
        return self != DeviceFilter()

    def admits(self, record: DeviceRecord, now: datetime) -> bool:
        """Whether a device is meant."""
        return (
            (not self.name or fnmatchcase(record.name, self.name))
            and self.label.casefold() in record.label.casefold()
            and (not self.standings or record.standing in self.standings)
            and (self.expiring is None or _ends_within(record, self.expiring, now))
            and (self.idle is None or _silent_for(record, self.idle, now))
        )

    def chosen(self, records: Iterable[DeviceRecord], now: datetime) -> list[DeviceRecord]:
        """The devices that are meant."""
        return [record for record in records if self.admits(record, now)]


def in_order(records: Iterable[DeviceRecord], by: SortBy) -> list[DeviceRecord]:
    """The devices, sorted; among equals by name."""
    return sorted(records, key=lambda record: (_rank(record, by), record.name))


def _rank(record: DeviceRecord, by: SortBy) -> float:
    match by:
        case SortBy.SEEN:
            return (_seen(record) - _LONG_AGO).total_seconds()
        case SortBy.EXPIRES:
            return ((record.expires or _LONG_AGO) - _LONG_AGO).total_seconds()
        case SortBy.TOKENS:
            return -_total(record.use)
        case SortBy.NAME:
            return 0


def _total(use: Mapping[str, int]) -> int:
    return sum(use.values())


def _seen(record: DeviceRecord) -> datetime:
    return record.last_seen or record.issued or _LONG_AGO


def _ends_within(record: DeviceRecord, time: timedelta, now: datetime) -> bool:
    ends = record.expires
    return record.standing is Standing.ACTIVE and ends is not None and ends <= now + time


def _silent_for(record: DeviceRecord, time: timedelta, now: datetime) -> bool:
    return record.standing in (Standing.ACTIVE, Standing.EXPIRED) and _seen(record) <= now - time
