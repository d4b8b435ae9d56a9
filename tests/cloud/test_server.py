"""The service port over real gRPC, with an engine that follows a script."""

import asyncio
import json
import logging

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from umi_cloud.admission import AdmissionLimits
from umi_cloud.device_gate import UnsafeLoopbackGate
from umi_cloud.engines.errors import EngineDeadError, PromptTooLongError
from umi_cloud.server import CloudServer, ServerLimits, _options
from umi_cloud.testing import connect, refusal_of_call, serve_scripted
from umi_proto.v1 import agent_pb2 as pb
from umi_shared.errors import ConfigError, TransportError
from umi_shared.testing import Ending, Reply
from umi_shared.wire import WireLimits

CALLER = "To find the address of <person:1>, use contacts.search. Next: caller."
SECRET = "ann@example.org"


async def test_a_plan_streams_the_rationale_then_the_decision_then_the_usage(plan_request):
    async with serve_scripted([CALLER]) as cloud, connect(cloud.address) as client:
        events = [event async for event in client.planner.Plan(plan_request)]
    rationale = "".join(event.rationale_delta for event in events)
    assert rationale == "To find the address of <person:1>, use contacts.search."
    assert [event.WhichOneof("event") for event in events[-2:]] == ["decision", "usage"]
    assert events[-2].decision.next == pb.NEXT_CALLER
    assert events[-2].decision.tool == "contacts.search"
    assert events[-1].usage.prompt_tokens > 0
    (generation,) = cloud.engine.generations
    assert generation.adapter == "planner"


async def test_a_device_that_reads_several_gets_what_ends_a_plan_as_one_message(plan_request):
    plan_request.reads_several = True
    async with serve_scripted([CALLER]) as cloud, connect(cloud.address) as client:
        events = [event async for event in client.planner.Plan(plan_request)]
    assert [event.WhichOneof("event") for event in events] == ["several"]
    kinds = [one.WhichOneof("event") for one in events[0].several.events]
    assert kinds == ["rationale_delta", "decision", "usage"]
    assert events[0].several.events[1].decision.tool == "contacts.search"


async def test_a_summary_for_a_device_that_reads_several_streams_first_and_ends_in_one_message(
    summarize_request,
):
    summarize_request.reads_several = True
    async with serve_scripted(["I wrote to <person:1>."]) as cloud, connect(cloud.address) as client:
        events = [event async for event in client.summarizer.Summarize(summarize_request)]
    assert events[0].answer_delta
    assert [one.WhichOneof("event") for one in events[-1].several.events] == ["answer_delta", "usage"]


async def test_the_rationale_arrives_while_the_model_still_writes(plan_request):
    reply = Reply(text="To find <person:1> among all the people, use", ending=Ending.HANG)
    async with serve_scripted([reply]) as cloud, connect(cloud.address) as client:
        call = client.planner.Plan(plan_request)
        first = await anext(aiter(call))
        assert first.rationale_delta
        assert cloud.engine.running == 1
        call.cancel()
        await cloud.engine.until(lambda engine: engine.stopped == 1)


async def test_a_summary_streams_the_answer_then_the_usage(summarize_request):
    async with serve_scripted(["I wrote to <person:1>."]) as cloud, connect(cloud.address) as client:
        events = [event async for event in client.summarizer.Summarize(summarize_request)]
    assert "".join(event.answer_delta for event in events) == "I wrote to <person:1>."
    assert events[-1].WhichOneof("event") == "usage"
    assert cloud.engine.generations[0].adapter == "summarizer"


async def test_a_session_id_reaches_the_engine_as_a_word_that_differs_from_it(plan_request):
    async with serve_scripted([CALLER, CALLER]) as cloud, connect(cloud.address) as client:
        for _ in range(2):
            call = client.planner.Plan(plan_request, metadata=(("umi-session", "s-1"),))
            assert [event async for event in call]
    first, second = cloud.engine.generations
    assert first.session == second.session != ""
    assert "s-1" not in first.session


