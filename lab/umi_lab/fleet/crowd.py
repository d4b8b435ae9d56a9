"""Many laptops at once in one process: each has a channel of its own, and asks again and again, as sessions do.

    python -m umi_lab.fleet.crowd

Reads one `CrowdWork` a line, as JSON, and answers each with what every plan took.
"""

import asyncio
import json
import random
import sys
import time
from base64 import b64decode, b64encode
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import grpc

from umi_lab.fleet.enrolled import Laptop, read_laptops
from umi_shared.refusal import refusal_from_metadata

__all__ = ["CROWD", "CrowdWork", "PlanTiming"]

CROWD = (sys.executable, "-m", "umi_lab.fleet.crowd")
PLAN = "/umi_proto.v1.Planner/Plan"
_TOGETHER = 16
"""Handshakes at once."""
_REST_SECONDS = 1.0
_PATIENCE_SECONDS = 110.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdWork:
    """Who asks for what, and how fast."""

    laptops: str
    """The file of laptops."""
    first: int
    """The first of them that is ours."""
    count: int
    ca: str
    addresses: tuple[str, ...]
    """The fronts; laptop k calls front k."""
    messages: tuple[bytes, ...] = field(repr=False)
    method: str = PLAN
    seconds: float
    """How long they go on; what began within it is finished. 0: they connect, and no more."""
    think_seconds: float = 0.0
    """The mean pause between two plans of a laptop."""

    def as_json(self) -> dict[str, Any]:
        """One line of work."""
        return {**asdict(self), "messages": [b64encode(raw).decode() for raw in self.messages]}

    @classmethod
    def from_json(cls, work: dict[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        messages = tuple(b64decode(text) for text in work["messages"])
        return cls(**{**work, "messages": messages, "addresses": tuple(work["addresses"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTiming:
    """One plan of one laptop."""

    laptop: int
    front: int
    began: float
    """Seconds since 1970."""
    seconds: float
    """From the first time it was asked for to its end, refusals and waits included."""
    refusals: int
    outcome: str
    """`ok`, or the refusal or status that it ended with."""


class _Channels:
    """Each laptop's channel to each front, which stays open from one piece of work to the next."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._channels: dict[tuple[str, str], grpc.aio.Channel] = {}
        self._room = asyncio.Semaphore(_TOGETHER)

    async def call(
        self, laptop: Laptop, address: str, work: CrowdWork
    ) -> "grpc.aio.UnaryStreamMultiCallable[bytes, bytes]":
        """A connected laptop's way to ask."""
        async with self._room:
            channel = self._channels.get((laptop.name, address))
            if channel is None:
                channel = self._channels[laptop.name, address] = await self._open(laptop, address, work.ca)
        return channel.unary_stream(work.method)

    async def _open(self, laptop: Laptop, address: str, ca: str) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(
            ca.encode(), laptop.key.encode(), laptop.certificate.encode()
        )
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", 0),
            ("grpc.http2.bdp_probe", 0),
            ("grpc.ssl_target_name_override", "localhost"),
        ]
        channel = grpc.aio.secure_channel(address, credentials, options=options)
        await self._stack.enter_async_context(channel)
        await channel.channel_ready()
        return channel


class _Crowd:
    def __init__(self, work: CrowdWork, channels: _Channels) -> None:
        self._work = work
        self._channels = channels
        self._rows: list[PlanTiming] = []

    async def run(self) -> list[PlanTiming]:
        work = self._work
        mine = read_laptops(Path(work.laptops))[work.first : work.first + work.count]
        calls = await asyncio.gather(
            *(
                self._channels.call(one, work.addresses[self._front(number)], work)
                for number, one in enumerate(mine)
            )
        )
        start = time.perf_counter()
        await asyncio.gather(*(self._laptop(number, call, start) for number, call in enumerate(calls)))
        return self._rows

    def _front(self, number: int) -> int:
        return (self._work.first + number) % len(self._work.addresses)

    async def _laptop(
        self, number: int, call: "grpc.aio.UnaryStreamMultiCallable[bytes, bytes]", start: float
    ) -> None:
        work = self._work
        draw = random.Random(work.first + number)  # noqa: S311  # a waiting time
        await asyncio.sleep(min(draw.uniform(0, work.think_seconds or 0.5), work.seconds))
        turn = number
        while time.perf_counter() - start < work.seconds:
            message = work.messages[turn % len(work.messages)]
            turn += 1
            began, wall, refusals, outcome, ticket = time.perf_counter(), time.time(), 0, "", ""
            while not outcome:
                metadata = (
                    ("umi-session", f"{work.first + number}"),
                    *((("umi-ticket", ticket),) if ticket else ()),
                )
                try:
                    async for _ in call(message, metadata=metadata, timeout=_PATIENCE_SECONDS):
                        pass
                    outcome = "ok"
                except grpc.aio.AioRpcError as error:
                    refused = refusal_from_metadata(error.trailing_metadata())
                    waits = refused.retry_after_seconds if refused else None
                    if refused is None or waits is None or time.perf_counter() - began > _PATIENCE_SECONDS:
                        outcome = refused.reason if refused else error.code().name
                    else:
                        refusals, ticket = refusals + 1, refused.ticket
                        await asyncio.sleep(waits)
            self._rows.append(
                PlanTiming(
                    laptop=work.first + number,
                    front=self._front(number),
                    began=wall,
                    seconds=time.perf_counter() - began,
                    refusals=refusals,
                    outcome=outcome,
                )
            )
            if outcome != "ok":
                await asyncio.sleep(_REST_SECONDS)
            if work.think_seconds:
                await asyncio.sleep(work.think_seconds * draw.uniform(0.5, 1.5))


async def serve() -> None:
    """Run the crowds that standard input describes, in one event loop, since gRPC's poller belongs to one."""
    async with AsyncExitStack() as stack:
        channels = _Channels(stack)
        print("{}", flush=True)  # noqa: T201
        while line := await asyncio.to_thread(sys.stdin.readline):
            rows = await _Crowd(CrowdWork.from_json(json.loads(line)), channels).run()
            print(json.dumps({"rows": [asdict(row) for row in rows]}), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(serve())
