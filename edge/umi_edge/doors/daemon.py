"""The daemon: one process with one laptop and one line to the planner, which all doors share, until it is ended."""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import uvicorn
from starlette.applications import Starlette

from umi_edge.doors.approvals import Approvals
from umi_edge.doors.chat_door import ChatDoor
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.endpoint import Endpoint, Reasoning
from umi_edge.doors.gateway.door import Behind, GatewayDoor
from umi_edge.doors.line import Line
from umi_edge.doors.live import Live
from umi_edge.doors.notifier import Notifier, show
from umi_edge.doors.page.opener import PageOpener
from umi_edge.doors.page.page import Page, page_routes
from umi_edge.doors.place import Place, settings_digest
from umi_edge.doors.terminal_answerer import TerminalAnswerer
from umi_edge.doors.user_key import UserKey
from umi_edge.doors.visits import Visits
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.conversation import Output, tell_of_problems
from umi_edge.runtime.laptop import open_laptop
from umi_edge.runtime.planner import Planner, open_planner
from umi_shared.errors import ConfigError

__all__ = ["ServerOptions", "serve"]

_LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # what a user asked for by name
_LAST_SECONDS = 5
"""How long connections have to end once it is told to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Where the endpoint listens, and who may ask."""

    key: str = field(repr=False)
    """That of chat programs."""
    port: int = 0
    """0 takes any free one."""
    origins: frozenset[str] = field(default=frozenset(), repr=False)
    risk_host: str = field(default="", repr=False)
    """An address beyond loopback."""
    names: frozenset[str] = field(default=frozenset(), repr=False)
    """Names of this machine that requests may be for, such as `host.docker.internal`."""
    reasoning: Reasoning = field(default="field", repr=False)


async def serve(config: EdgeConfig, output: Output, options: ServerOptions, place: Place) -> None:
    """Serve until the task is cancelled or the process is told to end; what is under way is stopped then.

    Raises `ConfigError` where a daemon runs for this ledger, or the port is taken, and what `open_laptop` and
    `open_planner` raise.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(place.held())
        own = "" if options.risk_host in _EVERYWHERE else _LOOPBACK
        listening = [_bound(host, options.port) for host in (own, options.risk_host) if host]
        for one in listening:
            stack.callback(one.close)
        user_key = UserKey()
        settings = settings_digest(config, user_key.text)
        laptop = await stack.enter_async_context(open_laptop(config))
        tell_of_problems(laptop, output.console)
        planner = await open_planner(config, output.console, laptop.policy, stack)
        line = Line(
            config=config,
            laptop=laptop,
            planner=planner,
            approvals=Approvals(),
            live=Live(),
            stack=stack,
            console=output.console,
        )
        if output.asks:
            answering = asyncio.create_task(_terminal(output, line).answer())
            stack.push_async_callback(_ended, answering)
        returning = asyncio.create_task(line.let_shared_planner_return())
        stack.push_async_callback(_ended, returning)
        if config.notifications:
            notifying = asyncio.create_task(Notifier(approvals=line.approvals, show=show).follow())
            stack.push_async_callback(_ended, notifying)
        hosts = frozenset({options.risk_host, *options.names} - {""})
        keeper = Doorkeeper(options.key, hosts=hosts, origins=options.origins)
        door = ChatDoor(ledger=laptop.ledger, open_session=line.session, approvals=line.approvals)
        endpoint = Endpoint(door=door, keeper=keeper, reasoning=options.reasoning)
        visits = Visits(
            line=line, keeper=user_key.keeper(), settings=settings, stop_daemon=lambda: _stop(server)
        )
        page = Page(laptop=laptop, key=user_key, approvals=line.approvals, live=line.live)
        opener = PageOpener(place=place, key=user_key, is_followed=lambda: page.is_followed)
        programs = GatewayDoor(
            partial(_behind, line, keeper, opener, user_key.keeper(), settings, partial(_complain, output))
        )
        stack.push_async_callback(programs.stop)
        app = endpoint.app([*visits.routes(), *programs.routes(), *page_routes(page)])
        _settle()
        stack.callback(gc.unfreeze)
        server = _Server(app, [endpoint.runs.stop, visits.stop, page.stop, programs.stop], place)
        for one in listening:
            one.listen()  # who finds it from here on waits for an answer, and is not refused
        port = listening[0].getsockname()[1]
        opener.url = f"http://{_LOOPBACK}:{port}"
        place.note(port, user_key.text)
        _announce(output, listening, planner)
        await server.serve(sockets=listening)


def _behind(
    line: Line,
    keeper: Doorkeeper,
    opener: PageOpener,
    commands: Doorkeeper,
    settings: str,
    complain: Callable[[str], None],
) -> Behind:
    from umi_edge.doors.gateway.mounted import MountedGateways  # noqa: PLC0415  # see `GatewayDoor`
    from umi_edge.doors.gateway.pipes import Pipes  # noqa: PLC0415

    gateways = MountedGateways(
        line=line, keeper=keeper, open_page=opener.open, page_url=lambda: opener.url, complain=complain
    )
    pipes = Pipes(gateways=gateways, keeper=commands, settings=settings, preview=line.config.preview)
    return Behind([*gateways.routes(), *pipes.routes()], gateways.stop)


def _terminal(output: Output, line: Line) -> TerminalAnswerer:
    return TerminalAnswerer(
        approvals=line.approvals,
        console=output.console,
        lines=output.lines,
        known=lambda: chain.from_iterable(line.laptop.gazetteers.values.values()),
        notices=lambda: line.laptop.gazetteers.notices,
    )


def _settle() -> None:
    """Leave out of further collections what is here until the end: each would hold all sessions up to read it anew."""
    gc.collect()
    gc.freeze()


def _complain(output: Output, said: str) -> None:
    output.console.print(said, style="yellow", soft_wrap=True)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


class _Server(uvicorn.Server):
    """Stops what is under way before it waits for connections to end, so that each client is told what was done.

    Nobody finds it any more before it gives up its port.
    """

    def __init__(self, app: Starlette, stops: Sequence[Callable[[], Awaitable[None]]], place: Place) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_graceful_shutdown=_LAST_SECONDS,
            )
        )
        self._stops = stops
        self._place = place

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End it."""
        self._place.withdraw()
        await asyncio.gather(*(stop() for stop in self._stops))
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
    output.console.print("Page: `umi open`.", soft_wrap=True)
    output.console.print(f"Planner: {planner.where}.", style="dim", soft_wrap=True)
    if not output.asks:
        output.console.print(
            "Nobody can be asked here: a call that needs a yes is declined unless the page is open (`umi open`).",
            style="yellow",
            soft_wrap=True,
        )
