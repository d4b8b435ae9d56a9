"""What the registry does with its rows, as operations that any store runs. Times are seconds since 1970."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from umi_cloud.auth.allowance import Quota, Use, day_of, drawn
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.bucket import TokenBucket
from umi_cloud.auth.identity import Device
from umi_cloud.auth.standing import DeviceRecord, Standing, check_standing, standing_of
from umi_cloud.auth.store import Operation, Read, Rows, Write
from umi_shared.errors import RefusedError

__all__ = [
    "EndedCall",
    "Revocations",
    "add_certificate",
    "add_token",
    "begin_call",
    "devices",
    "end_call",
    "expires",
    "redeem",
    "revoke",
    "revoked_since",
    "standing",
    "tokens_spent",
    "touch",
]

TOKENS_KEPT_SECONDS = 30 * 86_400
FRONT_SILENT_SECONDS = 10.0
"""After this long without a sign of life, a process is taken to be dead: its calls hold no places any more."""
FRONT_KEPT_SECONDS = 600.0
COMMIT_SECONDS_MAX = 60.0
"""A revocation is seen although its transaction began this long before it was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedCall:
    """A call that is over, and what it used."""

    call: str
    name: str
    tokens: int
    """Model tokens, read and written."""


@dataclass(frozen=True, slots=True)
class Revocations:
    """Serial numbers of certificates that were revoked, and the moment from which to ask next time."""

    serials: frozenset[str]
    moment: float


# Tokens and certificates.


def add_token(name: str, digest: bytes, now: float, expires_at: float) -> Operation[float]:
    """Insert a token; returns when it expires."""
    yield (
        Write("DELETE FROM tokens WHERE expires_at < :long_ago", {"long_ago": now - TOKENS_KEPT_SECONDS}),
        Write(
            "INSERT INTO tokens (digest, name, created_at, expires_at, used_at)"
            " VALUES (:digest, :name, :now, :expires_at, NULL)",
            {"digest": digest, "name": name, "now": now, "expires_at": expires_at},
        ),
    )
    return expires_at


def redeem(
    digest: bytes, issue: Callable[[str], SignedCertificate], now: float
) -> Operation[SignedCertificate]:
    """Spend a token, and record the certificate that `issue` signs for its name."""
    # The lookup by index is not constant-time, and need not be: whoever guesses does not choose the
    # digest's bytes, only a secret's, and SHA-256 stands between the two.
    (found,) = yield (
        Read("SELECT name, used_at, expires_at FROM tokens WHERE digest = :digest", {"digest": digest}, True),
    )
    name = _spendable(found, now)
    certificate = issue(name)
    yield (
        Write("UPDATE tokens SET used_at = :now WHERE digest = :digest", {"now": now, "digest": digest}),
        # The row of the device comes before its certificates: it is locked, so none is added beside this.
        Write(
            "INSERT INTO devices (name, enrolled_at) VALUES (:name, :now)"
            " ON CONFLICT (name) DO UPDATE SET enrolled_at = excluded.enrolled_at, revoked_at = NULL",
            {"name": name, "now": now},
        ),
        _revoke_certificates(name, now),
        _insert_certificate(certificate),
    )
    return certificate


def add_certificate(certificate: SignedCertificate, renewed: str, now: float) -> Operation[None]:
    """Record the certificate that follows the one with the serial number `renewed`, if that one is accepted."""
    device = Device(certificate.name, renewed)
    _, found = yield (
        Read("SELECT name FROM devices WHERE name = :name", {"name": device.name}, True),  # as in `redeem`
        _certificate(device),
    )
    check_standing(device, _standing(found, now))
    yield (_insert_certificate(certificate),)


def revoke(name: str, now: float) -> Operation[bool]:
    """Shut a device out; False when there is neither such a device nor an unused token for it.

    Its tokens stay as used ones: a copy of the registry then knows that they are good for nothing.
    """
    values = {"name": name, "now": now}
    tokens, shut_out = yield (
        Read(
            "UPDATE tokens SET used_at = :now WHERE name = :name AND used_at IS NULL RETURNING name", values
        ),
        Read(
            "UPDATE devices SET revoked_at = coalesce(revoked_at, :now) WHERE name = :name RETURNING name",
            values,
        ),
        _revoke_certificates(name, now),
    )
    return bool(tokens or shut_out)


