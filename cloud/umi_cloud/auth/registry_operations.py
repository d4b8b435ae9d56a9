"""What the registry does with its rows, as operations that any store runs. Times are seconds since 1970."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from umi_cloud.auth.allowance import day_of
from umi_cloud.auth.audit import Event, Origin, audited
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.identity import Device
from umi_cloud.auth.standing import Standing, check_standing, standing_of
from umi_cloud.auth.store import Operation, Read, Rows, Write
from umi_shared.errors import RefusedError

__all__ = [
    "Invitation",
    "Revocations",
    "Straggler",
    "add_certificate",
    "add_tokens",
    "authority_changed",
    "forget_use",
    "insert_certificate",
    "last_backup",
    "life",
    "redeem",
    "release",
    "revoke",
    "revoke_certificates",
    "revoked_since",
    "standing",
    "stragglers",
    "tokens_spent",
]

TOKENS_KEPT_SECONDS = 30 * 86_400
CERTIFICATES_KEPT_SECONDS = 400 * 86_400
"""So long after its end a certificate is of no use to anybody: no late renewal is granted after a year."""
RENEWALS_A_DAY = 24
"""How often one certificate is followed by another in a day (UTC): a reply may get lost, but not that often."""
CERTIFICATES_MAX = 200
"""How many good certificates a device has at once."""
COMMIT_SECONDS_MAX = 60.0
"""A revocation is seen although its transaction began this long before it was committed."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A name that a token will enrol, the SHA-256 of its secret, and the operator's words for the device."""

    name: str
    digest: bytes
    label: str = ""


@dataclass(frozen=True, slots=True)
class Revocations:
    """Serial numbers of certificates that were revoked, and the moment from which to ask next time."""

    serials: frozenset[str]
    moment: float


@dataclass(frozen=True, slots=True)
class Straggler:
    """A device that would be locked out with the authority that signed its certificates."""

    name: str
    expires_at: float
    """When the last of them ends, or has ended."""
    last_seen_at: float | None


# Tokens and certificates.


def add_tokens(
    invitations: Sequence[Invitation], now: float, expires_at: float, by: Origin
) -> Operation[float]:
    """Insert tokens; returns when they expire."""
    yield (Write("DELETE FROM tokens WHERE expires_at < :long_ago", {"long_ago": now - TOKENS_KEPT_SECONDS}),)
    yield [
        write
        for one in invitations
        for write in (
            Write(
                "INSERT INTO tokens (digest, name, label, created_at, expires_at, used_at)"
                " VALUES (:digest, :name, :label, :now, :expires_at, NULL)",
                {
                    "digest": one.digest,
                    "name": one.name,
                    "label": one.label,
                    "now": now,
                    "expires_at": expires_at,
                },
            ),
            audited(Event.INVITED, now, by, device=one.name),
        )
    ]
    return expires_at


def redeem(
    digest: bytes, issue: Callable[[str], SignedCertificate], now: float, by: Origin
) -> Operation[SignedCertificate]:
    """Spend a token, and record the certificate that `issue` signs for its name."""
    # The lookup by index is not constant-time, and need not be: whoever guesses does not choose the
    # digest's bytes, only a secret's, and SHA-256 stands between the two.
    (found,) = yield (
        Read(
            "SELECT name, used_at, expires_at, label FROM tokens WHERE digest = :digest",
            {"digest": digest},
            True,
        ),
    )
    name = _spendable(found, now)
    certificate = issue(name)
    yield (
        Write("UPDATE tokens SET used_at = :now WHERE digest = :digest", {"now": now, "digest": digest}),
        # The row of the device comes before its certificates: it is locked, so none is added beside this.
        Write(
            "INSERT INTO devices (name, enrolled_at, label, last_seen_at) VALUES (:name, :now, :label, :now)"
            " ON CONFLICT (name) DO UPDATE SET enrolled_at = excluded.enrolled_at, revoked_at = NULL,"
            # Who is given a token has the device now: whoever had enrolled it by a login does not get it back by one.
            " held_at = NULL, owner = NULL, team = NULL, last_seen_at = excluded.last_seen_at,"
            " label = CASE WHEN excluded.label = '' THEN devices.label ELSE excluded.label END",
            {"name": name, "now": now, "label": found[0][3]},
        ),
        revoke_certificates(name, now),
        insert_certificate(certificate),
        audited(Event.ENROLLED, now, by, device=name, serial=certificate.serial),
    )
    return certificate


