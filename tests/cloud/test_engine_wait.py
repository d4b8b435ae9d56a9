"""A server that starts before its engine: it listens, says why it does not plan, and plans once the engine comes."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.cloud.test_serve import probe
from umi_cloud import engine_wait
from umi_cloud.config import CloudConfig, OpenAISettings
from umi_cloud.deployment import Deployment
from umi_cloud.testing import connect, refusal_of_call
from umi_shared.errors import ModelError

PLAN = {"choices": [{"text": "Nothing is left to do. Next: summarizer.", "finish_reason": "stop"}]}


@asynccontextmanager
async def endpoint(port: int, *models: str) -> AsyncIterator[int]:
    """An OpenAI endpoint that has these models, and one plan for everybody."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if "/models" in head:
            kind, body = "application/json", json.dumps({"data": [{"id": name} for name in models]})
        else:
            kind, body = "text/event-stream", f"data: {json.dumps(PLAN)}\n\ndata: [DONE]\n\n"
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def free() -> int:
    async with endpoint(0) as port:
        return port


@pytest.fixture
async def waiting(tmp_path: Path, free: int, monkeypatch) -> AsyncIterator[Deployment]:
    monkeypatch.setattr(engine_wait, "RETRY_SECONDS", 0.05)
    settings = OpenAISettings(url=f"http://127.0.0.1:{free}/v1", model="base", dialect="umi")
    config = CloudConfig(
        listen="127.0.0.1:0",
        watch_listen="127.0.0.1:0",
        state=str(tmp_path),
        engine=settings,
        unsafe_plaintext_loopback=True,
    )
    deployment = await Deployment.start(config)
    try:
        yield deployment
    finally:
        await deployment.stop(0)


async def healthy(channel: grpc.aio.Channel) -> bool:
    reply = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    return reply.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_server_serves_once_its_engine_comes(waiting, free, plan_request, caplog):
    lines: list[str] = []
    loading = asyncio.create_task(waiting.load(lines.append))
    async with connect(waiting.address) as client:
        async with asyncio.timeout(10):
            while not any("waiting for it" in line for line in lines):
                assert not loading.done()
                await asyncio.sleep(0.01)
        code, refused = await refusal_of_call(client.planner.Plan(plan_request))
        assert (code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "ENGINE_UNREACHABLE")
        assert refused.retry_after_seconds == 5
        assert not await healthy(client.channel)
        assert (
            await probe(waiting.watch_address, "/readyz"),
            await probe(waiting.watch_address, "/livez"),
        ) == (
            503,
            200,
        )
        async with endpoint(free):  # a router that has no model yet
            await asyncio.sleep(0.2)
            assert not loading.done()
        async with endpoint(free, "base"):
            await asyncio.wait_for(loading, 10)
            assert await healthy(client.channel)
            assert await probe(waiting.watch_address, "/readyz") == 200
            events = [event async for event in client.planner.Plan(plan_request)]
            assert events[-1].WhichOneof("event") == "usage"
    said = [one for one in caplog.records if one.name == "umi_cloud.engine" and one.levelno >= logging.ERROR]
    assert len(said) == 1
    assert f"127.0.0.1:{free}/v1 cannot be reached: ConnectError" in said[0].message
    assert len(lines) == len(set(lines))


async def test_a_model_that_the_engine_does_not_have_ends_the_wait(waiting, free):
    loading = asyncio.create_task(waiting.load())
    await asyncio.sleep(0.1)
    async with endpoint(free, "another"):
        with pytest.raises(ModelError, match="has no model 'base'"):
            await asyncio.wait_for(loading, 10)
