"""What a home holds, thing by thing, and what changed between two looks at it.

Everything that a tool could write is looked at, mail and files too, so that nothing is changed unseen. An event is
taken occurrence by occurrence: whether a move rewrites it, or cancels it and makes another, comes to the same.
"""

import email
import email.policy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import icalendar
import recurring_ical_events
import vobject

from umi_edge.tools.builtin import HomeConfig

__all__ = ["Change", "Holding", "Holdings", "changes", "holdings"]

_PAST, _AHEAD = timedelta(days=35), timedelta(days=200)


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing; an event that repeats is as many as it has occurrences."""

    kind: str
    key: str = field(repr=False)
    """What it is known by, whatever is written in it."""
    facts: tuple[tuple[str, str], ...] = field(repr=False)

    def fact(self, name: str) -> str:
        """One of its facts; empty where it has none of that name."""
        return dict(self.facts).get(name, "")


Holdings = Counter[Holding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A thing that is new, gone, or another than before."""

    before: Holding | None = field(default=None, repr=False)
    after: Holding | None = field(default=None, repr=False)
    count: int = 1
    """Occurrences of an event that came or went together."""

    @property
    def act(self) -> str:
        """What became of it."""
        if self.before is None:
            return "new"
        return "gone" if self.after is None else "changed"

    @property
    def thing(self) -> Holding:
        """As it is, or was at last."""
        thing = self.after or self.before
        assert thing is not None  # noqa: S101  # a change has one side at least
        return thing

    def __str__(self) -> str:
        """For a reader of made-up homes.

        >>> print(Change(after=Holding("note", "summer", ())))
        new note summer
        """
        shown = self.thing.fact("title") or self.thing.fact("to") or self.thing.key
        when = self.thing.fact("start")
        return " ".join(filter(None, (self.act, self.thing.kind, shown, when)))


def holdings(home: HomeConfig, now: datetime) -> Holdings:
    """What there is; of events, the occurrences around `now`."""
    return Counter(
        [
            *_contacts(home.contacts),
            *_calendar(home.calendar, now, home.zone or UTC),
            *_letters(home.mail, "mail"),
            *_letters(home.outbox, "letter"),
            *_texts(home.notes, "note"),
            *(holding for root in home.files for holding in _texts(root, "file")),
        ]
    )


def changes(before: Holdings, after: Holdings) -> tuple[Change, ...]:
    """What it takes to get from one to the other."""
    gone, new = _by_key(before - after), _by_key(after - before)
    found: list[Change] = []
    for key in sorted(gone.keys() | new.keys()):
        left, came = gone.get(key, []), new.get(key, [])
        if key[0] != "event" and len(left) == len(came) == 1:
            found.append(Change(before=left[0], after=came[0]))
            continue
        found += [Change(before=some[0], count=len(some)) for some in _together(left)]
        found += [Change(after=some[0], count=len(some)) for some in _together(came)]
    return tuple(found)


def _by_key(some: Holdings) -> dict[tuple[str, str], list[Holding]]:
    found: dict[tuple[str, str], list[Holding]] = {}
    for holding in sorted(some.elements(), key=lambda one: (one.kind, one.key, one.fact("start"), one.facts)):
        found.setdefault((holding.kind, holding.key), []).append(holding)
    return found


def _together(some: list[Holding]) -> list[list[Holding]]:
    """The occurrences of an event are one change; any other thing is one alone."""
    if some and some[0].kind == "event":
        return [some]
    return [[one] for one in some]


def _contacts(folder: Path) -> Iterator[Holding]:
    for path in sorted(folder.rglob("*.vcf")):
        for card in vobject.readComponents(path.read_text(encoding="utf-8-sig")):
            name = _values(card, "fn") or _values(card, "org")
            facts = (
                ("name", name),
                ("email", _values(card, "email")),
                ("phone", _values(card, "tel")),
                *(
                    (kind, _values(card, kind))
                    for kind in ("org", "title", "role", "note", "nickname", "bday", "adr")
                ),
            )
            yield Holding("contact", f"{path.relative_to(folder)} {name}", facts)


def _values(card: Any, kind: str) -> str:
    return " | ".join(
        " ".join(value.value) if isinstance(value.value, list) else str(value.value)
        for value in card.contents.get(kind, ())
    )


def _calendar(folder: Path, now: datetime, zone: tzinfo) -> Iterator[Holding]:
    for path in sorted(folder.rglob("*.ics")):
        calendar = icalendar.Calendar.from_ical(path.read_bytes().decode("utf-8-sig"))
        for event in recurring_ical_events.of(calendar).between(now - _PAST, now + _AHEAD):
            if str(event.get("STATUS", "")).upper() != "CANCELLED":
                yield _event(event, zone)
        for todo in calendar.walk("VTODO"):
            done = str(todo.get("STATUS", "")).upper() == "COMPLETED"
            due = todo.get("DUE")
            facts = (
                ("title", str(todo.get("SUMMARY", ""))),
                ("due", _moment(due.dt, zone)[:10] if due is not None else ""),
                ("done", "yes" if done else ""),
            )
            yield Holding("todo", str(todo.get("UID", "")), facts)


def _event(event: Any, zone: tzinfo) -> Holding:
    guests = event.get("ATTENDEE", [])
    addresses = sorted(
        str(guest).lower().removeprefix("mailto:")
        for guest in (guests if isinstance(guests, list) else [guests])
    )
    facts = (
        ("title", str(event.get("SUMMARY", ""))),
        ("start", _moment(event.start, zone)),
        ("end", _moment(event.end, zone)),
        ("where", str(event.get("LOCATION", ""))),
        ("guests", " ".join(addresses)),
    )
    return Holding("event", str(event.get("UID", "")), facts)


def _moment(moment: date | datetime, zone: tzinfo) -> str:
    """Local, to the minute; of an all-day event the day. A floating time is local already."""
    if not isinstance(moment, datetime):
        return moment.isoformat()
    local = moment.astimezone(zone) if moment.tzinfo else moment
    return local.strftime("%Y-%m-%dT%H:%M")


def _letters(folder: Path, kind: str) -> Iterator[Holding]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            letter = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            place = path.parent.relative_to(folder).as_posix()
            facts = (
                ("to", " ".join(_addresses(letter))),
                ("subject", str(letter["Subject"] or "")),
                ("text", "\n".join(_texts_of(letter))),
                ("place", place if kind == "mail" else ""),
            )
            yield Holding(kind, path.name.partition(":")[0], facts)


def _addresses(letter: EmailMessage) -> list[str]:
    headers = [str(value) for name in ("To", "Cc", "Bcc") for value in letter.get_all(name, [])]
    return sorted({address.lower() for _, address in getaddresses(headers) if address})


def _texts_of(letter: EmailMessage) -> Iterator[str]:
    """The texts of a letter's parts and of letters within it, and the names of what is attached."""
    for part in letter.walk():
        if part.get_filename():
            yield str(part.get_filename())
        elif part.get_content_maintype() == "text":
            payload = part.get_payload(decode=True)
            yield payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _texts(folder: Path, kind: str) -> Iterator[Holding]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = path.relative_to(folder).as_posix()
            text = path.read_bytes().decode("utf-8", "replace")
            title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("#")), "")
            yield Holding(kind, key.removesuffix(".md"), (("title", title or path.stem), ("text", text)))