BROKEN = [
    ("garbage", Reply(text="lorem ipsum"), grpc.StatusCode.INTERNAL, "OUTPUT_MALFORMED"),
    (
        "unknown tool",
        Reply(text="To go, use rm.everything. Next: caller."),
        grpc.StatusCode.INTERNAL,
        "OUTPUT_MALFORMED",
    ),
    ("for ever", Reply(text="and then ", ending=Ending.REPEAT), grpc.StatusCode.INTERNAL, "OUTPUT_MALFORMED"),
    ("too long", Reply(text="so ", ending=Ending.LENGTH), grpc.StatusCode.INTERNAL, "OUTPUT_MALFORMED"),
    ("vanishing", Reply(text=CALLER, ending=Ending.VANISH), grpc.StatusCode.INTERNAL, "ENGINE_FAILED"),
    ("crashing", Reply(ending=Ending.CRASH), grpc.StatusCode.INTERNAL, "ENGINE_FAILED"),
    ("nothing", Reply(text=""), grpc.StatusCode.INTERNAL, "OUTPUT_MALFORMED"),
    (
        "a bug",
        Reply(ending=Ending.CRASH, error=ValueError(f"cannot read {SECRET}")),
        grpc.StatusCode.INTERNAL,
        "INTERNAL",
    ),
    (
        "context",
        Reply(ending=Ending.CRASH, error=PromptTooLongError(5000, 4096)),
        grpc.StatusCode.FAILED_PRECONDITION,
        "CONTEXT_FULL",
    ),
    (
        "unreachable",
        Reply(ending=Ending.CRASH, error=TransportError(f"{SECRET} refused")),
        grpc.StatusCode.UNAVAILABLE,
        "ENGINE_UNREACHABLE",
    ),
]


@pytest.mark.parametrize(
    ("reply", "code", "reason"), [case[1:] for case in BROKEN], ids=[c[0] for c in BROKEN]
)
async def test_a_broken_engine_gives_a_typed_error_and_no_text_of_it(
    plan_request, reply, code, reason, caplog
):
    caplog.set_level(logging.DEBUG)
    async with serve_scripted([reply]) as cloud, connect(cloud.address) as client:
        seen, refused = await refusal_of_call(client.planner.Plan(plan_request))
        assert (seen, refused.reason) == (code, reason)
        assert cloud.engine.running == 0
    assert SECRET not in caplog.text
    assert "Traceback" not in caplog.text


async def test_details_of_an_unexpected_failure_hold_an_id_that_the_log_has_too(plan_request, caplog):
    reply = Reply(ending=Ending.CRASH, error=ValueError(SECRET))
    async with serve_scripted([reply]) as cloud, connect(cloud.address) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            assert not [event async for event in client.planner.Plan(plan_request)]
    details = caught.value.details()
    assert SECRET not in details
    failure_id = details.rpartition("error ")[2].rstrip(")")
    assert any(failure_id in record.message and "ValueError" in record.message for record in caplog.records)


