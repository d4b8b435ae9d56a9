"""Which devices, certificates and one-time tokens are accepted, and how much each device has used.

One database holds it (a SQLite file, or PostgreSQL that many fronts share): a revocation is a committed row, so it
holds from the next call on, in every process; what devices use counts on all fronts together.

Invariants: a token is kept as its SHA-256 only; a token gives one certificate, even to two redeemers at once;
what was revoked stays so after a crash or a power cut.
"""

import math
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, TracebackType
from typing import Self

from umi_cloud.auth import registry_operations as operations
from umi_cloud.auth.allowance import Quota, day_of
from umi_cloud.auth.audit import (
    KEPT_DAYS_MIN,
    PROGRAM,
    AuditEntry,
    Event,
    Origin,
    audited,
    entries_after,
    forget,
)
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.call_groups import CallGroups
from umi_cloud.auth.call_operations import BegunCall, EndedCall, LetIn, Verdict, account, touch
from umi_cloud.auth.identity import Device
from umi_cloud.auth.people import KnownPerson, Ownership, enrol_owned, person, release_person, revoke_person
from umi_cloud.auth.registry_operations import Invitation, Revocations, Straggler
from umi_cloud.auth.roster import roster
from umi_cloud.auth.standing import DeviceRecord, Standing, check_standing
from umi_cloud.auth.store import Operation, Store
from umi_shared.enrolment_token import check_device_name

__all__ = [
    "DeviceRecord",
    "EndedCall",
    "Invitation",
    "KnownPerson",
    "Ownership",
    "Registry",
    "Revocations",
    "Standing",
    "Straggler",
]


TOUCH_SECONDS = 3.0
"""How often a process says that it lives, while calls come."""