def standing(device: Device, now: float) -> Operation[Standing]:
    """Whether a certificate is accepted."""
    (found,) = yield (_certificate(device),)
    return _standing(found, now)


def expires(serial: str) -> Operation[float]:
    """When a certificate ends."""
    (found,) = yield (Read("SELECT expires_at FROM certificates WHERE serial = :serial", {"serial": serial}),)
    if not found:
        raise RefusedError("the certificate is not in this server's registry", reason="CERTIFICATE_UNKNOWN")
    return float(found[0][0])


def revoked_since(moment: float | None, now: float) -> Operation[Revocations]:
    """The certificates revoked since `moment`."""
    since = (now if moment is None else moment) - COMMIT_SECONDS_MAX
    (found,) = yield (Read("SELECT serial FROM certificates WHERE revoked_at >= :since", {"since": since}),)
    return Revocations(frozenset(row[0] for row in found), now)


# What devices use.


def begin_call(
    device: Device, call: str, front: str, quota: Quota, now: float, *, touches: bool
) -> Operation[float]:
    """Check the certificate and the quota, and take a place; `touches`: and say that this process lives.

    Returns when the certificate ends.
    """
    name = {"name": device.name}
    # The row of the device comes first: it is locked, so two fronts cannot both give its last place away.
    devices, certificate, open_calls, spent = yield (
        Read("SELECT bucket_level, bucket_at FROM devices WHERE name = :name", name, True),
        _certificate(device),
        Read(
            "SELECT count(*) FROM calls JOIN fronts ON fronts.id = calls.front"
            " WHERE calls.name = :name AND (calls.front = :front OR fronts.seen_at > :silent)",
            {"name": device.name, "front": front, "silent": now - FRONT_SILENT_SECONDS},
        ),
        _spent(device.name, now),
    )
    check_standing(device, _standing(certificate, now))
    level, filled_at = devices[0]
    bucket = drawn(
        device.name,
        Use(
            open_calls=open_calls[0][0],
            tokens_today=spent[0][0] if spent else 0,
            bucket=None
            if level is None
            else TokenBucket(per_minute=quota.requests_per_minute, now=filled_at, level=level),
        ),
        quota,
        now,
    )
    yield (
        *(_signs_of_life(front, now) if touches else ()),
        Write(
            "UPDATE devices SET requests = requests + 1, bucket_level = :level, bucket_at = :filled_at"
            " WHERE name = :name",
            {"name": device.name, "level": bucket.level, "filled_at": bucket.filled_at},
        ),
        Write(
            "INSERT INTO calls (id, name, front) VALUES (:call, :name, :front) ON CONFLICT (id) DO NOTHING",
            {"call": call, "name": device.name, "front": front},
        ),
    )
    return float(certificate[0][1])


def end_call(ended: EndedCall, now: float) -> Operation[None]:
    """Give a place back, and count the tokens."""
    yield (Write("DELETE FROM calls WHERE id = :call", {"call": ended.call}),)
    if ended.tokens <= 0:
        return
    values = {"name": ended.name, "tokens": ended.tokens}
    yield (
        Write("UPDATE devices SET tokens = tokens + :tokens WHERE name = :name", values),
        Write(
            "INSERT INTO spending (name, day, tokens) VALUES (:name, :day, :tokens)"
            " ON CONFLICT (name, day) DO UPDATE SET tokens = spending.tokens + excluded.tokens",
            {**values, "day": day_of(now)},
        ),
    )


def tokens_spent(name: str, now: float) -> Operation[int]:
    """Model tokens of a device's day."""
    (found,) = yield (_spent(name, now),)
    return int(found[0][0]) if found else 0


