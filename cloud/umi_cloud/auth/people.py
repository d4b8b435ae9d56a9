"""What the registry does with people who log in. Times are seconds since 1970.

A login locks the row of its person, so that two at once do not both get their last laptop, and none gets through beside
a revocation.
"""

from collections.abc import Callable
from dataclasses import dataclass

from umi_cloud.auth.audit import Event, Origin, audited
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry_operations import insert_certificate, revoke, revoke_certificates
from umi_cloud.auth.standing import Standing, check_standing
from umi_cloud.auth.store import Operation, Read, Rows, Write
from umi_shared.errors import ConfigError, RefusedError

__all__ = ["KnownPerson", "Ownership", "enrol_owned", "person", "release_person", "revoke_person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """A laptop that somebody enrols by logging in."""

    name: str
    owner: str
    """The issuer's name for them."""
    label: str
    team: str
    devices: int
    """Laptops that they may have."""
    digest: bytes
    """SHA-256 of their ID token, which is good once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """Somebody who has logged in."""

    subject: str
    """The issuer's name for them."""
    name: str
    """Their mail address, or the subject again."""
    revoked: bool
    devices: tuple[str, ...]
    """Their laptops that are not revoked."""


def enrol_owned(
    mine: Ownership, issue: Callable[[str], SignedCertificate], now: float, by: Origin
) -> Operation[SignedCertificate]:
    """Record a laptop that its owner enrols, anew or again, and the certificate that `issue` signs for its name."""
    values = {"name": mine.name, "owner": mine.owner, "label": mine.label, "digest": mine.digest, "now": now}
    standing, used, there, others = yield (
        Write(  # the row is locked from here on: another login of theirs waits, and counts this one
            "INSERT INTO people (subject, name, seen_at) VALUES (:owner, :label, :now)"
            " ON CONFLICT (subject) DO UPDATE SET name = excluded.name, seen_at = excluded.seen_at",
            values,
        ),
        Read("SELECT revoked_at, held_at FROM people WHERE subject = :owner", values),
        Read("SELECT name FROM tokens WHERE digest = :digest", values),
        Read("SELECT owner, revoked_at FROM devices WHERE name = :name", values, True),
        Read(
            "SELECT count(*) FROM devices WHERE owner = :owner AND name <> :name AND revoked_at IS NULL",
            values,
        ),
    )
    _check_person(*standing[0])
    _check_ownership(mine, used, there, others[0][0])
    certificate = issue(mine.name)
    yield (
        Write(
            "INSERT INTO tokens (digest, name, label, created_at, expires_at, used_at)"
            " VALUES (:digest, :name, '', :now, :now, :now)",
            values,
        ),
        Write(
            "INSERT INTO devices (name, enrolled_at, label, last_seen_at, owner, team)"
            " VALUES (:name, :now, :label, :now, :owner, :team)"
            " ON CONFLICT (name) DO UPDATE SET enrolled_at = excluded.enrolled_at,"
            " last_seen_at = excluded.last_seen_at, label = excluded.label, team = excluded.team",
            {**values, "team": mine.team},
        ),
        revoke_certificates(mine.name, now),
        insert_certificate(certificate),
        audited(Event.ENROLLED, now, by, device=mine.name, serial=certificate.serial, detail=mine.label),
    )
    return certificate


def person(who: str) -> Operation[KnownPerson | None]:
    """Whom a subject or a mail address means; None for nobody. Raises ConfigError where it means several."""
    found = yield from _found(who)
    return found


def revoke_person(who: str, now: float, by: Origin) -> Operation[KnownPerson | None]:
    """Shut somebody out, with all their laptops, until `release_person`; None where nobody is meant."""
    found = yield from _found(who)
    if found is None:
        return None
    yield (
        Write(
            "UPDATE people SET revoked_at = coalesce(revoked_at, :now) WHERE subject = :subject",
            {"subject": found.subject, "now": now},
        ),
        audited(Event.REVOKED, now, by, detail=_words(found)),
    )
    yield from revoke(found.devices, now, by)
    return found


def release_person(who: str, now: float, by: Origin) -> Operation[KnownPerson | None]:
    """Let somebody log in again; their revoked laptops stay so. None where nobody is meant."""
    found = yield from _found(who)
    if found is None:
        return None
    yield (
        Write(
            "UPDATE people SET revoked_at = NULL, held_at = NULL WHERE subject = :subject",
            {"subject": found.subject},
        ),
        audited(Event.RELEASED, now, by, detail=_words(found)),
    )
    return found


def _words(one: KnownPerson) -> str:
    return (
        f"the person {one.name} ({one.subject})" if one.name != one.subject else f"the person {one.subject}"
    )


def _found(who: str) -> Operation[KnownPerson | None]:
    (rows,) = yield (
        Read(
            "SELECT subject, name, revoked_at FROM people WHERE subject = :who OR name = :who"
            # Laptops keep the address that their owner had, which may be somebody else's by now.
            " OR subject IN (SELECT owner FROM devices WHERE label = :who AND revoked_at IS NULL) ORDER BY subject",
            {"who": who},
            True,
        ),
    )
    meant = [row for row in rows if row[0] == who] or rows
    if not meant:
        return None
    if len(meant) > 1:
        subjects = ", ".join(str(row[0])[:80] for row in meant[:10])
        raise ConfigError(
            f"several people have logged in as {who[:80]!r}", fix=f"name one by the subject: {subjects}"
        )
    subject, name, revoked_at = meant[0]
    (devices,) = yield (
        Read(
            "SELECT name FROM devices WHERE owner = :subject AND revoked_at IS NULL ORDER BY name",
            {"subject": subject},
        ),
    )
    return KnownPerson(
        subject=subject,
        name=name,
        revoked=revoked_at is not None,
        devices=tuple(row[0] for row in devices),
    )


def _check_person(revoked_at: float | None, held_at: float | None) -> None:
    if revoked_at is not None:
        raise RefusedError(
            "you were shut out here", reason="PERSON_REVOKED", fix="ask the planner's operator"
        )
    if held_at is not None:
        raise RefusedError(
            "who may log in is held back after a restore of the registry",
            reason="PERSON_HELD",
            fix="ask the operator to release you (`umi-cloud release --person`)",
        )


def _check_ownership(mine: Ownership, used: Rows, there: Rows, others: int) -> None:
    if used:
        raise RefusedError("the login was used already", reason="LOGIN_USED", fix="log in again")
    if there and there[0][0] != mine.owner:
        raise RefusedError(
            f"there is a device called {mine.name} already, which is somebody else's",
            reason="NAME_TAKEN",
            fix="choose another name with --name",
        )
    if there and there[0][1] is not None:  # only the operator lets in again what the operator shut out
        check_standing(Device(mine.name, ""), Standing.REVOKED)
    if others >= mine.devices:
        raise RefusedError(
            f"you have {others} laptops here already, which is the limit",
            reason="TOO_MANY_DEVICES",
            fix="ask the planner's operator to revoke one of them, or give it the name of the one that it replaces",
        )
