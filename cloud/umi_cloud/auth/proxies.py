"""Proxies that end TLS before a front: which ones are believed, and whose calls they bring.

A named proxy shows a certificate of its own, and says in `x-forwarded-client-cert` which certificate its client has
shown. Its call is then that device's, as if it had come by itself: registry, quotas, revocation and log see no
difference. Renewals ask for more: the device's key signs them (`EnrolmentDesk.check_signed`), for a proxy must not
collect certificates.

Covered: the header from anybody else, who is taken for what their certificate says; a proxy without the header, which
is nobody; certificates that another authority, trusted for proxies alone, has signed for a device. Not covered: a
named proxy that lies, or that forwards what its clients write (Envoy's FORWARD_ONLY): it can call as any device whose
certificate it has seen.
"""

import ipaddress
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from umi_cloud.auth.authority import Authority
from umi_cloud.auth.certificates import PROXY_URI, device_name, subject_names
from umi_cloud.auth.forwarded_certificate import FORWARDED_KEY, forwarded_certificates
from umi_cloud.auth.live_authority import AuthoritySource
from umi_shared.errors import ConfigError, MalformedError, RefusedError

if TYPE_CHECKING:
    from umi_cloud.request_pipeline import Context

__all__ = ["Proxies", "ProxySettings", "RelayedCall"]

_AUTHORITY_SECONDS = 1.0
"""How long the authority's files are not looked at again."""
_CACHED = 4096
_WARN_SECONDS = 30 * 86_400.0
_WARN_AGAIN_SECONDS = 86_400.0
_log = logging.getLogger("umi_cloud.proxies")
C = TypeVar("C")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """Which proxies may end TLS before this server, and say whose calls they bring (`x-forwarded-client-cert`)."""

    names: tuple[str, ...] = ()
    """Of those that `umi-cloud ca proxy NAME` made a certificate for; with `authority`, DNS names or URIs of others."""
    authority: Path | None = None
    """A file of certificates (PEM) whose authorities sign the proxies', where that is not umi's own."""
    address_header: str = ""
    """The header whose last address is the laptop's, such as `x-forwarded-for`; empty: the log has the proxy's."""

    def __post_init__(self) -> None:
        if self.authority is not None and not self.names:
            raise ConfigError(
                "`proxy` has an authority and no names, and believes nobody",
                fix="name the proxies: `proxy: {names: [edge.example.org], …}`",
            )
        if any(not name or name.startswith("umi://") for name in self.names):
            raise ConfigError(
                "`proxy: {names: …}` has a name that is none",
                fix="write the NAME of `umi-cloud ca proxy NAME`, or a DNS name or URI of its certificate",
            )
        if self.address_header.lower() == FORWARDED_KEY:
            raise ConfigError(
                f"`{FORWARDED_KEY}` holds no addresses", fix="name a header such as x-forwarded-for"
            )

    def authority_pem(self) -> bytes:
        """The certificates of `authority`; empty without. Raises ConfigError."""
        if self.authority is None:
            return b""
        try:
            pem = self.authority.read_bytes()
            basics = [
                one.extensions.get_extension_for_class(x509.BasicConstraints).value
                for one in x509.load_pem_x509_certificates(pem)
            ]
        except (OSError, ValueError, x509.ExtensionNotFound) as error:
            raise ConfigError(
                f"the proxies' authority {self.authority} cannot be read", fix="check `proxy: {authority: …}`"
            ) from error
        if not all(one.ca for one in basics):
            raise ConfigError(
                f"{self.authority} holds a certificate of no authority",
                fix="name the file of the authority that signs the proxies' certificates",
            )
        return pem


@dataclass(frozen=True, slots=True)
class _Proxy:
    """A certificate of a named proxy."""

    name: str
    ends_at: float


class _Foreign:
    """A certificate that TLS accepted, and that is neither a named proxy's nor one of umi's own."""


@dataclass(slots=True, eq=False)
class RelayedCall:
    """A call as its device would make it, with what umi uses of `grpc.aio.ServicerContext`."""

    context: "Context"
    shown: bytes | RefusedError = field(repr=False)
    """The device's certificate, or why nobody is believed to call."""
    named: bool = True
    """Whether a named proxy has brought it."""
    address_header: str = ""

    def invocation_metadata(self) -> list[tuple[str, str | bytes]]:
        """What the device sent, without what only a proxy says."""
        said = cast("Iterable[tuple[str, str | bytes]]", self.context.invocation_metadata() or ())
        return [(name, value) for name, value in said if name != FORWARDED_KEY]

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """The device's certificate. Raises RefusedError where the proxy says none."""
        if isinstance(self.shown, RefusedError):
            raise self.shown
        return {"x509_pem_cert": (self.shown,)}

    def peer(self) -> str:
        """The laptop's address, where the proxy is set up to say it; else the proxy's."""
        said = (
            _only(self.context, self.address_header).rpartition(",")[2].strip() if self.address_header else ""
        )
        try:
            address = ipaddress.ip_address(said)
        except ValueError:
            return self.context.peer()
        return f"ipv4:{address}:0" if address.version == 4 else f"ipv6:[{address}]:0"

    def time_remaining(self) -> float | None:
        """Seconds that the device gave."""
        return self.context.time_remaining()

    async def write(self, message: bytes) -> None:
        """Send one piece."""
        await self.context.write(message)

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: tuple[tuple[str, str | bytes], ...] = (),
    ) -> NoReturn:
        """End the call."""
        await self.context.abort(code, details, trailing_metadata)
        raise AssertionError("abort returned")


