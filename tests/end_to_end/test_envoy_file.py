"""The file that `umi-cloud ray envoy` writes, in a real Envoy before what stands for Ray Serve's gRPC."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cloud.auth.conftest import csr
from tests.end_to_end.proxy_process import ENVOY_OPTIONS, free_port, program, started
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.certificates import key_pem
from umi_cloud.auth.forwarded_certificate import forwarded_certificates
from umi_cloud.ray_serve.envoy_file import EnvoyFile
from umi_shared.errors import RefusedError
from umi_shared.refusal import refusal_from_metadata, refusal_metadata

KEY = "k" * 40
PLAN = "/umi_proto.v1.Planner/Plan"

pytestmark = pytest.mark.skipif(program("envoy") is None, reason="Envoy is not installed")


@dataclass
class Serve:
    """Does what a request says, and tells with what it came."""

    asked: Counter[bytes] = field(default_factory=Counter)

    async def answer(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        self.asked[request] += 1
        if request == b"trace":
            await context.abort(grpc.StatusCode.UNKNOWN, "Traceback: /srv/umi/secret.py line 3")
        if request == b"refuse":
            code = grpc.StatusCode.RESOURCE_EXHAUSTED
            refusal = refusal_metadata(code.value[0], RefusedError("no", reason="TOKENS_SPENT"))
            await context.abort(code, "no", refusal)
        if request == b"fail once" and self.asked[request] == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "a replica died")
        if request == b"fail late":
            await context.write(b"begun")
            await context.abort(grpc.StatusCode.UNAVAILABLE, "a replica died")
        if request == b"hang":  # of what has begun, an Envoy that is first breaks the stream off
            await asyncio.sleep(30)
        said = [[name, value] for name, value in context.invocation_metadata() if isinstance(value, str)]
        await context.write(json.dumps(said).encode())


@dataclass
class World:
    serve: Serve
    channel: grpc.aio.Channel
    certificate: bytes

    async def call(
        self, request: bytes, *metadata: tuple[str, str], method: str = PLAN, seconds: float = 10.0
    ) -> list[bytes]:
        call = self.channel.unary_stream(method)(request, metadata=metadata, timeout=seconds)
        return [piece async for piece in call]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    authority = Authority.init(tmp_path)
    serve = Serve()

    class Handler(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            return grpc.unary_stream_rpc_method_handler(serve.answer)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handler(),))
    upstream = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    port, file = free_port(), tmp_path / "envoy.yaml"
    file.write_text(
        EnvoyFile(certificates=str(tmp_path), upstreams=(f"127.0.0.1:{upstream}",), port=port).text()
    )
    key = ec.generate_private_key(ec.SECP256R1())
    pem = authority.sign_device(csr(key), "alice").pem
    credentials = grpc.ssl_channel_credentials(authority.ca_pem, key_pem(key), pem)
    try:
        async with (
            started([program("envoy"), *ENVOY_OPTIONS, "-c", file], port, {"UMI_PROXY_KEY": KEY}),
            grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel,
        ):
            yield World(serve, channel, pem)
    finally:
        await server.stop(0)


async def test_what_only_the_proxy_may_say_is_overwritten_whatever_a_device_sends(world):
    (said,) = await world.call(
        b"tell",
        ("x-forwarded-client-cert", 'Cert="somebody"'),
        ("umi-proxy-key", "guess"),
        ("umi-timeout", "9H"),
        ("application", "summarizer"),
    )
    came = json.loads(said)
    values = dict(came)
    assert len(values) == len(came)  # each once
    (element,) = forwarded_certificates(values["x-forwarded-client-cert"])
    assert unquote(element.pairs["cert"][0]).encode().strip() == world.certificate.strip()
    assert element.certificate()
    assert (values["umi-proxy-key"], values["application"]) == (KEY, "planner")
    assert values["umi-timeout"] not in ("9H", "")
    (said,) = await world.call(b"tell", method="/umi_proto.v1.Summarizer/Summarize")
    assert dict(json.loads(said))["application"] == "summarizer"


async def failure(world: World, request: bytes, **options) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.call(request, **options)
    return caught.value


async def test_serves_own_errors_stay_in_and_umis_refusals_come_through(world):
    sealed = await failure(world, b"trace")
    assert (sealed.code(), sealed.details()) == (
        grpc.StatusCode.UNAVAILABLE,
        "the planner's server failed",
    )
    refused = await failure(world, b"refuse")
    assert refusal_from_metadata(refused.trailing_metadata()).reason == "TOKENS_SPENT"
    assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_what_fails_before_its_first_message_is_tried_again_and_nothing_later(world):
    assert len(await world.call(b"fail once")) == 1
    assert world.serve.asked[b"fail once"] == 2
    late = await failure(world, b"fail late")
    assert (late.code(), late.details()) == (grpc.StatusCode.UNAVAILABLE, "the planner's server failed")
    assert world.serve.asked[b"fail late"] == 1


async def test_a_call_ends_with_its_deadline_and_what_is_not_umis_is_not_there(world):
    assert (await failure(world, b"hang", seconds=1.0)).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    assert (await failure(world, b"", method=reflection)).code() is grpc.StatusCode.UNIMPLEMENTED
    assert world.serve.asked[b""] == 0
