"""The page's routes, for the server that is there anyway.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from umi_edge.doors.approvals import Approvals
from umi_edge.doors.chat_request import ApiError
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.live import Live
from umi_edge.doors.page.answers import GUARDED, answer, events, failure, read_body, read_json
from umi_edge.doors.page.assets import asset
from umi_edge.doors.page.health_view import HealthView
from umi_edge.doors.page.ledger_view import LedgerView
from umi_edge.doors.page.policy_view import PolicyView
from umi_edge.doors.page.stream_view import StreamView
from umi_edge.doors.user_key import PROOF_HEADER, PROOF_PATH, UserKey
from umi_edge.runtime.laptop import Laptop

__all__ = ["Page", "page_routes"]

_MOST_CAPTURED = 64 << 20

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True, kw_only=True)
class Page:
    """What the page shows, of one laptop."""

    laptop: Laptop
    key: UserKey
    approvals: Approvals
    live: Live
    _keeper: Doorkeeper = field(init=False, repr=False)
    _ledger: LedgerView = field(init=False, repr=False)
    _policy: PolicyView = field(init=False, repr=False)
    _health: HealthView = field(init=False, repr=False)
    _stream: StreamView = field(init=False, repr=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    """Held while the ledger is read, in a thread of its own."""

    def __post_init__(self) -> None:
        self._keeper = self.key.keeper()
        self._ledger = LedgerView(self.laptop.config)
        self._policy = PolicyView(laptop=self.laptop, take_up=self.laptop.take_up_policy)
        self._health = HealthView(self.laptop.config)
        self._stream = StreamView(laptop=self.laptop, approvals=self.approvals, live=self.live)

    def routes(self) -> list[Route]:
        """All of them; static files need no key, since nothing is in them."""
        return [
            self._open_route(PROOF_PATH, self._prove, "GET"),
            self._open_route("/api/key", self._exchange, "POST"),
            self._route("/api/code", self._code, "POST"),
            self._route("/api/ledger/search", self._search, "POST"),
            self._route("/api/ledger/messages/{number:int}", self._message, "GET"),
            self._route("/api/ledger/verify", self._verify, "POST"),
            self._route("/api/ledger/reconcile", self._reconcile, "POST"),
            self._route("/api/ledger/export", self._export, "GET"),
            self._route("/api/policy", self._whole_policy, "GET"),
            self._route("/api/policy/explain", self._said(self._policy.explanation), "POST"),
            self._route("/api/policy/try", self._said(self._policy.tried), "POST"),
            self._route("/api/policy/suggest", self._said(self._policy.suggestions), "POST"),
            self._route("/api/policy/write", self._write_policy, "POST"),
            self._route("/api/policy/follow", self._follow_policy, "POST"),
            self._route("/api/health", self._examine, "POST"),
            self._route("/api/stream", self._follow, "GET"),
            self._route("/api/approvals/{id}", self._decide, "POST"),
            self._open_route("/", asset, "GET"),
            self._open_route("/page/{name}", asset, "GET"),
        ]

    @property
    def is_followed(self) -> bool:
        """Whether somebody has it open."""
        return self._stream.is_followed

    async def stop(self) -> None:
        """End what pages follow, so that a server that ends need not wait for them."""
        self._stream.stop()

    def _route(self, path: str, handler: Handler, method: str) -> Route:
        return Route(path, _guarded(handler, self._keeper.check), methods=[method])

    def _open_route(self, path: str, handler: Handler, method: str) -> Route:
        """One that needs no key."""
        return Route(path, _guarded(handler, self._keeper.check_place), methods=[method])

    async def _prove(self, request: Request) -> Response:
        try:
            proof = self.key.proof(request.query_params.get("nonce", ""))
        except ValueError as error:
            raise ApiError(str(error)) from None
        return Response(headers={**GUARDED, PROOF_HEADER: proof})

    async def _code(self, _: Request) -> Response:
        return answer({"code": self.key.code()})

    async def _exchange(self, request: Request) -> Response:
        if not self.key.is_exchanged(str((await read_json(request)).get("code"))):
            raise ApiError("this code was used, or is older than a minute", status=403)
        return answer({"key": self.key.text})

    async def _search(self, request: Request) -> Response:
        asked = await read_json(request)
        return answer(await self._of_ledger(self._ledger.search, asked))

    async def _message(self, request: Request) -> Response:
        return answer(await self._of_ledger(self._ledger.message, request.path_params["number"]))

    async def _verify(self, _: Request) -> Response:
        return answer(await self._of_ledger(self._ledger.verify))

    async def _reconcile(self, request: Request) -> Response:
        capture = await read_body(request, _MOST_CAPTURED)
        return answer(await self._of_ledger(self._ledger.reconciled, capture))

    async def _export(self, _: Request) -> Response:
        return StreamingResponse(self._ledger.export(), media_type="application/jsonl", headers=dict(GUARDED))

    async def _whole_policy(self, _: Request) -> Response:
        return answer(await asyncio.to_thread(self._policy.whole))

    async def _write_policy(self, request: Request) -> Response:
        return answer(await self._policy.write(await read_json(request)))

    async def _follow_policy(self, _: Request) -> Response:
        await self._policy.follow()
        return answer({})

    async def _examine(self, _: Request) -> Response:
        return events(self._health.examine())

    async def _follow(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        return events(self._stream.open(int(after) if after.isdecimal() else 0))

    async def _decide(self, request: Request) -> Response:
        return answer(self._stream.decide(request.path_params["id"], await read_json(request)))

    def _said(self, of: Callable[[dict[str, Any]], dict[str, Any]]) -> Handler:
        async def said(request: Request) -> Response:
            return answer(await asyncio.to_thread(of, await read_json(request)))

        return said

    async def _of_ledger(self, read: Callable[..., dict[str, Any]], *asked: Any) -> dict[str, Any]:
        async with self._reading:
            return await asyncio.to_thread(read, *asked)


def page_routes(page: Page) -> list[Route]:
    """What a server mounts beside its own routes."""
    return page.routes()


def _guarded(handler: Handler, check: Callable[[Any], None]) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            check(request.headers)
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:  # its text may hold values (I8)
            return failure(error)

    return guarded
