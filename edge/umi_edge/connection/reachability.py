"""Whether the planner answers, found out before anything of an instruction is sent."""

import asyncio

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from umi_shared.refusal import refusal_from_metadata

__all__ = ["PATIENCE_SECONDS", "PLANNER", "admission", "reachable"]

PLANNER = "umi_proto.v1.Planner"

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


async def admission(channel: grpc.aio.Channel, seconds: float) -> tuple[grpc.StatusCode, str]:
    """What the planner answers to an empty request: the code, and the reason of a refusal.

    INVALID_ARGUMENT is how it refuses a device that it knows, before anything is counted.
    """
    call = channel.unary_unary(
        f"/{PLANNER}/Plan", request_serializer=lambda raw: raw, response_deserializer=lambda raw: raw
    )(b"", timeout=seconds)
    try:
        await call
    except grpc.aio.AioRpcError as error:
        refusal = refusal_from_metadata(error.trailing_metadata())
        return error.code(), refusal.reason if refusal else ""
    return grpc.StatusCode.OK, ""
