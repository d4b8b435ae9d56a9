"""The audit: who let which device in, renewed it or shut it out, when, and from where.

An entry is written in the transaction of what it tells of, so there is neither without the other. It is never changed;
the databases refuse it, and refuse to delete what is younger than `KEPT_DAYS_MIN`. Not covered: whoever may change the
tables of the database themselves; export the audit to where they may not.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from umi_cloud.auth.store import Operation, Read, Write

__all__ = [
    "KEPT_DAYS_MIN",
    "PROGRAM",
    "SERVER",
    "AuditEntry",
    "Event",
    "Origin",
    "audited",
    "entries_after",
    "forget",
]

KEPT_DAYS_MIN = 30
"""The tables' triggers have this number, too."""
PAGE_ROWS = 1000


class Event(StrEnum):
    """What happened."""

    INVITED = "invited"
    """A token was made."""
    ENROLLED = "enrolled"
    RENEWED = "renewed"
    REVOKED = "revoked"
    RELEASED = "released"
    """A device that was held back after a restore may call again."""
    BACKED_UP = "backed-up"
    RESTORED = "restored"
    AUTHORITY = "authority"
    """Something became of the certificate authority; the detail says what."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who does something, and from where."""

    who: str
    """`operator NAME@HOST`, `token`, `login`, `device`, `server` for what one does by itself.

    Or `program`, for a program that uses umi as a library.
    """
    address: str = ""
    """The network address that a request came from; empty for a command of the operator's."""


PROGRAM = Origin("program")
SERVER = Origin("server")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that happened. Names and details may be what a stranger chose."""

    id: str
    at: datetime
    event: str
    device: str
    serial: str
    who: str
    address: str
    detail: str


def audited(
    event: Event, now: float, origin: Origin, *, device: str = "", serial: str = "", detail: str = ""
) -> Write:
    """The entry that goes with what an operation does."""
    return Write(
        "INSERT INTO audit (id, at, event, device, serial, who, address, detail)"
        " VALUES (:id, :at, :event, :device, :serial, :who, :address, :detail)",
        {
            "id": secrets.token_hex(16),
            "at": now,
            "event": event.value,
            "device": device,
            "serial": serial,
            "who": origin.who,
            "address": origin.address,
            "detail": detail,
        },
    )


Place = tuple[float, str]
"""Where an entry stands: its time as the table has it (an `AuditEntry` has it rounded), and its id."""


def entries_after(place: Place) -> Operation[tuple[tuple[AuditEntry, ...], Place]]:
    """The next page of entries in the order of time, and the place of its last."""
    (rows,) = yield (
        Read(
            "SELECT id, at, event, device, serial, who, address, detail FROM audit WHERE (at, id) > (:at, :id)"
            " ORDER BY at, id LIMIT :rows",
            {"at": place[0], "id": place[1], "rows": PAGE_ROWS},
        ),
    )
    entries = tuple(
        AuditEntry(
            id=row[0],
            at=datetime.fromtimestamp(row[1], UTC),
            event=row[2],
            device=row[3],
            serial=row[4],
            who=row[5],
            address=row[6],
            detail=row[7],
        )
        for row in rows
    )
    return entries, (rows[-1][1], rows[-1][0]) if rows else place


def forget(before: float) -> Operation[None]:
    """Forget the entries of before a time."""
    yield (Write("DELETE FROM audit WHERE at < :before", {"before": before}),)
