"""The region: in which countries a device may be, so that numbers without a country code are read as people there do.

The locale says it first. The time zone is a second hint, because many set their programs to English. Where a system
has neither in its environment nor in its files (Windows), the setting `region` says it.
"""

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import phonenumbers

__all__ = ["device_regions", "is_region"]

_LOCALES = ("LC_ALL", "LC_TELEPHONE", "LC_MESSAGES", "LANG")
_OF_LOCALE = re.compile(r"[a-z]{2,3}[_-](?:[A-Za-z]{4}[_-])?([A-Z]{2})\b")
_LOCALTIME = Path("/etc/localtime")


def is_region(text: str) -> bool:
    """Whether it is a country that has phone numbers.

    >>> is_region("DE"), is_region("Germany")
    (True, False)
    """
    return text in phonenumbers.SUPPORTED_REGIONS


def device_regions(environment: Mapping[str, str], localtime: Path = _LOCALTIME) -> tuple[str, ...]:
    """The countries that the locale and the time zone speak for; none where they say nothing.

    >>> device_regions({"LANG": "en_US.UTF-8", "TZ": "Europe/Berlin"})
    ('US', 'DE')
    """
    zone = environment.get("TZ", "").removeprefix(":") or _zone_of(localtime)
    found = (*_of_locale(environment), *_countries().get(zone, ()))
    return tuple(dict.fromkeys(filter(is_region, found)))


def _of_locale(environment: Mapping[str, str]) -> Iterator[str]:
    for name in _LOCALES:
        match = _OF_LOCALE.match(environment.get(name, ""))
        if match is not None:
            yield match[1]
            return


def _zone_of(localtime: Path) -> str:
    """The name of the zone whose file the link leads to; empty where it is none."""
    try:
        return str(localtime.readlink()).partition("zoneinfo/")[2]
    except (OSError, NotImplementedError):
        return ""


@cache
def _countries() -> dict[str, tuple[str, ...]]:
    """Each zone's country, by the time-zone database's own table; nothing where this device has none."""
    for folder in map(Path, zoneinfo.TZPATH):
        try:
            table = (folder / "zone.tab").read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
        return {row[2]: (row[0],) for row in rows if len(row) > 2}
    return {}
