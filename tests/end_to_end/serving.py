"""A served endpoint for the tests of doors: real HTTP, real gRPC, a scripted model."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import openai
import pytest
import uvicorn

from tests.end_to_end.harness import World, plan, tool_of
from umi_edge.doors.approvals import Approvals, Asked
from umi_edge.doors.chat_door import ChatDoor
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.endpoint import Endpoint
from umi_edge.session.consent import Consent
from umi_edge.session.session import Session
from umi_edge.tools import Hints

KEY = "umi-" + "k" * 40
CANARY = "the key lies under the blue pot 4711"
POLICY = "tools: {box.open: {results: {'$.said': handle}}}\n"


@dataclass
class Yes:
    """Consents to everything, and knows what it was asked."""

    asked: list[Asked] = field(default_factory=list)

    async def approve(self, request: Asked) -> bool:
        self.asked.append(request)
        return True


@dataclass(frozen=True)
class Served:
    world: World
    url: str
    consent: Yes
    client: openai.AsyncOpenAI

    def http(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url, headers={"authorization": f"Bearer {KEY}"} | headers, timeout=30
        )

    @property
    def left(self) -> bytes:
        """All that left for the planner."""
        return b"".join(sent.message for sent in self.world.capture.requests)


@asynccontextmanager
async def served(
    w: World, *, nobody: bool = False, origins: frozenset[str] = frozenset(), **options: Any
) -> AsyncIterator[Served]:
    """With `nobody`, nobody can be asked; else somebody says yes to everything."""
    listening = socket.create_server(("127.0.0.1", 0))
    asks, approvals = Yes(), Approvals()

    @asynccontextmanager
    async def open_session(run: Consent, *_: str) -> AsyncIterator[Session]:
        yield w.another(run)

    async def answer() -> None:
        with approvals.answerer("test", "in a test"):
            async for waiting in approvals.subscribe():
                for one in waiting:
                    approvals.decide(one.id, one.digest, await asks.approve(one.request), by="test")

    answering = asyncio.create_task(asyncio.sleep(0) if nobody else answer())
    door = ChatDoor(ledger=w.ledger, open_session=open_session, approvals=approvals)
    endpoint = Endpoint(door=door, keeper=Doorkeeper(KEY, origins=origins), **options)
    server = uvicorn.Server(uvicorn.Config(endpoint.app(), log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key=KEY) as client:
            yield Served(w, url, asks, client)
    finally:
        server.should_exit = True
        await serving
        await endpoint.runs.stop()
        answering.cancel()


def box(
    *, writes: bool = False, hold: asyncio.Event | None = None, begun: asyncio.Event | None = None
) -> Any:
    async def opened(_: Any) -> dict[str, str]:
        if begun is not None:
            begun.set()
        if hold is not None:
            await hold.wait()
        return {"said": CANARY}

    return tool_of("box.open", opened, hints=Hints(read_only=not writes))


async def true(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    for _ in range(1200):
        if condition():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never came to that")


def ask(text: str, *before: tuple[str, str]) -> list[Any]:
    return [{"role": role, "content": words} for role, words in (*before, ("user", text))]


OPEN = plan("To look, use box.open.")
DONE = plan("That is all.", "summarizer")
CALL = ("box.open", "{}")
