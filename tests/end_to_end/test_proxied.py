"""Laptops behind real proxies that end TLS: HAProxy, which Ray's package brings, nginx, Envoy, and two in a row."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote_from_bytes

import grpc
import pytest

from tests.end_to_end.proxy_process import ENVOY_OPTIONS, free_port, program, started
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.enrolment_limits import EnrolmentLimits
from umi_cloud.auth.proxy_settings import ProxySettings
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


ENVOY = r"""
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: PORT}}
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
          common_tls_context:
            alpn_protocols: [h2]
            tls_params: {tls_minimum_protocol_version: TLSv1_3}
            tls_certificates: [{certificate_chain: {filename: EDGE}, private_key: {filename: EDGE}}]
            validation_context: {trusted_ca: {filename: AUTHORITY}}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: laptops
          codec_type: HTTP2
          forward_client_cert_details: APPEND_FORWARD
          set_current_client_cert_details: DETAILS
          use_remote_address: FIRST
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - {name: umi, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: fronts, timeout: 150s}}]}
  clusters:
  - name: fronts
    type: STATIC
    load_assignment:
      cluster_name: fronts
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: BEHIND}}}}]}]
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: localhost
        common_tls_context:
          alpn_protocols: [h2]
          tls_params: {tls_maximum_protocol_version: TLSv1_3}    # it stays below by default
          tls_certificates: [{certificate_chain: {filename: EDGE}, private_key: {filename: EDGE}}]
          validation_context:
            trusted_ca: {filename: AUTHORITY}
            match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: localhost}}]
"""


@dataclass
class Proxied:
    """A front, and where a proxy stands before it."""

    folder: Path
    deployment: Deployment
    address: str
    first: str
    """What kind of proxy laptops meet."""

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
async def running(
    kind: str, folder: Path, front: str, *, name: str = "edge", first: bool = True
) -> AsyncIterator[str]:
    """The address of a proxy with the certificate of this name; `first`: no other one stands before it."""
    port = free_port()
    text, options = {
        "haproxy": (HAPROXY, ("-db", "-f")),
        "nginx": (NGINX, ("-p", folder, "-c")),
        "envoy": (ENVOY, (*ENVOY_OPTIONS, "-c")),
    }[kind]
    # Behind another, with all that Envoy can be told to say.
    details = "{cert: true}" if first else "{cert: true, chain: true, subject: true, uri: true, dns: true}"
    for word, value in {
        "PORT": port,
        "EDGE": folder / f"{name}.pem",
        "AUTHORITY": folder / "state" / "ca" / "ca.pem",
        "FRONT": front,
        "BEHIND": front.rpartition(":")[2],
        "FOLDER": folder,
        "DETAILS": details,
        "FIRST": str(first).lower(),
    }.items():
        text = text.replace(word, str(value))
    file = folder / f"{name}-{kind}.{'yaml' if kind == 'envoy' else 'conf'}"
    file.write_text(text)
    async with started([program(kind), *options, file], port):
        yield f"localhost:{port}"


@pytest.fixture(params=["haproxy", "nginx", "envoy", "haproxy, envoy", "envoy, envoy"])
async def proxied(request, tmp_path) -> AsyncIterator[Proxied]:
    """Behind one proxy, or behind two in a row: `edge`, and `inner` before the front."""
    kinds = request.param.split(", ")
    for kind in kinds:
        if program(kind) is None:
            pytest.skip(f"{kind} is not installed")
    authority = Authority.init(tmp_path / "state")
    names = ("edge", "inner")[: len(kinds)]
    for name in names:
        authority.issue_proxy(name, ["localhost"], tmp_path / f"{name}.pem", 60)
    config = CloudConfig(
        listen="127.0.0.1:0",
        enrol_listen="127.0.0.1:0",
        state=str(tmp_path / "state"),
        engine=ScriptedSettings(replies=("Nothing is left to do. Next: summarizer.",)),
        proxy=ProxySettings(names=names, address_header="x-forwarded-for"),
        enrolment=EnrolmentLimits(certificate_days=1),  # with the day before, renewed from now on
    )
    deployment = await Deployment.start(config)
    try:
        await deployment.load()
        async with AsyncExitStack() as stack:
            address = deployment.address
            for name, kind in reversed(list(zip(names, kinds, strict=True))):
                address = await stack.enter_async_context(
                    running(
                        kind,
                        tmp_path,
                        address.replace("localhost", "127.0.0.1"),
                        name=name,
                        first=name == "edge",
                    )
                )
            yield Proxied(tmp_path, deployment, address, kinds[0])
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


async def test_a_laptop_calls_renews_and_is_shut_out_behind_a_proxy_as_without_one(proxied, caplog):
    alice, bob = await proxied.laptop("alice"), await proxied.laptop("bob")
    pem = alice.certificate.read_bytes()
    of_alice = f'Cert="{quote_from_bytes(pem[pem.index(b"-----BEGIN CERT") :], safe="")}"'
    forwarded = "x-forwarded-client-cert"
    assert await plan(alice) == "usage"
    # bob says that he is alice, in an element of his own, and from another address.
    elsewhere = ("x-forwarded-for", "10.9.9.9")
    assert await plan(bob, (forwarded, of_alice), elsewhere) == "usage"
    # Where a proxy appends, he who leaves a quote open is nobody.
    appended = proxied.first == "envoy"
    left_open = await plan(bob, (forwarded, f'{of_alice};Subject="'))
    assert left_open == ("PROXY_INVALID" if appended else "usage")

    renewed = await renew(alice)
    assert renewed.certificate != alice.certificate
    assert await plan(renewed) == "usage"

    registry = proxied.deployment._fleet.registry
    calls = {one.name: one.requests for one in await registry.devices()}
    assert calls == {"alice": 2, "bob": 1 if appended else 2}
    entries = [entry async for entry in registry.audit(datetime.now(UTC) - timedelta(minutes=5))]
    (address,) = [one.address for one in entries if one.event == "renewed"]
    # For a client on its own machine, Envoy writes the machine's address.
    assert ip_address(address).is_private if appended else address == "127.0.0.1"

    await registry.revoke("alice")
    caplog.clear()
    assert await plan(renewed, elsewhere) == "CERTIFICATE_REVOKED"
    async with asyncio.timeout(10):
        while f'"device":"alice","address":"{address}"' not in caplog.text:  # noqa: ASYNC110  # the log's own time
            await asyncio.sleep(0.01)
    assert await plan(
        replace(bob, service_address=f"localhost:{proxied.deployment.address.rpartition(':')[2]}")
    ) == ("usage")
