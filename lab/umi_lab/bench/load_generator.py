"""A load generator: many sessions at once against one server, or against the engine alone, in a process of its own.

    python -m umi_lab.bench.load_generator

Reads one `LoadProfile` a line, as JSON, and answers each with a line that says what every step took. The sessions are
shared out among the connections, start one after another, and pause between steps as laptops do while tools run.
"""

import asyncio
import base64
import json
import random
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import grpc

from umi_edge.connection.connection import Connection, channel_credentials, channel_options
from umi_shared.engine import Delta, Generation, RawPrompt
from umi_shared.testing import Reply, ScriptedEngine

__all__ = ["LoadProfile", "StepTiming", "run_load"]

PLAN = "/umi_proto.v1.Planner/Plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProfile:
    """How many sessions ask for what, and how fast."""

    sessions: int
    steps: int
    messages: tuple[bytes, ...] = field(repr=False)
    """The requests of one session's steps, serialized; a session with more steps repeats the last one."""
    by_session: bool = False
    """Whether `messages` are requests of different sessions for one step, in place of those of one session."""
    connections: tuple[str, ...] = ()
    """The folders of enrolled devices; without any, the engine is asked directly."""
    reply: str = ""
    """What the engine says, where it is asked directly."""
    pause_seconds: float = 0.0
    """How long the engine pauses after each piece of its reply, where it is asked directly."""
    spread_seconds: float = 0.5
    """The time over which the starts of the sessions are spread."""
    think_seconds: float = 0.0
    """The mean pause between two steps of a session; a pause is half to one and a half times as long."""
    patience_seconds: float = 110.0
    """How long the client waits for one step before it gives the step up."""

    def as_json(self) -> dict[str, Any]:
        """One line of work."""
        return {**asdict(self), "messages": [base64.b64encode(raw).decode() for raw in self.messages]}

    @classmethod
    def from_json(cls, work: dict[str, Any]) -> "LoadProfile":
        """Read what `as_json` wrote."""
        messages = tuple(base64.b64decode(text) for text in work["messages"])
        return cls(**{**work, "messages": messages, "connections": tuple(work["connections"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTiming:
    """What became of one step, and how long it took."""

    session: int
    step: int
    began: float
    """When it began, in seconds since the load began."""
    first: float
    """Seconds until the first event; 0 where there was none."""
    seconds: float
    """Seconds until it ended."""
    events: int
    outcome: str
    """`ok`, or the status that the call ended with."""


Ask = Callable[[int, int], AsyncIterable[object]]
"""Given the numbers of a session and a step, asks for that step and gives its events."""


async def run_load(load: LoadProfile) -> list[StepTiming]:
    """Run the whole load; every step has its row, whatever came of it. Raises `ConfigError` for a bad folder."""
    async with AsyncExitStack() as stack:
        ask = await _over_grpc(load, stack) if load.connections else _alone(load)
        start = time.perf_counter()
        sessions = (_session(load, number, ask, start) for number in range(load.sessions))
        return [took for rows in await asyncio.gather(*sessions) for took in rows]


async def _session(load: LoadProfile, number: int, ask: Ask, start: float) -> list[StepTiming]:
    draw = random.Random(number)  # noqa: S311  # a waiting time
    await asyncio.sleep(load.spread_seconds * number / load.sessions)
    rows = []
    for step in range(load.steps):
        if step and load.think_seconds:
            await asyncio.sleep(load.think_seconds * draw.uniform(0.5, 1.5))
        began, first, events, outcome = time.perf_counter(), 0.0, 0, "ok"
        try:
            async for _ in ask(number, step):
                events += 1
                first = first or time.perf_counter() - began
        except grpc.aio.AioRpcError as error:
            outcome = error.code().name
        rows.append(
            StepTiming(
                session=number,
                step=step,
                began=began - start,
                first=first,
                seconds=time.perf_counter() - began,
                events=events,
                outcome=outcome,
            )
        )
    return rows


async def _over_grpc(load: LoadProfile, stack: AsyncExitStack) -> Ask:
    calls: list[grpc.aio.UnaryStreamMultiCallable[bytes, bytes]] = []
    for folder in load.connections:
        connection = Connection.load(Path(folder))
        channel = await stack.enter_async_context(
            grpc.aio.secure_channel(
                connection.service_address,
                channel_credentials(connection),
                options=[*channel_options(connection), ("grpc.use_local_subchannel_pool", 1)],
            )
        )
        await channel.channel_ready()
        calls.append(channel.unary_stream(PLAN))

    def ask(session: int, step: int) -> AsyncIterable[object]:
        number = session if load.by_session else step
        message = load.messages[min(number, len(load.messages) - 1)]
        metadata = (("umi-session", f"session-{session}"),)
        call: AsyncIterable[object] = calls[session % len(calls)](
            message, metadata=metadata, timeout=load.patience_seconds
        )
        return call

    return ask


def _alone(load: LoadProfile) -> Ask:
    engine = ScriptedEngine(lambda _: Reply(text=load.reply, pause_seconds=load.pause_seconds))
    prompt = Generation(prompt=RawPrompt("x" * len(load.messages[-1])))

    async def ask(session: int, step: int) -> AsyncIterator[object]:
        del session, step
        async for chunk in engine.generate(prompt):
            if isinstance(chunk, Delta):
                yield chunk

    return ask


async def serve() -> None:
    """Run the loads that standard input describes, in one event loop, since gRPC's poller belongs to one."""
    print("{}", flush=True)  # noqa: T201
    while line := await asyncio.to_thread(sys.stdin.readline):
        rows = await run_load(LoadProfile.from_json(json.loads(line)))
        print(json.dumps({"rows": [asdict(row) for row in rows]}), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(serve())