def add_certificate(
    certificate: SignedCertificate, renewed: str, now: float, by: Origin, *, late_seconds: float = 0.0
) -> Operation[None]:
    """Record the certificate that follows the one with the serial number `renewed`, if that one is accepted.

    One that expired less than `late_seconds` ago is accepted, too, unless its device has used a later one: whoever
    comes with a key that the device has replaced found it somewhere.

    Raises RefusedError (RATE_LIMITED) where it was followed too often: each renewal is rows here and in the audit.
    """
    device = Device(certificate.name, renewed)
    _, found, later, followed, good = yield (
        Read("SELECT name FROM devices WHERE name = :name", {"name": device.name}, True),  # as in `redeem`
        _certificate(device),
        Read(
            "SELECT later.serial FROM certificates later JOIN certificates mine ON mine.name = later.name"
            " WHERE mine.serial = :serial AND later.serial <> mine.serial"
            " AND later.issued_at >= mine.issued_at AND later.used_at IS NOT NULL LIMIT 1",
            {"serial": renewed},
        ),
        Read(
            "SELECT followed FROM certificates WHERE serial = :serial AND followed_day = :day",
            {"serial": renewed, "day": day_of(now)},
        ),
        Read(
            "SELECT count(*) FROM certificates WHERE name = :name AND revoked_at IS NULL AND expires_at > :now",
            {"name": device.name, "now": now},
        ),
    )
    check_standing(device, _standing(found, now, 0.0 if later else late_seconds))
    times = followed[0][0] if followed else 0
    if times >= RENEWALS_A_DAY or good[0][0] >= CERTIFICATES_MAX:
        raise RefusedError(
            f"the certificate of {device.name} was renewed {times} times today, and {good[0][0]} are good",
            reason="RATE_LIMITED",
            retry_after_seconds=3600.0,
        )
    yield (
        Write(
            "DELETE FROM certificates WHERE name = :name AND expires_at < :long_ago",
            {"name": device.name, "long_ago": now - CERTIFICATES_KEPT_SECONDS},
        ),
        insert_certificate(certificate),
        # To renew is to use: none that it had before is renewed late from now on.
        Write(
            "UPDATE certificates SET used_at = coalesce(used_at, :now), followed_day = :day, followed = :times"
            " WHERE serial = :serial",
            {"now": now, "serial": renewed, "day": day_of(now), "times": times + 1},
        ),
        Write("UPDATE devices SET last_seen_at = :now WHERE name = :name", {"now": now, "name": device.name}),
        audited(
            Event.RENEWED,
            now,
            by,
            device=device.name,
            serial=certificate.serial,
            detail=f"follows {renewed}{', which had expired' if found[0][1] <= now else ''}",
        ),
    )


def revoke(names: Sequence[str], now: float, by: Origin) -> Operation[frozenset[str]]:
    """Shut devices out; returns the names of those that were known, or had unused tokens.

    Their tokens stay as used ones: a copy of the registry then knows that they are good for nothing.
    """
    found = yield [statement for name in names for statement in _revocation(name, now)]
    known = frozenset(row[0] for rows in found for row in rows)
    yield [audited(Event.REVOKED, now, by, device=name) for name in names if name in known]
    return known


def release(names: Sequence[str], now: float, by: Origin) -> Operation[frozenset[str]]:
    """Let devices in again that are held back, and not revoked, and their owners; returns the names of those."""
    found = yield [
        Read(
            "UPDATE devices SET held_at = NULL WHERE name = :name AND held_at IS NOT NULL AND revoked_at IS NULL"
            " RETURNING name",
            {"name": name},
        )
        for name in names
    ]
    released = frozenset(row[0] for rows in found for row in rows)
    yield [
        Write(
            "UPDATE people SET held_at = NULL WHERE subject IN (SELECT owner FROM devices WHERE name = :name)",
            {"name": name},
        )
        for name in sorted(released)
    ]
    yield [audited(Event.RELEASED, now, by, device=name) for name in names if name in released]
    return released


def standing(device: Device, now: float) -> Operation[Standing]:
    """Whether a certificate is accepted."""
    (found,) = yield (_certificate(device),)
    return _standing(found, now)


def stragglers(authority: str, late_seconds: float, now: float) -> Operation[tuple[Straggler, ...]]:
    """The devices that are not known to hold a certificate of an authority, and could call or renew late with another.

    A certificate of it that was never used may have got lost on its way, where the device had one before.
    """
    (rows,) = yield (
        Read(
            "SELECT d.name, d.last_seen_at, c.expires_at, c.authority, c.used_at FROM certificates c"
            " JOIN devices d ON d.name = c.name WHERE d.revoked_at IS NULL AND c.revoked_at IS NULL"
            " AND c.expires_at > :past ORDER BY d.name, c.expires_at",
            {"past": now - late_seconds},
        ),
    )
    by_name: dict[str, list[Any]] = {}
    for row in rows:
        by_name.setdefault(row[0], []).append(row)
    return tuple(
        Straggler(name, float(own[-1][2]), own[-1][1])
        for name, own in by_name.items()
        if not any(row[3] == authority and (row[4] is not None or len(own) == 1) for row in own)
    )


