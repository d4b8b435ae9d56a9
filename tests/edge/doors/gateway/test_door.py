"""The door of programs is built at the first request, once, and never after the daemon's end."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from umi_edge.doors.gateway.door import Behind, GatewayDoor


class Inner:
    """What a daemon would have behind its door."""

    def __init__(self) -> None:
        self.built = self.stopped = 0

    def build(self) -> Behind:
        self.built += 1
        return Behind([Route("/mcp/{name}", self._answer, methods=["POST"])], self._stop)

    async def _answer(self, request: Request) -> Response:
        return PlainTextResponse(request.path_params["name"])

    async def _stop(self) -> None:
        self.stopped += 1


@pytest.fixture
def inner() -> Inner:
    return Inner()


@pytest.fixture
def door(inner: Inner) -> GatewayDoor:
    return GatewayDoor(inner.build)


def client(door: GatewayDoor) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=door.routes()))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def test_the_first_requests_build_it_once_and_all_are_answered(inner: Inner, door: GatewayDoor) -> None:
    async with client(door) as http:
        answers = await asyncio.gather(*(http.post(f"/mcp/{name}") for name in ("one", "two", "three")))
    assert [answer.text for answer in answers] == ["one", "two", "three"]
    assert inner.built == 1


async def test_what_is_not_behind_it_is_not_found_and_no_method_gets_around_it(door: GatewayDoor) -> None:
    async with client(door) as http:
        assert (await http.post("/mcp")).status_code == 404
        assert (await http.get("/mcp/one")).status_code == 405
        assert (await http.post("/elsewhere")).status_code == 404


async def test_a_daemon_without_programs_builds_nothing_and_after_its_end_neither(
    inner: Inner, door: GatewayDoor
) -> None:
    await door.stop()
    async with client(door) as http:
        assert (await http.post("/mcp/one")).status_code == 503
    assert (inner.built, inner.stopped) == (0, 0)


async def test_what_is_there_is_stopped_with_it(inner: Inner, door: GatewayDoor) -> None:
    async with client(door) as http:
        await http.post("/mcp/one")
    await door.stop()
    assert inner.stopped == 1


async def test_an_end_while_it_is_built_stops_it(inner: Inner) -> None:
    ends: list[asyncio.Task[None]] = []

    def build() -> Behind:
        ends.append(asyncio.create_task(door.stop()))
        return inner.build()

    door = GatewayDoor(build)
    async with client(door) as http:
        await http.post("/mcp/one")
        await ends[0]
    assert inner.stopped == 1


async def test_a_build_that_fails_is_tried_again_and_cuts_no_end_short(inner: Inner) -> None:
    fails = [OSError("no room"), OSError("no room")]

    def build() -> Behind:
        if fails:
            raise fails.pop()
        return inner.build()

    door = GatewayDoor(build)
    async with client(door) as http:
        with pytest.raises(OSError, match="no room"):
            await http.post("/mcp/one")
        with pytest.raises(OSError, match="no room"):
            await http.post("/mcp/one")
        assert (await http.post("/mcp/one")).text == "one"
    await door.stop()
    assert inner.stopped == 1


async def test_an_end_after_a_build_that_failed_is_an_end(inner: Inner) -> None:
    begun = asyncio.Event()

    def build() -> Behind:
        begun.set()
        raise OSError("no room")

    door = GatewayDoor(build)
    async with client(door) as http:
        with pytest.raises(OSError, match="no room"):
            await http.post("/mcp/one")
    assert begun.is_set()
    await door.stop()
