"""A gateway that is a process of its own: over standard input and output, or at a port of this machine."""

import shlex
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import uvicorn
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from umi_edge.doors.daemon_request import Alone
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.gateway.bridge import Bridge, FarEnd
from umi_edge.doors.gateway.far_ends import daemon_end, own_end
from umi_edge.doors.gateway.gateway import Gateway
from umi_edge.doors.gateway.http import gateway_app
from umi_edge.doors.gateway.mcp_server import mcp_server
from umi_edge.doors.gateway.opened import open_gateway
from umi_edge.doors.gateway.window import window, window_folder
from umi_edge.doors.place import Place
from umi_edge.egress.cloud_client import Approver
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import Laptop, open_laptop
from umi_edge.session.consent import Consent, DeclineAll
from umi_edge.session.tool_session import ToolSession
from umi_shared.errors import ConfigError
from umi_shared.handles import Handle

__all__ = ["Surroundings", "serve_http", "serve_stdio"]

_LAST_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Who is there beside the client."""

    consent: Consent = field(default_factory=DeclineAll)
    approver: Approver | None = None
    """Who sees each message before it leaves, where that is wanted."""
    complain: Callable[[str], None] = field(default=lambda _: None, repr=False)
    started: Callable[[Laptop], None] = field(default=lambda _: None, repr=False)
    """Told once the laptop is there, with what it goes on without."""


async def serve_stdio(config: EdgeConfig, client: str, around: Surroundings) -> None:
    """Serve the program at the other end of standard input and output until it closes them.

    The daemon carries out what it asks, where one runs. Raises what `open_laptop` raises, `PrivacyError` where the
    self-test says no, and `TransportError` where the daemon serves nobody now.
    """
    if Place.beside(config.ledger).running() is not None:
        await _bridge_stdio(config, client, around)
        return
    async with _gateway(config, client, around) as gateway:
        server = mcp_server(gateway)
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())


async def _bridge_stdio(config: EdgeConfig, client: str, around: Surroundings) -> None:
    async with stdio_server() as (reading, writing):
        bridge = Bridge(
            tell=lambda message: writing.send(SessionMessage(message)),
            connect=partial(_somebody, config, client, around),
        )
        try:
            await bridge.begin()
            async for item in reading:
                if isinstance(item, SessionMessage):
                    await bridge.hear(item.message)
        finally:
            await bridge.end()


@asynccontextmanager
async def _somebody(config: EdgeConfig, client: str, around: Surroundings) -> AsyncIterator[FarEnd]:
    """The daemon where it runs and takes this, else a gateway of this process."""
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(daemon_end(config, client))
        if isinstance(found, Alone):
            if found.reason:
                around.complain(f"The running umi serve is not used: {found.reason}.")
            gateway = await stack.enter_async_context(_gateway(config, client, around))
            found = await stack.enter_async_context(own_end(gateway))
        yield found


async def serve_http(
    config: EdgeConfig,
    client: str,
    around: Surroundings,
    keeper: Doorkeeper,
    port: int,
    listening: Callable[[str], None],
) -> None:
    """Serve at a port of this machine until the process is told to end; `listening` is told the address.

    Raises `ConfigError` where the port is taken, and what `serve_stdio` raises.
    """
    try:
        own = socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"umi cannot listen on port {port}: {getattr(error, 'strerror', error)}",
            fix="another umi may be running; or choose another port with --port",
        ) from error
    with own:
        async with _gateway(config, client, around) as gateway, gateway_app(gateway, keeper) as app:
            server = uvicorn.Server(
                uvicorn.Config(
                    app,
                    log_level="warning",
                    access_log=False,
                    server_header=False,
                    lifespan="off",
                    timeout_graceful_shutdown=_LAST_SECONDS,
                )
            )
            listening(f"http://127.0.0.1:{own.getsockname()[1]}/mcp")
            await server.serve(sockets=[own])


@asynccontextmanager
async def _gateway(config: EdgeConfig, client: str, around: Surroundings) -> AsyncIterator[Gateway]:
    async with open_laptop(config, calls=False) as laptop:
        around.started(laptop)
        opened = open_gateway(
            laptop,
            client,
            reveal=reveal_by_command,
            consent=lambda _: around.consent,
            approver=lambda _: around.approver,
            complain=around.complain,
        )
        async with opened as gateway:
            folder = window_folder(config.ledger.parent)
            async with window(folder, client, gateway.sessions):
                yield gateway


async def reveal_by_command(word: str, _: ToolSession, handles: Sequence[Handle]) -> str:
    """The command that shows the values, which the user types into a terminal of theirs."""
    command = shlex.join(["umi", "mcp", "reveal", *map(str, handles), "--session", word])
    return (
        f"the values stay on the laptop. The user sees them there with this command in a terminal: {command}"
    )