async def test_a_silent_engine_is_stopped_at_the_servers_deadline(plan_request):
    limits = ServerLimits(request_seconds=0.1)
    async with (
        serve_scripted([Reply(ending=Ending.HANG)], limits=limits) as cloud,
        connect(cloud.address) as client,
    ):
        code, refused = await refusal_of_call(client.planner.Plan(plan_request))
        assert (code, refused.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE")
        assert (cloud.engine.running, cloud.engine.stopped) == (0, 1)


async def test_the_clients_deadline_stops_the_engine(plan_request):
    async with serve_scripted([Reply(ending=Ending.HANG)]) as cloud, connect(cloud.address) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(aiter(client.planner.Plan(plan_request, timeout=0.1)))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await cloud.engine.until(lambda engine: engine.stopped == 1)


async def test_cancelling_the_call_stops_the_engine_and_frees_the_turn(plan_request):
    limits = ServerLimits(admission=AdmissionLimits(running=1))
    async with (
        serve_scripted([Reply(ending=Ending.HANG), CALLER], limits=limits) as cloud,
        connect(cloud.address) as client,
    ):
        call = client.planner.Plan(plan_request)
        reading = asyncio.ensure_future(anext(aiter(call)))
        await cloud.engine.until(lambda engine: engine.running == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await cloud.engine.until(lambda engine: engine.stopped == 1)
        assert [event async for event in client.planner.Plan(plan_request)]


async def test_a_client_that_goes_away_stops_the_engine(plan_request):
    async with serve_scripted([Reply(text="To go ", ending=Ending.REPEAT, pause_seconds=0.01)]) as cloud:
        async with connect(cloud.address) as client:
            reading = asyncio.ensure_future(anext(aiter(client.planner.Plan(plan_request))))
            await reading
        await cloud.engine.until(lambda engine: engine.stopped == 1)


async def test_a_full_queue_is_refused_with_a_time_to_retry_after(plan_request):
    limits = ServerLimits(admission=AdmissionLimits(running=1, queued=1))
    gate = asyncio.Event()
    replies = [Reply(text=CALLER, gate=gate), CALLER]
    async with serve_scripted(replies, limits=limits) as cloud, connect(cloud.address) as client:

        async def plan() -> list[pb.PlanEvent]:
            return [event async for event in client.planner.Plan(plan_request)]

        first = asyncio.create_task(plan())
        await cloud.engine.until(lambda engine: engine.running == 1)
        second = asyncio.create_task(plan())
        async with asyncio.timeout(5):
            while cloud.server.under_way < 2:  # noqa: ASYNC110  # the network tells nobody when it has arrived
                await asyncio.sleep(0)
        code, refused = await refusal_of_call(client.planner.Plan(plan_request))
        assert (code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert refused.retry_after_seconds is not None
        assert refused.retry_after_seconds > 0
        gate.set()
        assert await first
        assert await second


async def test_one_log_line_a_request_without_text_of_it(plan_request, caplog):
    caplog.set_level(logging.INFO, logger="umi_cloud.requests")
    async with serve_scripted([CALLER, "junk"]) as cloud, connect(cloud.address) as client:
        call = client.planner.Plan(plan_request, metadata=(("umi-session", "my-session"),))
        assert [event async for event in call]
        await refusal_of_call(client.planner.Plan(plan_request))
    lines = [json.loads(record.message) for record in caplog.records if record.name == "umi_cloud.requests"]
    assert [line["outcome"] for line in lines] == ["ok", "OUTPUT_MALFORMED"]
    assert lines[0]["completion_tokens"] > 0
    assert lines[0]["session"]
    for private in ("my-session", "Write to", "contacts"):
        assert private not in caplog.text


class TestLimits:
    """Each inbound size and count is refused with a word, and the server goes on."""

    LIMITS = ServerLimits(
        wire=WireLimits(
            message_bytes=64 * 1024, tools=2, schema_bytes=256, entries=3, segments=8, padding_bytes=1024
        ),
        metadata_bytes=4096,
    )

    @staticmethod
    def _many_tools(request):
        for _ in range(3):
            request.view.catalogue.append(request.view.catalogue[0])

    @staticmethod
    def _many_entries(request):
        for _ in range(3):
            request.view.entries.append(request.view.entries[0])

    @staticmethod
    def _many_segments(request):
        segments = request.view.entries[0].instruction.text.segments
        for _ in range(9):
            segments.append(segments[0])

    @staticmethod
    def _large_schema(request):
        request.view.catalogue[0].input_schema = json.dumps({"description": "x" * 300})

    @staticmethod
    def _deep_schema(request):
        request.view.catalogue[0].input_schema = '{"a":' * 40 + "1" + "}" * 40

    @staticmethod
    def _no_schema(request):
        request.view.catalogue[0].input_schema = "[1]"

    @staticmethod
    def _odd_schema(request):
        request.view.catalogue[0].input_schema = '{"properties": 5, "required": 7}'

    @staticmethod
    def _long_name(request):
        request.view.catalogue[0].name = "n" * 200

    @staticmethod
    def _long_id(request):
        request.request_id = "i" * 200

    @staticmethod
    def _padding(request):
        request.padding = bytes(2000)

    @staticmethod
    def _bad_handle(request):
        request.view.entries[0].instruction.text.segments[1].handle.type = "<|im_end|>"

    @staticmethod
    def _empty(request):
        del request.view.entries[:]

    @pytest.mark.parametrize(
        "spoil",
        [
            "many_tools",
            "many_entries",
            "many_segments",
            "large_schema",
            "deep_schema",
            "no_schema",
            "odd_schema",
            "long_name",
            "long_id",
            "padding",
            "bad_handle",
            "empty",
        ],
    )
    async def test_a_request_past_a_limit_is_an_invalid_argument(self, plan_request, spoil):
        good = pb.PlanRequest.FromString(plan_request.SerializeToString())
        getattr(self, f"_{spoil}")(plan_request)
        async with serve_scripted([CALLER], limits=self.LIMITS) as cloud, connect(cloud.address) as client:
            code, refused = await refusal_of_call(client.planner.Plan(plan_request))
            assert (code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED")
            assert not cloud.engine.generations
            assert [event async for event in client.planner.Plan(good)]

    async def test_a_message_that_is_too_large_is_refused_before_it_is_parsed(self, plan_request):
        plan_request.padding = bytes(200_000)
        async with serve_scripted([CALLER], limits=self.LIMITS) as cloud, connect(cloud.address) as client:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await anext(aiter(client.planner.Plan(plan_request)))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async def test_a_compressed_message_counts_with_its_full_size(self, plan_request):
        plan_request.padding = bytes(50_000_000)
        async with serve_scripted([CALLER], limits=self.LIMITS) as cloud, connect(cloud.address) as client:
            call = client.planner.Plan(plan_request, compression=grpc.Compression.Gzip)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await anext(aiter(call))
            assert not cloud.engine.generations
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async def test_bytes_that_are_no_message_are_an_invalid_argument_and_leave_no_trace_in_the_log(
        self, caplog
    ):
        async with serve_scripted([CALLER], limits=self.LIMITS) as cloud, connect(cloud.address) as client:
            call = client.channel.unary_stream("/umi_proto.v1.Planner/Plan")(
                b"\xff\xff\xff" + SECRET.encode()
            )
            code, refused = await refusal_of_call(call)
        assert (code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED")
        assert "Traceback" not in caplog.text
        assert SECRET not in caplog.text

    async def test_a_session_id_that_is_too_long_is_an_invalid_argument(self, plan_request):
        async with serve_scripted([CALLER], limits=self.LIMITS) as cloud, connect(cloud.address) as client:
            call = client.planner.Plan(plan_request, metadata=(("umi-session", "s" * 200),))
            code, refused = await refusal_of_call(call)
        assert (code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED")

    async def test_metadata_past_the_limit_is_refused(self, plan_request):
        async with serve_scripted([CALLER], limits=self.LIMITS) as cloud, connect(cloud.address) as client:
            call = client.planner.Plan(plan_request, metadata=(("x-flood", "s" * 20_000),))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await anext(aiter(call))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


class TestHealthAndDrain:
    """Health tells the truth, and a shutdown lets requests end."""

    async def _status(self, client, service=""):
        stub = health_pb2_grpc.HealthStub(client.channel)
        return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status

    async def test_nobody_holds_a_place_by_watching_health(self):
        """Trial: a revoked certificate's watches took the places of all requests."""
        async with serve_scripted([CALLER]) as cloud, connect(cloud.address) as client:
            watching = health_pb2_grpc.HealthStub(client.channel).Watch(
                health_pb2.HealthCheckRequest(), timeout=2
            )
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await anext(aiter(watching))
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
            assert await self._status(client) == health_pb2.HealthCheckResponse.SERVING

    async def test_health_is_not_serving_until_the_model_is_there(self, plan_request):
        server = CloudServer(UnsafeLoopbackGate())
        port = await server.start("127.0.0.1:0", None)
        async with connect(f"127.0.0.1:{port}") as client:
            for name in ("", "umi_proto.v1.Planner", "umi_proto.v1.Summarizer"):
                assert await self._status(client, name) == health_pb2.HealthCheckResponse.NOT_SERVING
            code, refused = await refusal_of_call(client.planner.Plan(plan_request))
            assert (code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "LOADING")
        await server.drain(0)

    async def test_health_is_serving_once_it_is(self):
        async with serve_scripted([]) as cloud, connect(cloud.address) as client:
            for name in ("", "umi_proto.v1.Planner", "umi_proto.v1.Summarizer"):
                assert await self._status(client, name) == health_pb2.HealthCheckResponse.SERVING

    async def test_a_drain_refuses_new_requests_and_finishes_those_under_way(self, plan_request):
        gate = asyncio.Event()
        async with (
            serve_scripted([Reply(text=CALLER, gate=gate)]) as cloud,
            connect(cloud.address) as client,
        ):
            call = client.planner.Plan(plan_request)
            reading = asyncio.create_task(_all(call))
            await cloud.engine.until(lambda engine: engine.running == 1)
            draining = asyncio.create_task(cloud.server.drain(30))
            async with asyncio.timeout(5):
                while await self._status(client) != health_pb2.HealthCheckResponse.NOT_SERVING:
                    pass
            code, refused = await refusal_of_call(client.planner.Plan(plan_request))
            assert (code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
            gate.set()
            assert (await reading)[-1].usage.prompt_tokens
            assert await draining == 0

    async def test_a_drain_ends_what_takes_too_long_and_says_why(self, plan_request):
        async with serve_scripted([Reply(ending=Ending.HANG)]) as cloud, connect(cloud.address) as client:
            ending = asyncio.create_task(refusal_of_call(client.planner.Plan(plan_request)))
            await cloud.engine.until(lambda engine: engine.running == 1)
            assert await cloud.server.drain(0.05) == 1
            code, refused = await ending
            assert (code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
            assert cloud.engine.stopped == 1

    async def test_health_is_not_serving_once_the_engine_is_dead(self, plan_request):
        reply = Reply(ending=Ending.CRASH, error=EngineDeadError("gone"))
        async with serve_scripted([reply]) as cloud, connect(cloud.address) as client:
            await refusal_of_call(client.planner.Plan(plan_request))
            assert cloud.server.engine_dead.is_set()
            assert await self._status(client) == health_pb2.HealthCheckResponse.NOT_SERVING

    async def test_a_port_that_is_taken_is_one_clear_error(self):
        async with serve_scripted([]) as cloud:
            server = CloudServer(UnsafeLoopbackGate())
            with pytest.raises(ConfigError, match="cannot listen on"):
                await server.start(cloud.address, None)

    async def test_reflection_is_off_by_default(self):
        async with serve_scripted([]) as cloud, connect(cloud.address) as client:
            call = client.channel.stream_stream(
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
            )()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_reflection_names_the_services_when_it_is_on():
    reflection_pb2 = pytest.importorskip("grpc_reflection.v1alpha.reflection_pb2")
    server = CloudServer(UnsafeLoopbackGate(), reflection=True)
    port = await server.start("127.0.0.1:0", None)
    async with connect(f"127.0.0.1:{port}") as client:
        call = client.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        reply = await call.read()
        call.cancel()
    await server.drain(0)
    assert "umi_proto.v1.Planner" in {service.name for service in reply.list_services_response.service}


async def test_sixty_four_devices_sessions_all_get_their_own_answer(plan_request):
    limits = ServerLimits(admission=AdmissionLimits(running=8, queued=64, queued_per_device=64))
    async with (
        serve_scripted(lambda _: CALLER, limits=limits) as cloud,
        connect(cloud.address) as client,
    ):
        plans = await asyncio.gather(*(_all(client.planner.Plan(plan_request)) for _ in range(64)))
    assert all(events[-2].decision.tool == "contacts.search" for events in plans)
    assert cloud.engine.finished == 64


async def _all(call):
    return [event async for event in call]


def test_grpc_keeps_what_it_has_not_taken_in_for_as_long_as_a_request_may_last():
    """By itself it would cancel that after 30 s: of 300 sessions at once on a busy machine 45 were lost so."""
    assert (
        dict(_options(ServerLimits(request_seconds=99.5)))["grpc.server_max_unrequested_time_in_server"]
        == 100
    )


PING, ACKNOWLEDGED = 6, 1


def frames(stream: bytes) -> list[tuple[int, int]]:
    """The type and the flags of each HTTP/2 frame (RFC 9113, section 4.1)."""
    found = []
    while len(stream) >= 9:
        found.append((stream[3], stream[4]))
        stream = stream[9 + int.from_bytes(stream[:3]) :]
    return found


async def test_a_plan_costs_no_ping(plan_request):
    """By itself gRPC pings a connection whenever it has read something, to find out how much it takes."""
    said = bytearray()
    async with serve_scripted([CALLER] * 3) as cloud:

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            host, _, port = cloud.address.rpartition(":")
            from_server, to_server = await asyncio.open_connection(host, int(port))

            async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray) -> None:
                while piece := await source.read(65536):
                    kept += piece
                    sink.write(piece)
                sink.close()

            await asyncio.gather(copy(reader, to_server, bytearray()), copy(from_server, writer, said))

        between = await asyncio.start_server(relay, "127.0.0.1", 0)
        async with between, connect(f"127.0.0.1:{between.sockets[0].getsockname()[1]}") as client:
            for _ in range(3):
                assert [event async for event in client.planner.Plan(plan_request)]
    types = frames(bytes(said))
    assert len(types) > 6
    assert not [flags for kind, flags in types if kind == PING and not flags & ACKNOWLEDGED]
