"""The server of the chat door: laptop, planner and endpoint put together, until somebody ends it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain

import uvicorn

from umi_edge.doors.approvals import Approvals
from umi_edge.doors.chat_door import DOOR, ChatDoor
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.endpoint import Endpoint, Reasoning
from umi_edge.doors.live import Live
from umi_edge.doors.run import Runs
from umi_edge.doors.terminal_answerer import TerminalAnswerer
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.conversation import Output, tell_of_changes, tell_of_problems
from umi_edge.runtime.laptop import Laptop, open_laptop
from umi_edge.runtime.planner import Planner, open_planner, renewed_planner
from umi_edge.session.consent import Consent
from umi_edge.session.session import Session
from umi_shared.errors import ConfigError

__all__ = ["ServerOptions", "serve_chat"]

_LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # what a user asked for by name
_LAST_SECONDS = 5
"""How long connections have to end once it is told to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Where the endpoint listens, and who may ask."""

    key: str = field(repr=False)
    port: int = 0
    """0 takes any free one."""
    origins: frozenset[str] = field(default=frozenset(), repr=False)
    risk_host: str = field(default="", repr=False)
    """An address beyond loopback."""
    names: frozenset[str] = field(default=frozenset(), repr=False)
    """Names of this machine that requests may be for, such as `host.docker.internal`."""
    reasoning: Reasoning = field(default="field", repr=False)


@dataclass(slots=True)
class _Line:
    """The planner over as long as the server runs: with a new certificate when the old one is about to end."""

    config: EdgeConfig
    output: Output
    laptop: Laptop
    stack: AsyncExitStack
    planner: Planner
    approvals: Approvals
    live: Live
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def session(
        self, consent: Consent, conversation: str, title: str, *, door: str = DOOR
    ) -> AsyncIterator[Session]:
        """A fresh session with it, which can be watched. Raises what `Laptop.session` raises."""
        async with self.changing:
            self.planner = await renewed_planner(self.planner, self.stack)
        tell_of_changes(self.laptop, self.output.console, "answers under way go on without")
        try:
            async with self.laptop.session(
                self.planner.connection,
                channel=self.planner.channel,
                consent=consent,
                approver=self.approvals.of(conversation, door).approver(self.config.preview),
                observe=self.live.observer(conversation, door, title=title),
                on_device=self.planner.on_device,
            ) as session:
                yield session
        finally:
            self.live.conclude(conversation, door)


async def serve_chat(config: EdgeConfig, output: Output, options: ServerOptions) -> None:
    """Serve until the task is cancelled or the process is told to end; running requests are stopped then.

    Raises `ConfigError` where the port is taken, and what `open_laptop` and `open_planner` raise.
    """
    async with AsyncExitStack() as stack:
        own = "" if options.risk_host in _EVERYWHERE else _LOOPBACK
        listening = [_bound(host, options.port) for host in (own, options.risk_host) if host]
        for one in listening:
            stack.callback(one.close)
        laptop = await stack.enter_async_context(open_laptop(config))
        tell_of_problems(laptop, output.console)
        planner = await open_planner(config, output.console, laptop.policy, stack)
        approvals, live = Approvals(), Live()
        line = _Line(config, output, laptop, stack, planner, approvals, live)
        if output.asks:
            stack.push_async_callback(
                _ended, asyncio.create_task(_terminal(output, laptop, approvals).answer())
            )
        door = ChatDoor(ledger=laptop.ledger, open_session=line.session, approvals=approvals)
        hosts = frozenset({options.risk_host, *options.names} - {""})
        endpoint = Endpoint(
            door=door,
            keeper=Doorkeeper(options.key, hosts=hosts, origins=options.origins),
            reasoning=options.reasoning,
        )
        server = _Server(
            uvicorn.Config(
                endpoint.app(),
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_graceful_shutdown=_LAST_SECONDS,
            ),
            endpoint.runs,
        )
        _announce(output, listening, planner)
        await server.serve(sockets=listening)


def _terminal(output: Output, laptop: Laptop, approvals: Approvals) -> TerminalAnswerer:
    return TerminalAnswerer(
        approvals=approvals,
        console=output.console,
        lines=output.lines,
        known=lambda: chain.from_iterable(laptop.gazetteers.values.values()),
        notices=lambda: laptop.gazetteers.notices,
    )


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


class _Server(uvicorn.Server):
    """Stops what is under way before it waits for connections to end, so that each client is told what was done."""

    def __init__(self, config: uvicorn.Config, runs: Runs) -> None:
        super().__init__(config)
        self._runs = runs

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End it."""
        await self._runs.stop()
        await super().shutdown(sockets)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise ConfigError(
            f"umi cannot listen on {host}, port {port}: {getattr(error, 'strerror', error)}",
            fix="another umi may be running; or choose another port with --port",
        ) from error
    return listening


def _announce(output: Output, listening: list[socket.socket], planner: Planner) -> None:
    for one in listening:
        host, port = one.getsockname()[:2]
        output.console.print(
            f"Base URL: http://{f'[{host}]' if ':' in host else host}:{port}/v1", soft_wrap=True
        )
    output.console.print("Model: umi. Key: `umi serve --show-key` prints it.", soft_wrap=True)
    output.console.print(f"Planner: {planner.where}.", style="dim", soft_wrap=True)
    if not output.asks:
        output.console.print(
            "Nobody can be asked here, so calls that need a yes are declined: start umi serve in a terminal.",
            style="yellow",
            soft_wrap=True,
        )
