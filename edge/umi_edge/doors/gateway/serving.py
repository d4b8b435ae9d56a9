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
from mcp.types import JSONRPCMessage
from starlette.types import ASGIApp, Receive, Scope, Send

from umi_edge.doors.chat_request import ApiError
from umi_edge.doors.daemon_request import Alone
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.gateway.bridge import Bridge, FarEnd
from umi_edge.doors.gateway.far_ends import daemon_end, own_end
from umi_edge.doors.gateway.gateway import Gateway
from umi_edge.doors.gateway.http import gateway_app, headers_of, refused
from umi_edge.doors.gateway.malformed_line import answer_to
from umi_edge.doors.gateway.opened import open_gateway
from umi_edge.doors.gateway.window import window, window_folder
from umi_edge.doors.place import Place
from umi_edge.egress.cloud_client import Approver
from umi_edge.policy.loader import read_policy_text
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import Laptop, open_laptop
from umi_edge.session.consent import Consent, DeclineAll
from umi_edge.session.tool_session import ToolSession
from umi_shared.errors import ConfigError, PolicyError
from umi_shared.handles import Handle

__all__ = ["Surroundings", "serve_http", "serve_stdio"]

_LAST_SECONDS = 5
_OLD_POLICY = (
    "the policy's file has changed since this umi was started, so it serves nobody: start it again. "
    "`umi serve` takes up a changed policy by itself"
)


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

    The daemon carries out what it asks, as soon as one runs, and this process where none does. Raises what
    `open_laptop` raises, `PrivacyError` where the self-test says no, and `TransportError` where the daemon serves
    nobody now.
    """
    ends = _FarEnds(config=config, client=client, around=around)
    bridge = Bridge(tell=_unheard, connect=ends.somebody, complain=around.complain)
    await bridge.begin()  # what goes wrong here is said, and nobody waits for an answer yet
    try:
        async with (
            stdio_server() as (reading, writing),
            writing,
        ):  # closed at its end, or the SDK's writer waits
            bridge.tell = lambda message: writing.send(SessionMessage(message))
            async for item in reading:
                if isinstance(item, SessionMessage):
                    await bridge.hear(item.message)
                elif (answer := answer_to(item)) is not None:
                    await bridge.tell(answer)
            await bridge.end()  # before what it tells has nowhere to go
    finally:
        await bridge.end()


async def _unheard(_: JSONRPCMessage) -> None:
    """Nothing is said to a program that has said nothing yet."""


@dataclass(slots=True, kw_only=True)
class _FarEnds:
    """Whoever carries out the requests of one program: the daemon while it takes them, else a gateway of this process.

    A gateway of this process is old once a daemon runs that may take them, and once the policy's file says another
    thing than it was opened with.
    """

    config: EdgeConfig
    client: str = field(repr=False)
    around: Surroundings
    _sent_away_by: str = field(default="", init=False, repr=False)
    """The key of the daemon that does not take them: it has other settings, and there is another key at each start."""

    @asynccontextmanager
    async def somebody(self) -> AsyncIterator[FarEnd]:
        async with AsyncExitStack() as stack:
            running = Place.beside(self.config.ledger).running()
            found = await stack.enter_async_context(daemon_end(self.config, self.client))
            if isinstance(found, Alone):
                self._sent_away_by = running.key if running is not None else ""
                if found.reason:
                    self.around.complain(f"The running umi serve is not used: {found.reason}.")
                policy = _policy_file(self.config)
                gateway = await stack.enter_async_context(_gateway(self.config, self.client, self.around))
                found = await stack.enter_async_context(own_end(gateway, partial(self._is_old, policy)))
            yield found

    def _is_old(self, policy: str, is_idle: bool) -> bool:
        if _policy_file(self.config) != policy:
            return True
        running = Place.beside(self.config.ledger).running() if is_idle else None
        return running is not None and running.key != self._sent_away_by


def _policy_file(config: EdgeConfig) -> str:
    return read_policy_text(config.policy) if config.policy else ""


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
    policy = _policy_file(config)
    with own:
        async with _gateway(config, client, around) as gateway, gateway_app(gateway, keeper) as app:
            server = uvicorn.Server(
                uvicorn.Config(
                    _under_policy(config, policy, keeper, app),
                    log_level="warning",
                    access_log=False,
                    server_header=False,
                    lifespan="off",
                    timeout_graceful_shutdown=_LAST_SECONDS,
                )
            )
            listening(f"http://127.0.0.1:{own.getsockname()[1]}/mcp")
            await server.serve(sockets=[own])


def _under_policy(config: EdgeConfig, policy: str, keeper: Doorkeeper, app: ASGIApp) -> ASGIApp:
    """The app, as long as the policy's file says what it was opened with; who has no key is not told of that."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            keeper.check(headers_of(scope))
            if not _says(config, policy):
                raise ApiError(_OLD_POLICY, status=503)
        except ApiError as error:
            await refused(error)(scope, receive, send)
            return
        await app(scope, receive, send)

    return checked


def _says(config: EdgeConfig, policy: str) -> bool:
    try:
        return _policy_file(config) == policy
    except PolicyError:
        return False


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
