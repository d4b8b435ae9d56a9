"""The names of `umi_cloud` suffice for a program of one's own; which names there are: tests/test_public_names.py."""

from collections.abc import AsyncGenerator

import grpc

from umi_cloud import (
    Chunk,
    CloudConfig,
    Decision,
    Delta,
    Deployment,
    Finish,
    Finished,
    Generation,
    Instruction,
    Loaded,
    Next,
    Planner,
    RationaleDelta,
    RefusedError,
    Usage,
    View,
    dialect_named,
)
from umi_cloud.testing import connect, refusal_of_call
from umi_proto.v1 import agent_pb2, agent_pb2_grpc
from umi_shared.wire import WireLimits, plan_event_message, read_view


class Parrot:
    """An engine of an operator's own."""

    def __init__(self) -> None:
        self.closed = False

    async def generate(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        yield Delta("Nothing is left to do. Next: summarizer.")
        yield Finished(Finish.STOP, Usage(prompt_tokens=len(generation.adapter), completion_tokens=1))

    async def close(self) -> None:
        self.closed = True


async def test_a_planner_over_an_engine_of_ones_own_needs_no_server():
    planner = Planner(Parrot(), dialect_named("umi"))
    events = [event async for event in planner.plan(View(catalogue=(), entries=(Instruction(("Hello",)),)))]
    assert events[:-2] == [RationaleDelta("Nothing is left to do.")]
    assert events[-2:] == [Decision(Next.SUMMARIZER), Usage(completion_tokens=1)]


class ThinServicer(agent_pb2_grpc.PlannerServicer):
    """What another host, such as Ray Serve's ingress, needs around the planner: the RPC's name and messages."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    async def Plan(self, request, context):  # noqa: N802  # the RPC's name
        async for event in self._planner.plan(read_view(request, WireLimits())):
            yield plan_event_message(event)


async def test_another_host_maps_the_rpc_to_the_plain_planner(plan_request):
    server = grpc.aio.server()
    agent_pb2_grpc.add_PlannerServicer_to_server(
        ThinServicer(Planner(Parrot(), dialect_named("umi"))), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with connect(f"127.0.0.1:{port}") as client:
            events = [event async for event in client.planner.Plan(plan_request)]
    finally:
        await server.stop(None)
    assert "".join(event.rationale_delta for event in events) == "Nothing is left to do."
    assert events[-2].decision.next == agent_pb2.NEXT_SUMMARIZER


async def test_an_engine_of_ones_own_is_served_to_laptops(tmp_path, plan_request):
    engine = Parrot()
    deployment = await Deployment.start(CloudConfig.local(tmp_path, unsafe_plaintext_loopback=True))
    try:
        async with connect(deployment.address) as client:
            _, refused = await refusal_of_call(client.planner.Plan(plan_request))
            assert isinstance(refused, RefusedError)
            assert refused.reason == "LOADING"
            await deployment.open(Loaded.of(engine, "umi", adapters=["planner"]))
            *_, usage = [event async for event in client.planner.Plan(plan_request)]
            assert usage.usage.prompt_tokens == len("planner")
    finally:
        await deployment.stop(0)
    assert engine.closed
