"""A call that Ray Serve's gRPC took in, as grpc.aio has calls: what is written, how it ends, who is believed to call.

Serve has no TLS, so its Envoy says which certificate the device showed (`x-forwarded-client-cert`). It is believed
where it also shows the key that only the Envoy and the replicas have; anybody else who reaches the port is a stranger.

A refusal's reason travels in trailing metadata, which Serve sends with an answer's messages only, and not with an
exception. So a refused stream ends with an empty piece of text that carries code and reason, and no exception.
"""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

import grpc
from cryptography.hazmat.primitives.serialization import Encoding

from umi_cloud.auth.forwarded_certificate import FORWARDED_KEY, forwarded_certificates
from umi_cloud.auth.identity import no_certificate
from umi_cloud.auth.relayed_call import RelayedCall
from umi_shared.errors import MalformedError, RefusedError

if TYPE_CHECKING:
    from umi_cloud.request_pipeline import Context

__all__ = ["HostedCall", "ServeContext", "streamed"]

PROXY_KEY = "umi-proxy-key"
TIMEOUT = "umi-timeout"
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class ServeContext(Protocol):
    """The part of Ray Serve's gRPC context that is needed here."""

    def invocation_metadata(self) -> list[tuple[str, str]]:
        """What came with the call."""

    def peer(self) -> str:
        """Who is at the other end of the connection: the Envoy."""

    def set_code(self, code: grpc.StatusCode) -> None:
        """The status that the call will end with."""

    def set_details(self, details: str) -> None:
        """Its text."""

    def set_trailing_metadata(self, trailing_metadata: list[tuple[str, str | bytes]]) -> None:
        """What goes with it."""


class EndedError(Exception):
    """The call has its status; nothing follows."""


@dataclass(slots=True, eq=False)
class HostedCall:
    """What umi uses of `grpc.aio.ServicerContext`, of Serve's context."""

    context: ServeContext
    key: bytes = field(repr=False)
    """What the Envoy shows to be believed."""
    written: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(maxsize=1), repr=False)

    def as_of_device(self) -> RelayedCall:
        """The same call as its device makes it, where the Envoy vouches for one."""
        return RelayedCall(cast("Context", self), self._shown())

    def invocation_metadata(self) -> list[tuple[str, str]]:
        """What the device sent, and which certificate the Envoy was shown."""
        said = self.context.invocation_metadata()
        return [(name, value) for name, value in said if name not in (PROXY_KEY, TIMEOUT)]

    def _shown(self) -> bytes | RefusedError:
        if self._vouched:
            with contextlib.suppress(MalformedError, ValueError):  # none, or more: its Envoy writes one
                (element,) = forwarded_certificates(self._value(FORWARDED_KEY))
                return element.certificate().public_bytes(Encoding.PEM)
        return no_certificate()

    def peer(self) -> str:
        """The connection that the call came over: the Envoy's."""
        return self.context.peer()

    def time_remaining(self) -> float | None:
        """Seconds that the device gave, as the Envoy was told them; None for no limit of its own."""
        return seconds_of(self._value(TIMEOUT)) if self._vouched else None

    async def write(self, message: bytes) -> None:
        """Send one piece, when the one before is sent."""
        await self.written.put(message)

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: tuple[tuple[str, str | bytes], ...] = (),
    ) -> NoReturn:
        """End the call."""
        self.context.set_code(code)
        self.context.set_details(details)
        self.context.set_trailing_metadata(list(trailing_metadata))
        raise EndedError

    @property
    def _vouched(self) -> bool:
        return hmac.compare_digest(self._value(PROXY_KEY).encode(), self.key)

    def _value(self, name: str) -> str:
        """The value of a name that comes once; empty for anything else."""
        values = [value for key, value in self.context.invocation_metadata() if key == name]
        return values[0] if len(values) == 1 and isinstance(values[0], str) else ""


async def streamed(
    call: HostedCall, serve: Callable[[], Awaitable[None]], last: bytes
) -> AsyncGenerator[bytes, None]:
    """What `serve` writes to a call, piece by piece; `last` is the empty piece that carries a refusal.

    Closing it ends `serve`. It raises nothing but cancellation.
    """
    serving = asyncio.ensure_future(serve())
    try:
        while True:
            writing = asyncio.ensure_future(call.written.get())
            await asyncio.wait((serving, writing), return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                writing.cancel()
                break
            yield writing.result()
        while not call.written.empty():
            yield call.written.get_nowait()
        try:
            await serving
        except EndedError:
            yield last
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError, EndedError):
            await serving


def seconds_of(timeout: str) -> float | None:
    """Seconds of a gRPC timeout; None for none, and for what is none.

    >>> seconds_of("1500m"), seconds_of("soon"), seconds_of("")
    (1.5, None, None)
    """
    number, unit = timeout[:-1], timeout[-1:]
    if not (number.isascii() and number.isdigit() and len(number) <= 8 and unit in _UNITS):
        return None
    return int(number) * _UNITS[unit]