class Registry:
    """The devices of one deployment. `async with` opens and closes it; for one event loop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.front = secrets.token_hex(8)
        """The name of this process among those that share the registry."""
        self._touched_at = -math.inf
        self._groups = CallGroups(self._account)

    async def __aenter__(self) -> Self:
        await self.store.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what is under way, and close the store."""
        await self._groups.settle()
        await self.store.close()

    def now(self) -> datetime:
        """The registry's time, which is the same for all that share it."""
        return datetime.fromtimestamp(self.store.now(), UTC)

    # Tokens and certificates.

    async def add_token(
        self, name: str, digest: bytes, valid: timedelta, *, label: str = "", by: Origin = PROGRAM
    ) -> datetime:
        """Let the token with this SHA-256 enrol `name` once; returns when it expires."""
        return await self.add_tokens((Invitation(name, digest, label),), valid, by=by)

    async def add_tokens(
        self, invitations: Sequence[Invitation], valid: timedelta, *, by: Origin = PROGRAM
    ) -> datetime:
        """Let each token enrol its name once, all of them or none; returns when they expire."""
        for one in invitations:
            check_device_name(one.name)
        expires = await self.store.write(
            lambda now: operations.add_tokens(invitations, now, now + valid.total_seconds(), by), durable=True
        )
        return datetime.fromtimestamp(expires, UTC)

    async def redeem(
        self, digest: bytes, issue: Callable[[str], SignedCertificate], *, by: Origin = PROGRAM
    ) -> SignedCertificate:
        """Spend a token and record the certificate that `issue(name)` signs, in one transaction.

        When `issue` raises, the token is not spent. Older certificates of the device are refused from now on: enrolling
        a name again is how an operator replaces a lost laptop.
        Raises RefusedError: TOKEN_UNKNOWN, TOKEN_USED, TOKEN_EXPIRED.
        """
        return await self.store.write(lambda now: operations.redeem(digest, issue, now, by), durable=True)

    async def enrol_owned(
        self, mine: Ownership, issue: Callable[[str], SignedCertificate], *, by: Origin = PROGRAM
    ) -> SignedCertificate:
        """Record a laptop that somebody enrols by logging in, and the certificate that `issue(name)` signs.

        Raises RefusedError: PERSON_REVOKED, PERSON_HELD, LOGIN_USED, NAME_TAKEN, CERTIFICATE_REVOKED, TOO_MANY_DEVICES.
        """
        return await self.store.write(lambda now: enrol_owned(mine, issue, now, by), durable=True)

    async def person(self, who: str) -> KnownPerson | None:
        """Somebody who has logged in, by the issuer's name for them or their mail address; None for nobody.

        Raises ConfigError where that means several.
        """
        return await self.store.read(lambda _now: person(who))

    async def revoke_person(self, who: str, *, by: Origin = PROGRAM) -> KnownPerson | None:
        """Shut somebody out, with all their laptops: they enrol none any more. As `person` finds them."""
        return await self.store.write(lambda now: revoke_person(who, now, by), durable=True)

    async def release_person(self, who: str, *, by: Origin = PROGRAM) -> KnownPerson | None:
        """Let somebody log in again. As `person` finds them."""
        return await self.store.write(lambda now: release_person(who, now, by), durable=True)

    async def add_certificate(
        self,
        certificate: SignedCertificate,
        *,
        renewed: str,
        late: timedelta = timedelta(),
        by: Origin = PROGRAM,
    ) -> None:
        """Record the renewal of the certificate with the serial number `renewed`.

        That one is accepted until it expires, in case the reply gets lost; and so long after it as `late` says, unless
        the device has used a later one. Raises RefusedError as `check` does when it was shut out, or replaced, in the
        meantime.
        """
        await self.store.write(
            lambda now: operations.add_certificate(
                certificate, renewed, now, by, late_seconds=late.total_seconds()
            ),
            durable=True,
        )

    async def revoke(self, name: str, *, by: Origin = PROGRAM) -> bool:
        """Shut a device out, its unused tokens too; False when there is no such device."""
        return bool(await self.revoke_all((name,), by=by))

    async def revoke_all(self, names: Sequence[str], *, by: Origin = PROGRAM) -> frozenset[str]:
        """Shut devices out, all of them or none, their unused tokens too; returns the names that were known."""
        return await self.store.write(lambda now: operations.revoke(names, now, by), durable=True)

    async def release_all(self, names: Sequence[str], *, by: Origin = PROGRAM) -> frozenset[str]:
        """Let devices in again that a restore holds back; returns the names of those that were held."""
        return await self.store.write(lambda now: operations.release(names, now, by), durable=True)

    async def record(self, event: Event, detail: str, *, by: Origin = PROGRAM) -> None:
        """Tell the audit of something that is no device's own."""

        def operation(now: float) -> Operation[None]:
            yield (audited(event, now, by, detail=detail),)

        await self.store.write(operation, durable=True)

    async def standing(self, device: Device) -> Standing:
        """Whether this certificate of this device is accepted now; read from the database at every call."""
        return await self.store.read(lambda now: operations.standing(device, now))

    async def check(self, device: Device) -> None:
        """Raise RefusedError unless a call with this certificate may go on: CERTIFICATE_UNKNOWN, _EXPIRED, _REVOKED,
        _HELD.
        """
        check_standing(device, await self.standing(device))

    async def life(self, serial: str) -> tuple[datetime, datetime]:
        """When a certificate begins and ends. Raises RefusedError (CERTIFICATE_UNKNOWN)."""
        issued, expires = await self.store.read(lambda _now: operations.life(serial))
        return datetime.fromtimestamp(issued, UTC), datetime.fromtimestamp(expires, UTC)

    async def devices(self, days: int = 1) -> tuple[DeviceRecord, ...]:
        """All devices by name, with the newest certificate of each and the use of so many days, and those invited."""
        return await self.store.read(lambda now: roster(now, days))

    async def stragglers(self, authority: str, late: timedelta) -> tuple[Straggler, ...]:
        """The devices that would be locked out if only this authority were trusted (SHA-256 of its certificate).

        `late` is how long after its end a certificate is good for a renewal.
        """
        return await self.store.read(lambda now: operations.stragglers(authority, late.total_seconds(), now))

    # The audit.

    async def note_authority(self, detail: str, *, by: Origin = PROGRAM) -> None:
        """Note what became of the certificate authority."""
        await self.store.write(lambda now: operations.authority_changed(detail, now, by), durable=True)

    async def audit(self, since: datetime) -> AsyncIterator[AuditEntry]:
        """The entries from a time on, the oldest first."""
        place = (since.timestamp(), "")
        while True:
            entries, place = await self.store.read(lambda _now, place=place: entries_after(place))  # type: ignore[misc]  # bound early
            if not entries:
                return
            for entry in entries:
                yield entry

    async def forget_audit(self, days: int) -> None:
        """Forget the entries that are older than so many days."""
        kept = max(days, KEPT_DAYS_MIN) * 86_400
        await self.store.write(lambda now: forget(now - kept), durable=False)

    async def last_backup(self) -> float | None:
        """When the newest backup was made (seconds since 1970); None where the audit knows of none."""
        return await self.store.read(lambda _now: operations.last_backup())

    # What devices use.

    async def begin_call(
        self,
        device: Device,
        call: str,
        quota: Quota,
        *,
        teams: Mapping[str, Quota] = MappingProxyType({}),
        version: str = "",
    ) -> LetIn:
        """Take one of the device's places for a call, which `end_call` gives back; a refused call takes nothing.

        `call` is a new random word, `version` what the device says of itself; a device of one of the `teams` has its
        quota.

        Raises RefusedError as `check` and `allowance.drawn` do.
        """
        return await self._groups.begin(
            BegunCall(call=call, device=device, quota=quota, teams=teams, version=version)
        )

    async def end_call(self, ended: EndedCall, *, patient: bool = False) -> None:
        """Give the place of a call back, and count its model tokens, also those of a call that had no place.

        With `patient` that is done together with the next call that begins here, and before it; or a moment later.
        """
        await self._groups.end(ended, patient=patient)

    async def _account(self, begun: Sequence[BegunCall], ended: Sequence[EndedCall]) -> list[Verdict]:
        touched_at = self._touched_at

        def operation(now: float) -> Operation[list[Verdict]]:
            nonlocal touched_at
            touches = bool(begun) and not 0 <= now - self._touched_at <= TOUCH_SECONDS
            touched_at = now if touches else self._touched_at
            return account(begun, ended, self.front, now, touches=touches)

        verdicts = await self.store.write(operation, durable=False)
        self._touched_at = touched_at
        return verdicts

    async def tokens_spent(self, name: str) -> int:
        """Model tokens the device used today (UTC)."""
        return await self.store.read(lambda now: operations.tokens_spent(name, now))

    async def forget_use(self, days: int) -> None:
        """Forget what devices used on days before the last so many; today counts as one."""
        await self.store.write(
            lambda now: operations.forget_use(day_of(now - (days - 1) * 86_400)), durable=False
        )

    async def touch(self) -> None:
        """Say that this process lives. The calls of one that is silent for 10 s don't count any more."""
        await self.store.write(lambda now: touch(self.front, now), durable=False)

    # What other processes change.

    async def revoked_since(self, moment: float | None) -> Revocations:
        """The certificates revoked since a moment that an earlier answer gave; None: since now."""
        return await self.store.read(lambda now: operations.revoked_since(moment, now))

    async def changed(self, seconds: float) -> None:
        """Wait until something may have been revoked; `seconds` at most."""
        await self.store.changed(seconds)
