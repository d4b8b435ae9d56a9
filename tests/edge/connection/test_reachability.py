"""A planner that restarts, and one behind a slow link, are reached; one that stays away is given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from umi_edge.connection.connection import SOON_AGAIN
from umi_edge.connection.reachability import reachable

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@asynccontextmanager
async def planner(
    port: int = 0, status: int = SERVING
) -> AsyncIterator[tuple[int, health.aio.HealthServicer]]:
    servicer = health.aio.HealthServicer()
    await servicer.set("", status)
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield bound, servicer
    finally:
        await server.stop(None)


def channel(port: int) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=SOON_AGAIN)


async def test_a_planner_that_restarts_is_waited_for():
    """Trial: a new `umi ask` gave up in two seconds, where running sessions waited half a minute."""
    async with planner() as (port, _):
        pass
    async with channel(port) as open_channel:
        asked = asyncio.create_task(reachable(open_channel, 20))
        await asyncio.sleep(1)
        async with planner(port):
            assert await asked


async def test_a_planner_that_still_loads_is_waited_for():
    async with planner(status=NOT_SERVING) as (port, servicer), channel(port) as open_channel:
        asked = asyncio.create_task(reachable(open_channel, 20))
        await asyncio.sleep(0.1)
        assert not asked.done()
        await servicer.set("", SERVING)
        assert await asked


async def test_a_planner_that_stays_away_is_given_up_in_time():
    async with planner() as (port, _):
        pass
    async with channel(port) as open_channel:
        began = asyncio.get_running_loop().time()
        assert not await reachable(open_channel, 1)
        assert asyncio.get_running_loop().time() - began < 5


async def test_a_planner_that_refuses_is_reachable():
    async def refuse(_request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no")

    handlers = {"Check": grpc.unary_unary_rpc_method_handler(refuse)}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with channel(port) as open_channel:
        assert await reachable(open_channel, 5)
    await server.stop(None)


@asynccontextmanager
async def slow_link(port: int, seconds: float) -> AsyncIterator[int]:
    """Forwards a connection; every piece takes `seconds` each way."""
    tasks, writers = set(), []

    async def one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()

        def late(piece: bytes) -> None:
            if not writer.is_closing():
                writer.write(piece)

        with suppress(OSError):
            while piece := await reader.read(65536):
                loop.call_later(seconds, late, piece)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, inside[1]))
        tasks.update({asyncio.create_task(one_way(reader, inside[1]))})
        tasks.update({asyncio.create_task(one_way(inside[0], writer))})

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.close()
        await asyncio.gather(*tasks, *(one.wait_closed() for one in writers), return_exceptions=True)


@pytest.mark.timeout(60)
async def test_a_link_with_two_seconds_of_latency_can_start():
    """Trial: the probe had five seconds and one try. Two round trips of four seconds are why this test is slow."""
    async with planner() as (port, _), slow_link(port, 2.0) as far, channel(far) as open_channel:
        assert await reachable(open_channel)
