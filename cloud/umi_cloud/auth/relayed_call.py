"""A call that a proxy has brought, as umi's pipeline knows calls: who calls, from where, and how it ends."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, cast

import grpc

from umi_cloud.auth.forwarded_certificate import FORWARDED_KEY
from umi_shared.errors import RefusedError

if TYPE_CHECKING:
    from umi_cloud.request_pipeline import Context

__all__ = ["RelayedCall", "only_header"]


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
            only_header(self.context, self.address_header).rpartition(",")[2].strip()
            if self.address_header
            else ""
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


def only_header(context: "Context", name: str) -> str:
    """The value of a header that came once; empty for anything else."""
    said = cast("Iterable[tuple[str, str | bytes]]", context.invocation_metadata() or ())
    values = [value for key, value in said if key == name]
    return values[0] if len(values) == 1 and isinstance(values[0], str) else ""
