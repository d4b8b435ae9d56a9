"""The planner of a laptop: the shared one over its open channel, or one on this device."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc.aio

from umi_edge.connection.connection import (
    Connection,
    check_certificate,
    is_enrolled,
    open_channel,
)
from umi_edge.connection.local_cloud import local_cloud
from umi_edge.connection.reachability import reachable
from umi_edge.connection.renewal import Renewals, in_date
from umi_edge.policy import Policy
from umi_edge.runtime.config import EdgeConfig
from umi_shared.errors import TransportError, UmiError
from umi_shared.screen.console import Screen

__all__ = ["ON_DEVICE", "Planner", "open_planner", "renewed_planner", "returned_planner"]

_SHORT_SECONDS = 5.0
_GLANCE_SECONDS = 2.0
ON_DEVICE = "this device"
"""What `where` says of a planner on this device."""


@dataclass(frozen=True, slots=True)
class Planner:
    """A planner to talk to, and where it is."""

    connection: Connection
    where: str = field(default=ON_DEVICE, repr=False)
    channel: grpc.aio.Channel | None = None
    """The open channel that its health was asked over; opening another would cost a second handshake."""
    renewals: Renewals | None = field(default=None, repr=False)
    notice: str = field(default="", repr=False)
    """What the user is told of it; empty for a shared planner that is there."""
    stands_in: bool = False
    """Whether it takes the place of a shared planner that is not there."""
    close: Callable[[], Awaitable[None]] | None = field(default=None, repr=False)
    """Ends one that stands in, once nothing is planned by it any more."""

    @property
    def on_device(self) -> bool:
        """Whether it is on this device."""
        return self.where == ON_DEVICE

    def announce(self, console: Screen) -> None:
        """Tell the user where it is, where that is worth a word."""
        if self.notice:
            _announce(console, self.notice, stands_in=self.stands_in)


async def open_planner(config: EdgeConfig, console: Screen, policy: Policy, stack: AsyncExitStack) -> Planner:
    """The shared planner, or one on this device where the configuration or the policy says so, and that is announced.

    Raises `TransportError` when there is no planner, `ConfigError` when the device is not enrolled.
    """
    if policy.defaults.instruction == "device":
        said = "Planning on this device: the policy keeps the instruction here."
        return await _on_device(console, stack, said)
    if config.offline == "device" and not is_enrolled(config.connection):
        said = "Planning on this device: it is not enrolled with any planner."
        return await _on_device(console, stack, said, stands_in=True)
    try:
        connection = await in_date(
            Connection.load(config.connection),
            datetime.now(UTC),
            tell=lambda line: console.print(line, style="yellow", soft_wrap=True),
        )
    except TransportError as error:
        if config.offline != "device":
            raise
        return await _on_device(console, stack, f"{error.message}. Planning on this device.", stands_in=True)
    check_certificate(connection, datetime.now(UTC))
    channel = await stack.enter_async_context(open_channel(connection))
    if await _answers(channel, config, console, connection):
        return _shared(connection, channel, stack)
    if config.offline != "device":
        raise TransportError(
            f"the planner at {connection.service_address} cannot be reached",
            fix="check the network with `umi doctor`, or set `offline: device` to plan on this device then",
        )
    said = f"The planner at {connection.service_address} cannot be reached: planning on this device instead."
    return await _on_device(console, stack, said, stands_in=True)


async def returned_planner(config: EdgeConfig, stack: AsyncExitStack) -> Planner | None:
    """The shared planner for which one on this device stands in, if it is there by now; its channel is on the stack."""
    if not is_enrolled(config.connection):
        return None
    async with AsyncExitStack() as opened:
        try:
            connection = await in_date(Connection.load(config.connection), datetime.now(UTC))
            check_certificate(connection, datetime.now(UTC))
        except (UmiError, OSError):  # it says so at the next start
            return None
        channel = await opened.enter_async_context(open_channel(connection))
        if not await reachable(channel, _GLANCE_SECONDS):
            return None
        await stack.enter_async_context(opened.pop_all())
    return _shared(connection, channel, stack)


def _shared(connection: Connection, channel: grpc.aio.Channel, stack: AsyncExitStack) -> Planner:
    renewals = Renewals(connection)
    stack.push_async_callback(renewals.close)
    renewals.poke()  # beside the session, which goes on with the certificate that it has
    return Planner(connection, connection.service_address, channel, renewals)


async def renewed_planner(planner: Planner, stack: AsyncExitStack) -> Planner:
    """The same planner, over a channel with a new certificate where there is one by now.

    Waits for nothing while the certificate is good; raises as `in_date` does where it has ended.
    """
    if planner.renewals is None:
        return planner
    planner.renewals.poke()
    connection = planner.renewals.renewed() or await planner.renewals.late()
    if connection is None:
        return planner
    channel = await stack.enter_async_context(open_channel(connection))
    return Planner(connection, connection.service_address, channel, planner.renewals)


async def _answers(
    channel: grpc.aio.Channel, config: EdgeConfig, console: Screen, connection: Connection
) -> bool:
    """Whether the shared planner serves, or does soon; a wait that a person would notice is announced."""
    if await reachable(channel, _SHORT_SECONDS):
        return True
    if config.offline == "device":
        return False
    console.print(
        f"The planner at {connection.service_address} does not answer yet: trying for half a minute.",
        style="yellow",
        soft_wrap=True,
    )
    return await reachable(channel)


async def _on_device(
    console: Screen, stack: AsyncExitStack, notice: str, *, stands_in: bool = False
) -> Planner:
    _announce(console, notice, stands_in=stands_in)  # its start takes a while
    own = await stack.enter_async_context(AsyncExitStack())
    folder = Path(own.enter_context(TemporaryDirectory(prefix="umi-", ignore_cleanup_errors=True)))
    local = await own.enter_async_context(local_cloud(folder))
    return Planner(local.connection, notice=notice, stands_in=stands_in, close=own.aclose)


def _announce(console: Screen, notice: str, *, stands_in: bool) -> None:
    console.print(notice, style="bold yellow" if stands_in else "bold", soft_wrap=True)
