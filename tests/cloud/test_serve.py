"""`umi-cloud serve` as operators run it: a process of its own, its ports, its signals, its words."""

import asyncio
import json
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc

from umi_cloud.auth.authority import Authority, AuthorityFiles
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.tokens import mint
from umi_cloud.cli import umi_cloud as umi_cloud_cli
from umi_cloud.testing import connect, refusal_of_call
from umi_proto.v1 import agent_pb2_grpc, enrolment_pb2, enrolment_pb2_grpc
from umi_shared.errors import ConfigError

DONE = "Nothing is left to do. Next: summarizer."
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")


@dataclass
class Served:
    """A running server and what it said when it was ready."""

    process: asyncio.subprocess.Process
    ready: dict

    async def stop(self) -> tuple[list[dict], str]:
        """SIGTERM, and what it says until it ends."""
        self.process.send_signal(signal.SIGTERM)
        return await self.end()

    async def end(self) -> tuple[list[dict], str]:
        out, err = await asyncio.wait_for(self.process.communicate(), 20)
        return [json.loads(line) for line in out.splitlines()], err.decode()


async def umi_cloud(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "umi_cloud",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def fails(*arguments: str) -> tuple[int, str]:
    process = await umi_cloud(*arguments)
    _, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, err.decode()


@asynccontextmanager
async def serve(folder: Path, **settings: object) -> AsyncIterator[Served]:
    process = await umi_cloud("serve", "--config", str(write(folder, **settings)), "--json")
    try:
        async with asyncio.timeout(30):
            async for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "ready":
                    break
            else:
                raise AssertionError((await process.stderr.read()).decode())
        yield Served(process, event)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def write(folder: Path, **settings: object) -> Path:
    """A configuration; JSON is YAML."""
    path = folder / "cloud.yaml"
    scripted = {"kind": "scripted", "replies": [DONE]}
    defaults = {"listen": "127.0.0.1:0", "enrol_listen": "127.0.0.1:0", "state": str(folder / "state")}
    path.write_text(json.dumps({**defaults, "engine": scripted, **settings}))
    return path


SLOW = {"kind": "scripted", "replies": [DONE], "pause_seconds": 0.15}


@posix_only
async def test_sigterm_finishes_what_runs_refuses_what_comes_and_ends_well(tmp_path, plan_request):
    async with serve(tmp_path, engine=SLOW, unsafe_plaintext_loopback=True) as served:
        async with connect(served.ready["address"]) as client:
            call = client.planner.Plan(plan_request)
            events = [await anext(aiter(call))]
            served.process.send_signal(signal.SIGTERM)
            line = json.loads(await served.process.stdout.readline())
            assert line["event"] == "draining"
            code, refused = await refusal_of_call(client.planner.Plan(plan_request))
            assert (code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
            events += [event async for event in call]
        assert events[-1].WhichOneof("event") == "usage"
        said, err = await served.end()
    assert served.process.returncode == 0
    assert said[-1] == {"event": "stopped", "ended": 0}
    assert '"outcome":"ok"' in err
    assert "Traceback" not in err


@posix_only
async def test_a_drain_has_an_end(tmp_path, plan_request):
    slow = SLOW | {"pause_seconds": 60}
    settings = {"engine": slow, "drain_seconds": 0.2, "unsafe_plaintext_loopback": True}
    async with serve(tmp_path, **settings) as served, connect(served.ready["address"]) as client:
        call = client.planner.Plan(plan_request)
        await anext(aiter(call))
        said, _ = await served.stop()
        code, refused = await refusal_of_call(call)
    assert said[-1] == {"event": "stopped", "ended": 1}
    assert (code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")


@posix_only
async def test_a_second_signal_ends_the_patience(tmp_path, plan_request):
    slow = SLOW | {"pause_seconds": 60}
    settings = {"engine": slow, "drain_seconds": 600, "unsafe_plaintext_loopback": True}
    async with serve(tmp_path, **settings) as served, connect(served.ready["address"]) as client:
        call = client.planner.Plan(plan_request)
        await anext(aiter(call))
        served.process.send_signal(signal.SIGINT)
        assert json.loads(await served.process.stdout.readline())["event"] == "draining"
        said, _ = await served.stop()
    assert said[-1] == {"event": "stopped", "ended": 1}


def csr() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(encoding, pkcs8, plain), request.public_bytes(encoding)


async def enrol(state: Path, ready: dict) -> tuple[bytes, bytes, bytes]:
    """Key, certificate and CA of a new device, got over the enrolment port."""
    async with registry_at(state) as registry:
        minted = await mint(
            Authority.load(state),
            registry,
            "laptop",
            service_address=ready["address"],
            enrolment_address=ready["enrol_address"],
            valid=timedelta(minutes=5),
        )
    key, request = csr()
    root = AuthorityFiles(state).ca_certificate.read_bytes()
    credentials = grpc.ssl_channel_credentials(root)
    async with grpc.aio.secure_channel(ready["enrol_address"], credentials) as channel:
        reply = await enrolment_pb2_grpc.EnrolmentStub(channel).Enrol(
            enrolment_pb2.EnrolRequest(token_secret=minted.token.secret_text, csr_pem=request)
        )
    return key, reply.certificate_pem, reply.ca_pem


async def test_enrolled_devices_are_served_over_mtls_within_their_quota_and_others_are_not(
    tmp_path, plan_request
):
    state = tmp_path / "state"
    Authority.init(state)
    async with serve(tmp_path, quota={"requests_per_minute": 2}) as served:
        address = served.ready["address"]
        key, certificate, ca = await enrol(state, served.ready)
        credentials = grpc.ssl_channel_credentials(ca, key, certificate)
        async with grpc.aio.secure_channel(address, credentials) as channel:
            health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            assert health.status == health_pb2.HealthCheckResponse.SERVING
            planner = agent_pb2_grpc.PlannerStub(channel)
            for _ in range(2):
                events = [event async for event in planner.Plan(plan_request)]
                assert events[-1].usage.prompt_tokens
            code, refused = await refusal_of_call(planner.Plan(plan_request))
            assert (code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
            assert refused.retry_after_seconds > 0
            async with registry_at(state) as registry:
                (device,) = await registry.devices()
                assert device.tokens > 0
                await registry.revoke("laptop")
            code, refused = await refusal_of_call(planner.Plan(plan_request))
            assert (code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CERTIFICATE_REVOKED")
        for channel in (
            grpc.aio.insecure_channel(address),
            grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca)),
        ):
            async with channel:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await anext(aiter(agent_pb2_grpc.PlannerStub(channel).Plan(plan_request)))
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        if sys.platform != "win32":
            _, err = await served.stop()
            assert "Write to" not in err
            assert '"device":"laptop"' in err


async def test_without_certificates_it_says_how_to_make_them(tmp_path):
    code, err = await fails("serve", "--config", str(write(tmp_path)))
    assert code == 2
    assert "umi-cloud ca init" in err
    assert "Traceback" not in err


async def test_a_port_that_is_taken_is_named(tmp_path):
    async with serve(tmp_path, unsafe_plaintext_loopback=True) as served:
        address = served.ready["address"]
        (tmp_path / "second").mkdir()
        second = write(tmp_path / "second", unsafe_plaintext_loopback=True, listen=address)
        code, err = await fails("serve", "--config", str(second))
    assert code == 2
    assert address in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("engine", "code", "says"),
    [
        ({"model": "missing.gguf"}, 3, "missing.gguf"),
        ({"model": "torn.gguf"}, 3, "not a GGUF"),
        ({"dialect": "klingon"}, 2, "klingon"),
    ],
    ids=["missing", "torn", "dialect"],
)
@pytest.mark.parametrize("flag", [(), ("--check",)], ids=["serve", "check"])
async def test_an_engine_that_cannot_be_had_is_one_clear_error(tmp_path, engine, code, says, flag):
    (tmp_path / "torn.gguf").write_bytes(b"oops")
    path = write(tmp_path, engine=engine, unsafe_plaintext_loopback=True)
    seen, err = await fails("serve", "--config", str(path), *flag)
    assert (seen, "Traceback" in err) == (code, False), err
    assert says in err
    assert "Fix: " in err


async def test_a_check_finds_that_an_endpoint_is_not_there(tmp_path):
    engine = {"kind": "openai", "url": "http://127.0.0.1:9/v1", "model": "m"}
    path = write(tmp_path, engine=engine, unsafe_plaintext_loopback=True)
    code, err = await fails("serve", "--config", str(path), "--check")
    assert (code, "Traceback" in err) == (6, False), err
    assert "127.0.0.1:9" in err
    assert "Fix: " in err


@posix_only
async def test_a_server_that_waits_for_its_endpoint_says_so_and_stops_well(tmp_path):
    engine = {"kind": "openai", "url": "http://127.0.0.1:9/v1", "model": "m"}
    path = write(tmp_path, engine=engine, unsafe_plaintext_loopback=True)
    process = await umi_cloud("serve", "--config", str(path), "--json")
    async with asyncio.timeout(30):
        lines = [json.loads(await process.stdout.readline()) for _ in range(2)]
    assert "not there yet" in lines[-1]["text"]
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    assert json.loads(out.splitlines()[-1]) == {"event": "stopped", "ended": 0}
    assert b"waiting for the engine: http://127.0.0.1:9/v1 cannot be reached: ConnectError" in err
    assert b"Traceback" not in err


async def test_check_reads_everything_and_serves_nothing(tmp_path):
    Authority.init(tmp_path / "state")
    process = await umi_cloud("serve", "--config", str(write(tmp_path)), "--check", "--json")
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["event"] == "ok"


@pytest.mark.parametrize(
    "wanted", [{"watch_listen": "127.0.0.1:0"}, {"traces": "http://127.0.0.1:9/v1/traces"}]
)
def test_a_check_finds_that_a_package_for_watching_is_missing(tmp_path, monkeypatch, wanted):
    """Trial: the check said that all is well, and the server did not start."""
    for module in ("prometheus_client", "opentelemetry.sdk"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    file = write(tmp_path, unsafe_plaintext_loopback=True, **wanted)
    ran = CliRunner().invoke(
        umi_cloud_cli, ["serve", "--config", str(file), "--check"], standalone_mode=False
    )
    assert isinstance(ran.exception, ConfigError)
    assert "umi-runtime[watch]" in ran.exception.fix


@pytest.mark.model
async def test_the_embedded_model_plans_over_the_wire_and_a_wrong_adapter_is_named(
    tmp_path, smollm2, plan_request
):
    engine = {"kind": "llama.cpp", "model": str(smollm2), "context_tokens": 1024}
    async with (
        serve(tmp_path, engine=engine, unsafe_plaintext_loopback=True) as served,
        connect(served.ready["address"]) as client,
    ):
        assert served.ready["dialect"] == "chat"
        event = await anext(aiter(client.planner.Plan(plan_request)))
        assert event.WhichOneof("event") == "rationale_delta"
    (tmp_path / "p.gguf").write_bytes(b"GGUF and nothing else")
    path = write(
        tmp_path, engine=engine | {"adapters": {"planner": "p.gguf"}}, unsafe_plaintext_loopback=True
    )
    code, err = await fails("serve", "--config", str(path))
    assert code == 3
    assert "p.gguf" in err


async def probe(address: str, path: str) -> int:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


async def test_a_registry_that_breaks_makes_the_server_unready_and_tells_no_stranger_where_it_is(tmp_path):
    """Trial: with a lost table every call failed with INTERNAL, health said SERVING, and a stranger got the path."""
    state = tmp_path / "state"
    Authority.init(state)
    settings = {"watch_listen": "127.0.0.1:0", "state_outage_seconds": 0}
    async with serve(tmp_path, **settings) as served:
        probes = served.ready["watch_address"]
        assert (await probe(probes, "/readyz"), await probe(probes, "/livez")) == (200, 200)
        with closing(sqlite3.connect(state / "devices.sqlite")) as database:
            for table in ("calls", "certificates", "tokens"):
                database.execute(f"DROP TABLE {table}")
            database.commit()
        async with asyncio.timeout(20):
            while await probe(probes, "/readyz") != 503:  # noqa: ASYNC110  # another process's state
                await asyncio.sleep(0.1)
        assert await probe(probes, "/livez") == 200
        credentials = grpc.ssl_channel_credentials(AuthorityFiles(state).ca_certificate.read_bytes())
        async with grpc.aio.secure_channel(served.ready["enrol_address"], credentials) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await enrolment_pb2_grpc.EnrolmentStub(channel).Enrol(
                    enrolment_pb2.EnrolRequest(token_secret="x", csr_pem=b"y")
                )
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert str(tmp_path) not in f"{caught.value} {caught.value.trailing_metadata()}"
        _, err = await served.stop()
    assert "the registry is lost" in err
    assert "no such table" in err


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (
            lambda state: Authority.init(state, clock=lambda: datetime.now(UTC) - timedelta(days=400)),
            "expired at",
        ),
        (
            lambda state: (Authority.init(state), (state / "devices.sqlite").write_bytes(b"garbage" * 1000)),
            "cannot be used",
        ),
    ],
    ids=["an expired certificate", "a registry that is garbage"],
)
async def test_a_check_finds(tmp_path, breaks, says):
    breaks(tmp_path / "state")
    code, err = await fails("serve", "--config", str(write(tmp_path)), "--check")
    assert code == 2
    assert says in err
    assert "Traceback" not in err


async def test_a_check_finds_a_taken_port(tmp_path):
    Authority.init(tmp_path / "state")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        code, err = await fails("serve", "--config", str(write(tmp_path, listen=listen)), "--check")
    assert code == 2
    assert f"cannot listen on {listen}" in err