class Proxies:
    """Tells named proxies from devices. For one event loop."""

    def __init__(
        self,
        settings: ProxySettings,
        authority: AuthoritySource,
        *,
        clock: Callable[[], float] = time.monotonic,
        calendar: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._source = authority
        self._clock = clock
        self._calendar = calendar
        self._authority: Authority | None = None
        self._looked_at = float("-inf")
        self._kinds: dict[bytes, _Proxy | _Foreign | None] = {}
        self._devices: dict[str, bytes] = {}
        self._said: dict[str, float] = {}

    def caller(self, context: C) -> "C | RelayedCall":
        """The call as its device makes it: the same where a device has called, else a `RelayedCall`."""
        shown = cast("Context", context)
        (pem, *_) = (*shown.auth_context().get("x509_pem_cert", ()), b"")
        kind = self._kind(pem) if pem else None
        if kind is None:
            return context
        if isinstance(kind, _Foreign):
            self._say("a certificate of the proxies' authority has no name of `proxy: {names: …}`", 60.0)
            refused = _refused("the certificate is neither a device's nor a named proxy's")
            return RelayedCall(shown, refused, named=False)
        try:
            self._check_dates(kind)
            device: bytes | RefusedError = self._device(_only(shown, FORWARDED_KEY))
        except MalformedError as error:
            self._say(f"the proxy {kind.name} is not believed: {error.message}", 60.0)
            device = _refused(f"the proxy {kind.name} does not say whose call this is")
        return RelayedCall(shown, device, address_header=self._settings.address_header.lower())

    def _kind(self, pem: bytes) -> _Proxy | _Foreign | None:
        """None for a certificate of umi's that is no named proxy's: what it is, others say."""
        authority = self._current()
        if pem not in self._kinds:
            if len(self._kinds) >= _CACHED:
                self._kinds.clear()
            try:
                self._kinds[pem] = self._kind_of(x509.load_pem_x509_certificate(pem), authority)
            except Exception:  # TLS takes certificates of the proxies' authority that the parser does not
                self._kinds[pem] = _Foreign()
        return self._kinds[pem]

    def _kind_of(self, certificate: x509.Certificate, authority: Authority) -> _Proxy | _Foreign | None:
        ours = authority.has_issued(certificate)
        dns, uris = subject_names(certificate)
        if ours:
            shown = {uri.removeprefix(PROXY_URI) for uri in uris if uri.startswith(PROXY_URI)}
        else:
            # TLS believed it by the authority for proxies, then, and that one says nothing of devices.
            shown = {*dns, *uris} if self._settings.authority is not None else set()
        for name in self._settings.names:
            if name in shown:
                return _Proxy(name, certificate.not_valid_after_utc.timestamp())
        return None if ours else _Foreign()

    def _check_dates(self, proxy: _Proxy) -> None:
        """Raises MalformedError once the certificate has ended: a connection can outlast it."""
        left = proxy.ends_at - self._calendar()
        if left <= 0:
            raise MalformedError("its certificate has expired")
        if left < _WARN_SECONDS:
            ends = datetime.fromtimestamp(proxy.ends_at, UTC)
            self._say(
                f"the certificate of the proxy {proxy.name} ends at {ends:%Y-%m-%d %H:%M} UTC",
                _WARN_AGAIN_SECONDS,
            )

    def _say(self, words: str, seconds: float) -> None:
        """Tell the operator, once in so many seconds."""
        now = self._clock()
        if now - self._said.get(words, float("-inf")) >= seconds:
            self._said[words] = now
            _log.warning("%s", words)

    def _device(self, header: str) -> bytes:
        """The certificate that the nearest proxy's client has shown, once it is one of umi's. Raises MalformedError."""
        authority = self._current()
        if header not in self._devices:
            if not header:
                raise MalformedError(f"it sends no {FORWARDED_KEY}, or several")
            certificate = forwarded_certificates(header)[-1].certificate()
            # The proxy has looked at it by its own settings, which may let in what nobody has signed.
            if not authority.has_issued(certificate):
                raise MalformedError("the certificate is not one of this server's authority")
            if device_name(certificate) is None:
                raise MalformedError(
                    "the certificate is no device's: one proxy behind another is not believed"
                )
            if len(self._devices) >= _CACHED:
                self._devices.clear()
            self._devices[header] = certificate.public_bytes(Encoding.PEM)
        return self._devices[header]

    def _current(self) -> Authority:
        if self._authority is None or self._clock() - self._looked_at >= _AUTHORITY_SECONDS:
            self._looked_at = self._clock()
            found = self._source.current()
            if found is not self._authority:
                self._authority = found
                self._kinds.clear()
                self._devices.clear()
        return self._authority


def _only(context: "Context", name: str) -> str:
    """The value of a header that came once; empty for anything else."""
    said = cast("Iterable[tuple[str, str | bytes]]", context.invocation_metadata() or ())
    values = [value for key, value in said if key == name]
    return values[0] if len(values) == 1 and isinstance(values[0], str) else ""


def _refused(message: str) -> RefusedError:
    return RefusedError(
        message, reason="PROXY_INVALID", fix="tell the operator: the server's log says what is wrong"
    )
