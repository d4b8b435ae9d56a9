"""Proxies that end TLS before a front: which ones are believed, and whose calls they bring.

A named proxy shows a certificate of its own, and says in `x-forwarded-client-cert` which certificate its client has
shown. Its call is then that device's, as if it had come by itself: registry, quotas, revocation and log see no
difference. Renewals ask for more: the device's key signs them (`EnrolmentDesk.check_signed`), for a proxy must not
collect certificates.

Of several proxies in a row each adds an element, and they are read from the last: it is the word of the proxy that
has called; where that names another named proxy, the element before it is that one's word; and so on, until one names
a device. What stands before that was written by nobody who is believed, and is not read.

Covered: the header from anybody else, who is taken for what their certificate says; a proxy without the header, which
is nobody; certificates that another authority, trusted for proxies alone, has signed for a device; elements of a
device's own. Not covered: a named proxy that lies, or that forwards what its clients write (Envoy's FORWARD_ONLY): it
can call as any device whose certificate it has seen.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from umi_cloud.auth.authority import Authority
from umi_cloud.auth.certificates import PROXY_URI, device_name, subject_names
from umi_cloud.auth.forwarded_certificate import (
    FORWARDED_KEY,
    ForwardedCertificate,
    forwarded_certificates,
)
from umi_cloud.auth.live_authority import AuthoritySource
from umi_cloud.auth.proxy_settings import ProxySettings
from umi_cloud.auth.relayed_call import RelayedCall, only_header
from umi_shared.errors import MalformedError, RefusedError

if TYPE_CHECKING:
    from umi_cloud.request_pipeline import Context

__all__ = ["Proxies"]

_AUTHORITY_SECONDS = 1.0
"""How long the authority's files are not looked at again."""
_CACHED = 4096
_WARN_SECONDS = 30 * 86_400.0
_WARN_SHARE = 0.1
"""Of a certificate's life, where that is shorter: a mesh renews certificates of a day when half of it is over."""
_WARN_AGAIN_SECONDS = 86_400.0
_FOREIGN_DEVICE = (
    "a laptop whose certificate is of no authority that is trusted here: another operator's, or one that was retired; "
    "the laptop enrols again (`umi-cloud enroll NAME`), and the proxy needs the present ca.pem"
)
_log = logging.getLogger("umi_cloud.proxies")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class _Proxy:
    """A certificate of a named proxy."""

    name: str
    ends_at: float
    warn_at: float


class _Foreign:
    """A certificate that TLS accepted, and that is neither a named proxy's nor one of umi's own."""


@dataclass(frozen=True, slots=True)
class _Path:
    """How a call came: its device, and the named proxies before that of the last hop."""

    device_pem: bytes = field(repr=False)
    behind: tuple[_Proxy, ...]


