"""All devices and invitations as the registry has them, with what they used, day by day."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from umi_cloud.auth.allowance import day_of
from umi_cloud.auth.standing import DeviceRecord, Standing, standing_of
from umi_cloud.auth.store import Operation, Read

__all__ = ["roster"]

DAY_SECONDS = 86_400


def roster(now: float, days: int) -> Operation[tuple[DeviceRecord, ...]]:
    """All devices and invitations by name; the use of the last `days` days (UTC) with each, today included."""
    enrolled, invited, spent = yield (
        Read(
            "SELECT d.name, d.label, d.requests, d.tokens, d.last_seen_at, d.version, d.held_at,"
            " c.serial, c.issued_at, c.expires_at, coalesce(c.revoked_at, d.revoked_at)"
            " FROM devices d JOIN ("
            "SELECT *, row_number() OVER (PARTITION BY name"
            " ORDER BY revoked_at IS NOT NULL, issued_at DESC, serial DESC) AS place FROM certificates"
            ") c ON c.name = d.name AND c.place = 1",
            {},
        ),
        Read(
            "SELECT name, max(label), max(expires_at) FROM tokens WHERE used_at IS NULL AND expires_at > :now"
            " AND name NOT IN (SELECT name FROM devices) GROUP BY name",
            {"now": now},
        ),
        Read(
            "SELECT name, day, tokens FROM spending WHERE day > :since ORDER BY day",
            {"since": day_of(now - days * DAY_SECONDS)},
        ),
    )
    use: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, day, tokens in spent:
        use[name][day] = tokens
    records = [_record(row, use.get(row[0], {}), now) for row in enrolled]
    records += [_invitation(*row) for row in invited]
    return tuple(sorted(records, key=lambda record: record.name))


def _record(row: tuple[Any, ...], use: dict[str, int], now: float) -> DeviceRecord:
    name, label, requests, tokens, seen_at, version, held_at, serial, issued_at, expires_at, revoked_at = row
    return DeviceRecord(
        name=name,
        label=label,
        standing=standing_of(revoked_at, expires_at, now, held_at),
        serial=serial,
        issued=_moment(issued_at),
        expires=_moment(expires_at),
        revoked=_moment(revoked_at),
        last_seen=_moment(seen_at),
        version=version,
        requests=requests,
        tokens=tokens,
        use=use,
    )


def _invitation(name: str, label: str, expires_at: float) -> DeviceRecord:
    return DeviceRecord(
        name=name, label=label, standing=Standing.INVITED, serial="", expires=_moment(expires_at)
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
