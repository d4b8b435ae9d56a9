"""The planner of a laptop: the shared one over its open channel, or one on this device."""

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
    renewal_due,
)
from umi_edge.connection.enroll import renew
from umi_edge.connection.local_cloud import local_cloud
from umi_edge.connection.reachability import reachable
from umi_edge.policy import Policy
from umi_edge.runtime.config import EdgeConfig
from umi_shared.errors import TransportError
from umi_shared.screen.console import Screen

__all__ = ["ON_DEVICE", "Planner", "open_planner", "renewed_planner"]

ON_DEVICE = "this device"
"""What `where` says of a planner on this device."""


@dataclass(frozen=True, slots=True)
class Planner:
    """A planner to talk to, and where it is."""

    connection: Connection
    where: str = field(default=ON_DEVICE, repr=False)
    channel: grpc.aio.Channel | None = None
    """The open channel that its health was asked over; opening another would cost a second handshake."""

    @property
    def on_device(self) -> bool:
        """Whether it is on this device."""
        return self.where == ON_DEVICE


async def open_planner(config: EdgeConfig, console: Screen, policy: Policy, stack: AsyncExitStack) -> Planner:
    """The shared planner, or one on this device where the configuration or the policy says so, and that is announced.

    Raises `TransportError` when there is no planner, `ConfigError` when the device is not enrolled.
    """
    if policy.defaults.instruction == "device":
        console.print(
            "Planning on this device: the policy keeps the instruction here.", style="bold", soft_wrap=True
        )
        return await _on_device(stack)
    if config.offline == "device" and not is_enrolled(config.connection):
        console.print(
            "Planning on this device: it is not enrolled with any planner.",
            style="bold yellow",
            soft_wrap=True,
        )
        return await _on_device(stack)
    connection = Connection.load(config.connection)
    check_certificate(connection, datetime.now(UTC))
    channel = await stack.enter_async_context(open_channel(connection))
    if await reachable(channel):
        if renewal_due(connection, datetime.now(UTC)):
            connection = await renew(connection)
            channel = await stack.enter_async_context(open_channel(connection))  # with the new certificate
        return Planner(connection, connection.service_address, channel)
    if config.offline != "device":
        raise TransportError(
            f"the planner at {connection.service_address} cannot be reached",
            fix="check the network with `umi doctor`, or set `offline: device` to plan on this device then",
        )
    console.print(
        f"The planner at {connection.service_address} cannot be reached: planning on this device instead.",
        style="bold yellow",
        soft_wrap=True,
    )
    return await _on_device(stack)


async def renewed_planner(planner: Planner, stack: AsyncExitStack) -> Planner:
    """The same shared planner with a new certificate. Raises `UmiError` where it gives none now."""
    connection = await renew(planner.connection)
    channel = await stack.enter_async_context(open_channel(connection))
    return Planner(connection, connection.service_address, channel)


async def _on_device(stack: AsyncExitStack) -> Planner:
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="umi-", ignore_cleanup_errors=True)))
    local = await stack.enter_async_context(local_cloud(folder))
    return Planner(local.connection)
