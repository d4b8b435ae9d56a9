"""Whether the planner answers, found out before anything of an instruction is sent."""

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

__all__ = ["reachable"]


async def reachable(channel: grpc.aio.Channel, seconds: float = 5) -> bool:
    """Ask the standard health service; True when it says SERVING.

    A planner that refuses this device is reachable: the refusal is worth more than "offline".
    """
    try:
        reply = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=seconds
        )
    except grpc.aio.AioRpcError as error:
        return error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)