def touch(front: str, now: float) -> Operation[None]:
    """A sign of life of a process; those that are long dead are forgotten, with the calls that they had."""
    yield _signs_of_life(front, now)


def devices(now: float) -> Operation[tuple[DeviceRecord, ...]]:
    """All devices and invitations by name."""
    enrolled, invited = yield (
        Read(
            "SELECT d.name, d.requests, d.tokens, c.serial, c.issued_at, c.expires_at,"
            " coalesce(c.revoked_at, d.revoked_at) FROM devices d JOIN ("
            "SELECT *, row_number() OVER (PARTITION BY name"
            " ORDER BY revoked_at IS NOT NULL, issued_at DESC, serial DESC) AS place FROM certificates"
            ") c ON c.name = d.name AND c.place = 1",
            {},
        ),
        Read(
            "SELECT name, max(expires_at) FROM tokens WHERE used_at IS NULL AND expires_at > :now"
            " AND name NOT IN (SELECT name FROM devices) GROUP BY name",
            {"now": now},
        ),
    )
    records = [_record(row, now) for row in enrolled] + [_invitation(*row) for row in invited]
    return tuple(sorted(records, key=lambda record: record.name))


# Their parts.


def _signs_of_life(front: str, now: float) -> tuple[Write, Write]:
    return (
        Write(
            "INSERT INTO fronts (id, seen_at) VALUES (:front, :now)"
            " ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
            {"front": front, "now": now},
        ),
        Write("DELETE FROM fronts WHERE seen_at < :long_ago", {"long_ago": now - FRONT_KEPT_SECONDS}),
    )


def _certificate(device: Device) -> Read:
    return Read(
        "SELECT coalesce(c.revoked_at, d.revoked_at), c.expires_at FROM certificates c"
        " JOIN devices d ON d.name = c.name WHERE c.serial = :serial AND c.name = :name",
        {"serial": device.serial, "name": device.name},
    )


def _standing(found: Rows, now: float) -> Standing:
    if not found:
        return Standing.UNKNOWN
    revoked_at, expires_at = found[0]
    return standing_of(revoked_at, expires_at, now)


def _spent(name: str, now: float) -> Read:
    return Read(
        "SELECT tokens FROM spending WHERE name = :name AND day = :day", {"name": name, "day": day_of(now)}
    )


def _spendable(found: Rows, now: float) -> str:
    """The name that a token enrols."""
    if not found:
        raise _token_refused("is not known here", "TOKEN_UNKNOWN")
    name, used_at, expires_at = found[0]
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


def _revoke_certificates(name: str, now: float) -> Write:
    return Write(
        "UPDATE certificates SET revoked_at = :now WHERE name = :name AND revoked_at IS NULL",
        {"name": name, "now": now},
    )


def _insert_certificate(certificate: SignedCertificate) -> Write:
    return Write(
        "INSERT INTO certificates (serial, name, issued_at, expires_at, revoked_at)"
        " VALUES (:serial, :name, :issued_at, :expires_at, NULL)",
        {
            "serial": certificate.serial,
            "name": certificate.name,
            "issued_at": certificate.issued.timestamp(),
            "expires_at": certificate.expires.timestamp(),
        },
    )


def _record(row: tuple[str, int, int, str, float, float, float | None], now: float) -> DeviceRecord:
    name, requests, tokens, serial, issued_at, expires_at, revoked_at = row
    return DeviceRecord(
        name=name,
        standing=standing_of(revoked_at, expires_at, now),
        serial=serial,
        issued=datetime.fromtimestamp(issued_at, UTC),
        expires=datetime.fromtimestamp(expires_at, UTC),
        revoked=None if revoked_at is None else datetime.fromtimestamp(revoked_at, UTC),
        requests=requests,
        tokens=tokens,
    )


def _invitation(name: str, expires_at: float) -> DeviceRecord:
    return DeviceRecord(
        name=name,
        standing=Standing.INVITED,
        serial="",
        issued=None,
        expires=datetime.fromtimestamp(expires_at, UTC),
        revoked=None,
        requests=0,
        tokens=0,
    )
