"""Whether the planner answers, found out before anything of an instruction is sent."""

import asyncio

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

__all__ = ["PATIENCE_SECONDS", "reachable"]

PATIENCE_SECONDS = 30.0
"""As long as a session waits for a planner that restarts; a slow link, or one that loses much, gets there, too."""
_PAUSE_SECONDS = 0.5


async def reachable(channel: grpc.aio.Channel, seconds: float = PATIENCE_SECONDS) -> bool:
    """Ask the standard health service until it says SERVING; False when it has not within the time.

    A planner that refuses this device is reachable: the refusal is worth more than "offline".
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    stub = health_pb2_grpc.HealthStub(channel)
    while (left := end - loop.time()) > 0:
        try:
            reply = await stub.Check(health_pb2.HealthCheckRequest(), timeout=left)
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                return True
        else:
            if reply.status == health_pb2.HealthCheckResponse.SERVING:
                return True
        await asyncio.sleep(min(_PAUSE_SECONDS, max(end - loop.time(), 0)))
    return False