class _ForeignDeviceError(MalformedError):
    """A proxy brings a device whose certificate no authority here has signed."""


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
        self._paths: dict[bytes, _Path] = {}
        # Read once, as TLS reads it. Raises ConfigError.
        pem = settings.authority_pem()
        self._proxies_authority = x509.load_pem_x509_certificates(pem) if pem else []
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
            device: bytes | RefusedError = self._device(kind, only_header(shown, FORWARDED_KEY))
        except _ForeignDeviceError as error:
            self._say(f"the proxy {kind.name} brings {error.message}", 60.0)
            device = RefusedError(
                "the certificate is of no authority that this server trusts now: another operator's, or one that was "
                "retired",
                reason="CERTIFICATE_FOREIGN",
                fix="enrol again with a new token from the operator",
            )
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
        # TLS believed it by the authority for proxies, then, and that one says nothing of devices.
        if proxy := self._named(certificate, ours=ours):
            return proxy
        return None if ours else _Foreign()

    def _named(self, certificate: x509.Certificate, *, ours: bool) -> _Proxy | None:
        """The named proxy whose certificate it is; `ours`: of umi's authority, and not of the proxies' own."""
        dns, uris = subject_names(certificate)
        if ours:
            shown = {uri.removeprefix(PROXY_URI) for uri in uris if uri.startswith(PROXY_URI)}
        else:
            shown = {*dns, *uris} if self._settings.authority is not None else set()
        for name in self._settings.names:
            if name in shown:
                begins, ends = (
                    one.timestamp()
                    for one in (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
                )
                return _Proxy(name, ends, ends - min(_WARN_SECONDS, _WARN_SHARE * (ends - begins)))
        return None

    def _check_dates(self, proxy: _Proxy) -> None:
        """Raises MalformedError once the certificate has ended: a connection can outlast it."""
        now = self._calendar()
        if now >= proxy.ends_at:
            raise MalformedError(f"the certificate of {proxy.name} has expired")
        if now >= proxy.warn_at:
            ends = datetime.fromtimestamp(proxy.ends_at, UTC)
            self._say(
                f"the certificate of the proxy {proxy.name} ends at {ends:%Y-%m-%d %H:%M} UTC",
                _WARN_AGAIN_SECONDS,
                about=f"end of {proxy.name}",
            )

    def _say(self, words: str, seconds: float, *, about: str = "") -> None:
        """Tell the operator, once in so many seconds; words that are never the same again say what they are about."""
        now, about = self._clock(), about or words
        if now - self._said.get(about, float("-inf")) >= seconds:
            self._said[about] = now
            _log.warning("%s", words)

    def _device(self, peer: _Proxy, header: str) -> bytes:
        """The certificate of the device whose call this proxy has brought. Raises MalformedError."""
        authority = self._current()
        place = hashlib.sha256(f"{peer.name}\0{header}".encode()).digest()
        path = self._paths.get(place)
        if path is None:
            if not header:
                raise MalformedError(f"it sends no {FORWARDED_KEY}, or several")
            path = self._path(peer, forwarded_certificates(header), authority)
            if len(self._paths) >= _CACHED:
                self._paths.clear()
            self._paths[place] = path
        for proxy in path.behind:
            self._check_dates(proxy)
        return path.device_pem

    def _path(self, peer: _Proxy, elements: Sequence[ForwardedCertificate], authority: Authority) -> _Path:
        """Back from the proxy that has called to a device, each step by the word of a named proxy."""
        hops = [peer]
        for element in reversed(elements):
            try:
                certificate = element.certificate()
                issuers = element.issuers()
            except MalformedError as error:
                raise MalformedError(f"in the element of {hops[-1].name}: {error.message}") from error
            # The proxy has looked at it by its own settings, which may let in what nobody has signed.
            ours = authority.has_issued(certificate)
            if device_name(certificate) is not None:
                if not ours:
                    raise _ForeignDeviceError(_FOREIGN_DEVICE)
                return _Path(certificate.public_bytes(Encoding.PEM), tuple(hops[1:]))
            proxy = self._named(certificate, ours=ours)
            if proxy is None or not (ours or self._is_proxys(certificate, issuers)):
                raise MalformedError(
                    f"{hops[-1].name} was called with a certificate that is neither a laptop's nor a named proxy's"
                )
            if proxy.name in [hop.name for hop in hops]:
                raise MalformedError(f"{proxy.name} stands twice in a row of proxies")
            hops.append(proxy)
        *_, by, last = hops
        raise MalformedError(
            f"it was called by the proxy {last.name}, and there is no element of {last.name}'s: have "
            f"{by.name} append to {FORWARDED_KEY} (Envoy: APPEND_FORWARD), and {last.name} write it"
        )

    def _is_proxys(self, certificate: x509.Certificate, issuers: list[x509.Certificate]) -> bool:
        """Whether the authority for proxies has signed the certificate of a proxy that did not call here itself."""
        verifier = (
            PolicyBuilder()
            .store(Store(self._proxies_authority))
            .time(datetime.fromtimestamp(self._calendar(), UTC))
            # What the certificate is for was checked by the proxy that was shown it; here counts who has signed it.
            .extension_policies(
                ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
            )
            .build_client_verifier()
        )
        try:
            verifier.verify(certificate, issuers)
        except (VerificationError, ValueError):
            return False
        return True

    def _current(self) -> Authority:
        if self._authority is None or self._clock() - self._looked_at >= _AUTHORITY_SECONDS:
            self._looked_at = self._clock()
            found = self._source.current()
            if found is not self._authority:
                self._authority = found
                self._kinds.clear()
                self._paths.clear()
        return self._authority


def _refused(message: str) -> RefusedError:
    return RefusedError(
        message, reason="PROXY_INVALID", fix="tell the operator: the server's log says what is wrong"
    )
