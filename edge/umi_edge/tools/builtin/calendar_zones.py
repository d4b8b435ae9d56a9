"""Time zones by the names that calendars really use: IANA's, Windows', Exchange's, and offsets."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

__all__ = ["zone_named"]

_OFFSET = re.compile(
    r"\(?\s*(?:UTC|GMT)?\s*(?:([+-])\s*(\d{1,2})(?:[:.]?([0-5]\d))?)?\s*\)?\s*(.*)", re.IGNORECASE
)
_UNIVERSAL = frozenset({"utc", "gmt", "z", "zulu", "tzone://microsoft/utc"})
_WINTERS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))


def zone_named(name: str, defined: Mapping[str, tzinfo]) -> tzinfo | None:
    """The time zone of that name; None where nobody knows it. `defined` are those that the file itself defines.

    >>> zone_named("(UTC-05:00) Eastern Time (US & Canada)", {})
    zoneinfo.ZoneInfo(key='America/New_York')
    >>> zone_named("W. Europe Standard Time", {}), zone_named("GMT+01:00", {})
    (zoneinfo.ZoneInfo(key='Europe/Berlin'), datetime.timezone(datetime.timedelta(seconds=3600)))
    >>> zone_named("Customized Time Zone", {}) is None
    True
    """
    clean = name.strip().strip('"').strip()
    key = clean.strip("/")
    for known in (key, WINDOWS_TO_OLSON.get(key, "")):
        if known in _iana():
            return ZoneInfo(known)
    if name in defined:
        return defined[name]
    if clean.startswith("/"):  # "globally unique": behind the name of whoever made it
        parts = key.split("/")
        for start in range(1, len(parts)):
            if (suffix := "/".join(parts[start:])) in _iana():
                return ZoneInfo(suffix)
    return UTC if clean.lower() in _UNIVERSAL else _described(clean)


def _described(name: str) -> tzinfo | None:
    """The zone of a name that says its offset, and perhaps its places, such as Outlook's."""
    match = _OFFSET.fullmatch(name)
    if not match:
        return None
    sign, hours, minutes, places = match.groups()
    if sign is None and (not places or not name.lstrip("(").upper().startswith(("UTC", "GMT"))):
        return None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    if abs(offset) > timedelta(hours=15):
        return None
    for key in _keys(places):
        zone = ZoneInfo(key)
        if min(zone.utcoffset(moment) or timedelta() for moment in _WINTERS) == offset:
            return zone
    return timezone(offset)


def _keys(places: str) -> Iterator[str]:
    """The zones that a description may mean: `Eastern Time (US & Canada)`, `Amsterdam, Berlin, Bern`."""
    plain = re.sub(r"\(.*?\)", "", places).strip()
    for windows in (plain, f"{plain} Standard Time", f"{plain.removesuffix(' Time')} Standard Time"):
        if windows in WINDOWS_TO_OLSON:
            yield WINDOWS_TO_OLSON[windows]
    for place in re.split(r"[,/;&]", plain):
        yield from _by_city().get(place.strip().replace(" ", "_"), ())


@cache
def _iana() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _by_city() -> Mapping[str, tuple[str, ...]]:
    cities: dict[str, tuple[str, ...]] = {}
    for key in sorted(_iana()):
        if "/" in key and not key.startswith(("Etc/", "posix/", "right/", "SystemV/")):
            city = key.rpartition("/")[2]
            cities[city] = (*cities.get(city, ()), key)
    return cities
