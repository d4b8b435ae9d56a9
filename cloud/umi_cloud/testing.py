"""A real server on loopback whose model follows a script: gRPC, limits, admission and health are the real ones.

async with serve_scripted(["Nothing is left to do. Next: summarizer."]) as cloud:
    async with connect(cloud.address) as client:
        events = [event async for event in client.planner.Plan(request)]
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from umi_cloud.device_gate import DeviceGate, UnsafeLoopbackGate
from umi_cloud.planner import Planner
from umi_cloud.server import CloudServer, Roles, ServerLimits
from umi_cloud.summarizer import Summarizer
from umi_proto.v1 import agent_pb2_grpc as pb_grpc
from umi_shared.dialects import dialect_named
from umi_shared.errors import RefusedError
from umi_shared.refusal import refusal_from_metadata
from umi_shared.testing import Script, ScriptedEngine

__all__ = ["Client", "ScriptedCloud", "connect", "refusal_of_call", "serve_scripted"]


@dataclass(frozen=True, slots=True)
class ScriptedCloud:
    """A server under test."""

    address: str
    engine: ScriptedEngine
    server: CloudServer


@asynccontextmanager
async def serve_scripted(
    script: Script,
    *,
    dialect: str = "umi",
    gate: DeviceGate | None = None,
    limits: ServerLimits | None = None,
) -> AsyncIterator[ScriptedCloud]:
    """Serve on a free loopback port, in plaintext; requests still under way at the end are ended."""
    engine = ScriptedEngine(script)
    server = CloudServer(gate or UnsafeLoopbackGate(), limits or ServerLimits())
    port = await server.start("127.0.0.1:0", None)
    language = dialect_named(dialect)
    await server.open(Roles(Planner(engine, language, "planner"), Summarizer(engine, language, "summarizer")))
    try:
        yield ScriptedCloud(f"127.0.0.1:{port}", engine, server)
    finally:
        await server.drain(0)
        await engine.close()


@dataclass(frozen=True, slots=True)
class Client:
    """The stubs of one channel."""

    channel: grpc.aio.Channel
    planner: "pb_grpc.PlannerAsyncStub"
    summarizer: "pb_grpc.SummarizerAsyncStub"


@asynccontextmanager
async def connect(address: str) -> AsyncIterator[Client]:
    """A plaintext channel to a server on loopback."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield Client(
            channel,
            pb_grpc.PlannerStub(channel),
            pb_grpc.SummarizerStub(channel),
        )


async def refusal_of_call(call: AsyncIterator[Any]) -> tuple[grpc.StatusCode, RefusedError]:
    """The status and the typed refusal that a call ends with; an AssertionError when it ends with neither."""
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        refused = refusal_from_metadata(error.trailing_metadata())
        if refused is None:
            raise AssertionError(f"the call failed with no typed refusal: {error}") from error
        return error.code(), refused
    raise AssertionError("the call was not refused")
