"""The gateways of the daemon: one for each program that comes to `/mcp/NAME`, over the daemon's laptop and approvals.

A gateway is opened at the first request of its name that has the key, and lasts until the daemon ends, or takes up
another policy, for whichever door: then it is ended at once with its sessions, whatever they are at, and opened anew.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from umi_edge.doors.chat_request import ApiError
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.gateway.gateway import Gateway
from umi_edge.doors.gateway.http import gateway_app, headers_of, refused
from umi_edge.doors.gateway.opened import open_gateway
from umi_edge.doors.gateway.page_consent import OpenPage, PageConsent
from umi_edge.doors.gateway.serving import reveal_by_command
from umi_edge.doors.gateway.window import window, window_folder
from umi_edge.doors.line import Line
from umi_edge.doors.step import shown_to_user
from umi_edge.policy import Policy
from umi_edge.policy.client import UNNAMED, is_client_name
from umi_edge.session.recording import Watch
from umi_edge.session.tool_session import ToolSession
from umi_shared.errors import UmiError
from umi_shared.handles import Handle

__all__ = ["HeldGateway", "MountedGateways"]

_MOST = 16


@dataclass(slots=True, kw_only=True)
class MountedGateways:
    """The gateways that are open, by the names of their programs; an ASGI app for the routes that name one."""

    line: Line
    keeper: Doorkeeper
    open_page: OpenPage = field(repr=False)
    page_url: Callable[[], str] = field(repr=False)
    """Where the page is."""
    complain: Callable[[str], None] = field(default=lambda _: None, repr=False)
    """Told, in words without values, what has gone wrong: for the user's eyes."""
    _held: "dict[str, HeldGateway]" = field(default_factory=dict, init=False, repr=False)
    _over: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.line.laptop.follow_policy.append(self._let_go_of_old)

    def routes(self) -> list[Route]:
        """What an application serves for them."""
        return [Route("/mcp", self), Route("/mcp/{name}", self)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, once its key and its name have been looked at."""
        answer = _Answer(send)
        try:
            self.keeper.check(headers_of(scope))
            held = await self.current(scope["path_params"].get("name", UNNAMED))
            await held.carry_out(_awaited(held.app, scope, receive, answer))
        except ApiError as error:
            if answer.begun:
                await answer.end()
            else:
                await refused(error)(scope, receive, send)

    async def stop(self) -> None:
        """End all of them, and open no other."""
        self._over = True
        await asyncio.gather(*(held.end() for held in self._held.values()))

    async def current(self, name: str) -> "HeldGateway":
        """The open gateway of a name, under the policy of now. Raises `ApiError`."""
        if not is_client_name(name):
            raise ApiError(
                "a program's name is a small letter, then small letters, digits or '-'", status=404
            )
        await self._keep_up()
        while True:
            held = self._held.get(name)
            if held is not None and self._is_old(held):
                await held.end()
                if self._held.get(name) is held:
                    del self._held[name]
                continue
            if self._over:
                raise _ended()
            if held is None:
                self._let_go_of_ended()
            if held is None and len(self._held) >= _MOST:
                raise ApiError(f"umi serves {_MOST} programs at most until it is started again", status=429)
            if held is None:
                held = self._held[name] = HeldGateway(self.line.laptop.policy)
                held.begin(self._gateway(name), partial(self._complain, name))
            await asyncio.wait([held.opened])
            if held.policy is not self.line.laptop.policy:
                continue  # another one was taken up meanwhile
            if held.opened.result() is None:
                raise ApiError(
                    "umi serves nobody here: its self-test, or what else comes first, has failed. Its own output on "
                    "the laptop says more",
                    status=503,
                )
            if not held.over:
                return held

    def _is_old(self, held: "HeldGateway") -> bool:
        return held.over or held.policy is not self.line.laptop.policy

    def _let_go_of_old(self) -> None:
        """End those whose policy holds no more, whoever has taken up the new one; nobody waits for it here."""
        for held in self._held.values():
            if self._is_old(held):
                held.cancel()

    def _let_go_of_ended(self) -> None:
        for name, held in tuple(self._held.items()):
            if held.has_ended and self._is_old(held):
                del self._held[name]

    async def _keep_up(self) -> None:
        try:
            await self.line.keep_up()
        except Exception as error:
            self._complain("mcp", _words(error))
            raise ApiError(
                "umi serves nobody here until its policy can be read again; its own output on the laptop says more",
                status=503,
            ) from None

    @asynccontextmanager
    async def _gateway(self, name: str) -> "AsyncIterator[_Opened]":
        line, folder = self.line, window_folder(self.line.config.ledger.parent)
        door = str(line.laptop.policy.client(name).sink)
        opened = open_gateway(
            line.laptop,
            name,
            reveal=self._reveal,
            watch=self._watched(name),
            consent=lambda word: PageConsent(
                questions=line.approvals.of(word, door), open_page=self.open_page, address=self.page_url()
            ),
            approver=lambda word: line.approvals.of(word, door).approver(line.laptop.config.preview),
            complain=partial(self._complain, name),
        )
        async with (
            opened as gateway,
            window(folder, name, gateway.sessions),
            gateway_app(gateway, self.keeper) as app,
        ):
            yield _Opened(gateway, app)

    def _watched(self, name: str) -> Watch:
        sink = self.line.laptop.policy.client(name).sink
        return lambda word: self.line.live.watching(word, sink)

    async def _reveal(self, word: str, session: ToolSession, handles: Sequence[Handle]) -> str:
        """Show the values in the record of the session on the page; how to get there where it cannot be opened."""
        sink = session.client.sink
        shown = shown_to_user(handles, session.labeller.vault, sink)
        self.line.live.add(session.name, str(sink), shown)
        if await self.open_page(f"live/{session.name}"):
            return "the values stay on the laptop. The user sees them there, on the page of umi that is open"
        return f"{await reveal_by_command(word, session, handles)}. `umi open` shows them on a page"

    def _complain(self, name: str, said: str) -> None:
        self.complain(f"{name}: {said}")


@dataclass(frozen=True, slots=True)
class _Opened:
    gateway: Gateway
    app: ASGIApp = field(repr=False)


@dataclass(slots=True, eq=False)
class HeldGateway:
    """A gateway that one task enters and leaves, as a task group has to be; and the requests that it is at."""

    policy: Policy = field(repr=False)
    opened: "asyncio.Future[_Opened | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future(), repr=False
    )
    """None where it could not be opened."""
    over: bool = False
    _task: "asyncio.Task[None] | None" = field(default=None, repr=False)
    _requests: "set[asyncio.Task[None]]" = field(default_factory=set, repr=False)

    @property
    def gateway(self) -> Gateway:
        """The gateway, once it is open."""
        return self._now.gateway

    @property
    def app(self) -> ASGIApp:
        """What takes its requests over HTTP, once it is open."""
        return self._now.app

    @property
    def _now(self) -> _Opened:
        opened = self.opened.result()
        if opened is None:
            raise _ended()
        return opened

    def begin(self, gateway: AbstractAsyncContextManager[_Opened], complain: Callable[[str], None]) -> None:
        """Open it."""
        self._task = asyncio.create_task(self._hold(gateway, complain))

    async def carry_out(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out a request, or all of a pipe, unless the gateway ends before. Raises `ApiError` then."""
        request = asyncio.create_task(work)
        self._requests.add(request)
        try:
            await asyncio.wait([request])
        finally:
            request.cancel()
            await asyncio.wait([request])
            self._requests.discard(request)
        if request.cancelled():
            raise _ended()
        request.result()

    def cancel(self) -> None:
        """Begin to end it and its sessions, whatever they are at."""
        if self._task is not None and not self.over:  # once: its own end is not to be cut short
            self.over = True
            self._task.cancel()

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it is left."""
        return self._task is None or self._task.done()

    async def end(self) -> None:
        """End it, and wait until nothing of it is left."""
        self.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])
        if not self.opened.done():  # it was ended before it began
            self.opened.set_result(None)

    async def _hold(
        self, gateway: AbstractAsyncContextManager[_Opened], complain: Callable[[str], None]
    ) -> None:
        try:
            async with gateway as opened:
                self.opened.set_result(opened)
                try:
                    await asyncio.Event().wait()  # until it is cancelled
                finally:
                    # First what waits for a yes: it is not to be made while the requests come to their ends.
                    await opened.gateway.kept.end_all()
                    await self._end_requests()
        except Exception as error:
            complain(_words(error))
        finally:
            self.over = True
            if not self.opened.done():
                self.opened.set_result(None)

    async def _end_requests(self) -> None:
        for request in self._requests:
            request.cancel()
        if self._requests:
            await asyncio.wait(self._requests)


async def _awaited(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


@dataclass(slots=True)
class _Answer:
    """Sends an answer, and knows how far it is."""

    send: Send = field(repr=False)
    begun: bool = False
    whole: bool = False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        self.whole = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self.send(message)

    async def end(self) -> None:
        """End an answer in its midst."""
        if not self.whole:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})


def _ended() -> ApiError:
    return ApiError("umi has ended this session, and its handles with it: begin a new one", status=503)


def _words(error: Exception) -> str:
    """What is said of a failure; of a fault its type only, since its own words may hold values (I8)."""
    return f"{error.message}; {error.fix}" if isinstance(error, UmiError) else type(error).__name__
