"""A call that Serve took in: who is believed, and how a refusal leaves."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import quote_from_bytes

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from umi_cloud.auth.certificates import DEFAULT_LIFETIMES, certificate_pem, make_ca, make_device
from umi_cloud.ray_serve.hosted_call import HostedCall, seconds_of, streamed
from umi_shared.errors import RefusedError

KEY = b"k" * 40


def _device() -> bytes:
    now = datetime.now(UTC)
    ca_key, ca = make_ca(now, DEFAULT_LIFETIMES)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    made = make_device(ca, ca_key, key, name="a", now=now, lifetimes=DEFAULT_LIFETIMES)
    return certificate_pem(made)


PEM = _device()
SHOWN = ("x-forwarded-client-cert", f'Cert="{quote_from_bytes(PEM, safe="")}";URI=umi://device/a')
VOUCHED = ("umi-proxy-key", KEY.decode())


class Context:
    """What Serve gives."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self.metadata = list(metadata)
        self.ended: list[object] = []

    def invocation_metadata(self):
        return self.metadata

    def peer(self):
        return "ipv4:10.0.0.1:1"

    def set_code(self, code):
        self.ended.append(code)

    def set_details(self, details):
        self.ended.append(details)

    def set_trailing_metadata(self, metadata):
        self.ended.append(metadata)


def certificates(*metadata: tuple[str, str]) -> list[bytes]:
    return list(HostedCall(Context(*metadata), KEY).as_of_device().auth_context()["x509_pem_cert"])


def test_the_certificate_is_that_of_the_device():
    assert certificates(SHOWN, VOUCHED) == [PEM]


@pytest.mark.parametrize(
    "metadata",
    [
        (SHOWN,),
        (VOUCHED,),
        (("x-forwarded-client-cert", "By=x;Hash=y"), VOUCHED),
        (SHOWN, ("umi-proxy-key", "")),
        (SHOWN, ("umi-proxy-key", "k" * 39)),
        (SHOWN, VOUCHED, VOUCHED),
        (SHOWN, SHOWN, VOUCHED),
        (("x-forwarded-client-cert", f"{SHOWN[1]},{SHOWN[1]}"), VOUCHED),
        (("x-forwarded-client-cert", f"{SHOWN[1]};Cert=b"), VOUCHED),
        (("x-forwarded-client-cert", "Cert=" + "a" * 10_000), VOUCHED),
    ],
)
def test_nobody_else_is_believed_nor_what_can_be_read_in_two_ways(metadata):
    with pytest.raises(RefusedError) as caught:
        certificates(*metadata)
    assert caught.value.reason == "CERTIFICATE_MISSING"


def test_what_only_the_proxy_may_say_goes_no_further():
    call = HostedCall(Context(SHOWN, VOUCHED, ("umi-timeout", "1S"), ("umi-session", "word")), KEY)
    assert call.as_of_device().invocation_metadata() == [("umi-session", "word")]
    assert call.as_of_device().time_remaining() == 1
    assert HostedCall(Context(("umi-timeout", "1S")), KEY).time_remaining() is None
    assert KEY.decode() not in repr(call)


async def test_what_is_written_comes_out_and_a_refusal_ends_it_with_an_empty_piece():
    context = Context()
    call = HostedCall(context, KEY)

    caller = call.as_of_device()

    async def serve() -> None:
        await caller.write(b"a")
        await caller.write(b"b")
        await caller.abort(grpc.StatusCode.UNAVAILABLE, "busy", (("reason", b"x"),))

    assert [piece async for piece in streamed(call, serve, b"last")] == [b"a", b"b", b"last"]
    assert context.ended == [grpc.StatusCode.UNAVAILABLE, "busy", [("reason", b"x")]]


async def test_nothing_follows_what_ended_well():
    call = HostedCall(Context(), KEY)

    async def serve() -> None:
        await call.write(b"a")

    assert [piece async for piece in streamed(call, serve, b"last")] == [b"a"]


async def test_whoever_hangs_up_ends_the_work():
    call = HostedCall(Context(), KEY)
    ended = asyncio.Event()

    async def serve() -> None:
        try:
            await call.write(b"a")
            await asyncio.sleep(60)
        finally:
            ended.set()

    stream = streamed(call, serve, b"last")
    assert await anext(stream) == b"a"
    await stream.aclose()
    assert ended.is_set()


@pytest.mark.parametrize("text", ["", "S", "-", "1", "1 S", "-1S", "1.5S", "123456789S", "１S"])
def test_a_timeout_that_is_none_is_no_limit(text):
    assert seconds_of(text) is None