def authority_changed(detail: str, now: float, by: Origin) -> Operation[None]:
    """Note in the audit what became of the authority."""
    yield (audited(Event.AUTHORITY, now, by, detail=detail),)


def life(serial: str) -> Operation[tuple[float, float]]:
    """When a certificate begins and ends."""
    (found,) = yield (
        Read("SELECT issued_at, expires_at FROM certificates WHERE serial = :serial", {"serial": serial}),
    )
    if not found:
        raise RefusedError("the certificate is not in this server's registry", reason="CERTIFICATE_UNKNOWN")
    issued_at, expires_at = found[0]
    return float(issued_at), float(expires_at)


def revoked_since(moment: float | None, now: float) -> Operation[Revocations]:
    """The certificates revoked since `moment`."""
    since = (now if moment is None else moment) - COMMIT_SECONDS_MAX
    (found,) = yield (Read("SELECT serial FROM certificates WHERE revoked_at >= :since", {"since": since}),)
    return Revocations(frozenset(row[0] for row in found), now)


# What devices use.


def tokens_spent(name: str, now: float) -> Operation[int]:
    """Model tokens of a device's day."""
    (found,) = yield (_spent(name, now),)
    return int(found[0][0]) if found else 0


def forget_use(before_day: str) -> Operation[None]:
    """Forget what devices used before a day (UTC)."""
    yield (Write("DELETE FROM spending WHERE day < :day", {"day": before_day}),)


def last_backup() -> Operation[float | None]:
    """When the newest backup was made, as the audit has it."""
    (found,) = yield (Read("SELECT max(at) FROM audit WHERE event = 'backed-up'", {}),)
    return None if found[0][0] is None else float(found[0][0])


# Their parts.


def _certificate(device: Device) -> Read:
    return Read(
        "SELECT coalesce(c.revoked_at, d.revoked_at), c.expires_at, d.held_at, c.used_at FROM certificates c"
        " JOIN devices d ON d.name = c.name WHERE c.serial = :serial AND c.name = :name",
        {"serial": device.serial, "name": device.name},
    )


def _standing(found: Rows, now: float, late_seconds: float = 0.0) -> Standing:
    if not found:
        return Standing.UNKNOWN
    revoked_at, expires_at, held_at, _ = found[0]
    return standing_of(revoked_at, expires_at + late_seconds, now, held_at)


def _spent(name: str, now: float) -> Read:
    return Read(
        "SELECT tokens FROM spending WHERE name = :name AND day = :day", {"name": name, "day": day_of(now)}
    )


def _spendable(found: Rows, now: float) -> str:
    """The name that a token enrols."""
    if not found:
        raise _token_refused("is not known here", "TOKEN_UNKNOWN")
    name, used_at, expires_at, _label = found[0]
    if used_at is not None:
        raise _token_refused("was used already, or revoked", "TOKEN_USED")
    if expires_at <= now:
        raise _token_refused("has expired", "TOKEN_EXPIRED")
    return str(name)


def _token_refused(what: str, reason: str) -> RefusedError:
    return RefusedError(
        f"the enrolment token {what}",
        reason=reason,
        fix="ask your operator for a new one (`umi-cloud enroll`)",
    )


def _revocation(name: str, now: float) -> tuple[Read, Read, Write]:
    values = {"name": name, "now": now}
    return (
        Read(
            "UPDATE tokens SET used_at = :now WHERE name = :name AND used_at IS NULL RETURNING name", values
        ),
        Read(
            "UPDATE devices SET revoked_at = coalesce(revoked_at, :now) WHERE name = :name RETURNING name",
            values,
        ),
        revoke_certificates(name, now),
    )


def revoke_certificates(name: str, now: float) -> Write:
    return Write(
        "UPDATE certificates SET revoked_at = :now WHERE name = :name AND revoked_at IS NULL",
        {"name": name, "now": now},
    )


def insert_certificate(certificate: SignedCertificate) -> Write:
    return Write(
        "INSERT INTO certificates (serial, name, issued_at, expires_at, revoked_at, authority)"
        " VALUES (:serial, :name, :issued_at, :expires_at, NULL, :authority)",
        {
            "authority": certificate.authority,
            "serial": certificate.serial,
            "name": certificate.name,
            "issued_at": certificate.issued.timestamp(),
            "expires_at": certificate.expires.timestamp(),
        },
    )
