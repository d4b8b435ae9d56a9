"""A load: many sessions at once against one server, or against the engine alone, in a process of their own.

    python -m umi_lab.bench.load_generator

Reads one load a line, as JSON, and answers with what each step took. Sessions are shared out among the
connections, start spread over one step's time, and wait between steps as laptops do while tools run.
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
    """Who asks for what."""

    sessions: int
    steps: int
    messages: tuple[bytes, ...] = field(repr=False)
    """The requests of one session's steps; longer sessions say the last again."""
    by_session: bool = False
    """The requests are those of one step, one for each session."""
    connections: tuple[str, ...] = ()
    """Folders of enrolled devices; none for the engine alone."""
    reply: str = ""
    pause_seconds: float = 0.0
    """The engine's own pace, for the engine alone."""
    spread_seconds: float = 0.5
    """Over which sessions start."""
    think_seconds: float = 0.0
    """Between two steps of a session, half to one and a half times that."""
    patience_seconds: float = 110.0
    """Of one step, before the client gives it up."""

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
    """One step."""

    session: int
    step: int
    began: float
    """Since the load began."""
    first: float
    """Seconds to the first event."""
    seconds: float
    """To the last."""
    events: int
    outcome: str
    """`ok`, or the status that the call ended with."""


Ask = Callable[[int, int], AsyncIterable[object]]
"""The events of a session's step."""


async def run_load(load: LoadProfile) -> list[StepTiming]:
    """Run the whole load; every step has its row, whatever came of it."""
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
    """Serve standard input. One event loop for all crowds: gRPC's poller belongs to one."""
    print("{}", flush=True)  # noqa: T201
    while line := await asyncio.to_thread(sys.stdin.readline):
        rows = await run_load(LoadProfile.from_json(json.loads(line)))
        print(json.dumps({"rows": [asdict(row) for row in rows]}), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(serve())
