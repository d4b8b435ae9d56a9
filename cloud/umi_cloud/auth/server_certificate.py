"""Whether the deployment's own certificates are good, for how long, and the server's next one in time.

Devices trust the CA, so a new server certificate asks nothing of them; tokens that were not used yet pin the old one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from umi_cloud.auth.authority import Authority, AuthorityFiles
from umi_shared.errors import ConfigError

__all__ = ["CertificateWatch", "CertificateDates", "check_certificates", "renew_when_due"]

WARN = timedelta(days=30)
LOOK_SECONDS = 3600.0
_log = logging.getLogger("umi_cloud.certificates")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDates:
    """When the deployment's certificates end."""

    server: datetime
    ca: datetime
    retiring: datetime | None = None
    """When the old authority ends, while the next one is trusted, too; the server's certificate is of the old one."""

    def warnings(self, now: datetime) -> tuple[str, ...]:
        """What ends within 30 days, in plain words."""
        retire = "`umi-cloud ca retire` ends it, once every laptop has renewed"
        # No certificate of the server's outlasts its authority, so another one would change nothing.
        renewable = self.server < (self.retiring or self.ca)
        ends = (
            (
                self.server if renewable else None,
                "the server's certificate",
                "`umi-cloud ca init --renew-server` makes the next",
            ),
            (self.retiring, "the old certificate authority, and with it the server's certificate,", retire),
            (self.ca, "the certificate authority", "`umi-cloud ca rotate` makes the next"),
        )
        return tuple(
            f"{what} ends at {end:%Y-%m-%d %H:%M} UTC: {fix}"
            for end, what, fix in ends
            if end is not None and end - now <= WARN
        )


def check_certificates(folder: Path, now: datetime) -> CertificateDates:
    """The dates of the certificates in a folder.

    Raises ConfigError when one is missing, damaged, not valid at `now`, or does not belong to the other.
    """
    authority = Authority.load(folder)
    files = AuthorityFiles(folder)
    server = authority.server_certificate
    again = "run `umi-cloud ca init --renew-server`"
    _check_dates(
        authority.ca_certificate,
        now,
        f"the certificate authority {files.ca_certificate}",
        "make another, and enrol every device again"
        if authority.following is None
        else "end it with `umi-cloud ca retire`",
    )
    _check_dates(server, now, f"the server's certificate {files.server}", again)
    if not authority.has_issued(server):
        raise ConfigError(
            f"the server's certificate {files.server} is not of the authority {files.ca_certificate}:"
            " no device would trust it",
            fix=f"restore {files.directory} from your backup, or {again}",
        )
    if not _fits(files.server, server):
        raise ConfigError(f"the key in {files.server} is not that of its certificate", fix=again)
    *old, last = (ca.certificate.not_valid_after_utc for ca in authority.trusted)
    return CertificateDates(server=server.not_valid_after_utc, ca=last, retiring=old[0] if old else None)


def renew_when_due(folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> bool:
    """Make the server's next certificate in the last 30 days of the present one; whether that was so.

    Raises ConfigError when the files cannot be read or written.
    """
    authority = Authority.load(folder, clock=clock)
    ends = (authority.server_certificate.not_valid_after_utc, authority.ca_certificate.not_valid_after_utc)
    server_ends, ca_ends = (end - clock() <= WARN for end in ends)
    if not server_ends or ca_ends:
        return False
    authority.issue_server(folder)
    _log.warning("the server's certificate was about to end, and is renewed")
    return True


class CertificateWatch:
    """Renews the server's certificate 30 days before its end, or says that somebody has to.

    Where several fronts may have copies of the files, none renews its own: tokens pin the one that all of them show.
    """

    def __init__(
        self,
        folder: Path,
        tell: Callable[[bool], Awaitable[None]],
        *,
        renews: bool = True,
        renewed: Callable[[], Awaitable[None]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`tell` is awaited after each look: whether the certificates are good; `renewed` after each renewal."""
        self._folder = folder
        self._tell = tell
        self._renews = renews
        self._renewed = renewed
        self._clock = clock

    async def run(self) -> None:
        """Look every hour until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Renew what is due, and say what is not good."""
        if self._renews:
            try:
                if await asyncio.to_thread(renew_when_due, self._folder, self._clock):
                    await self._renewed()
            except ConfigError as error:  # a folder that others write, such as a mounted secret
                _log.warning("the server's certificate cannot be renewed here: %s", error.message)
        try:
            dates = await asyncio.to_thread(check_certificates, self._folder, self._clock())
        except ConfigError as error:
            _log.error("%s", error.message)
            await self._tell(False)
            return
        for warning in dates.warnings(self._clock()):
            _log.warning("%s", warning)
        await self._tell(True)


def _check_dates(certificate: x509.Certificate, now: datetime, what: str, fix: str) -> None:
    if now >= certificate.not_valid_after_utc:
        raise ConfigError(f"{what} expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC", fix=fix)
    if now < certificate.not_valid_before_utc:
        raise ConfigError(
            f"{what} is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on only",
            fix="set this machine's clock",
        )


def _fits(pair: Path, certificate: x509.Certificate) -> bool:
    try:
        key = load_pem_private_key(pair.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return False
    return key.public_key() == certificate.public_key()
