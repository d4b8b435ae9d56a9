"""A Ray cluster of two nodes on this machine, whose processes can be killed, and the Envoy before its gRPC, in Python.

`Proxy` reads the very file that `umi-cloud ray envoy` writes and does what that says of routes, headers, retries and
errors, over the same mutual TLS. A real Envoy with that file is in test_envoy_file.py.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import grpc
import httpx
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from umi_cloud.auth.credentials import server_credentials

OBJECT_STORE_BYTES = 80_000_000
BIN = Path(sys.executable).parent


def free_port() -> int:
    """One that the system gives to nobody by itself: it is minutes until a proxy listens there."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Ports:
    http: int = field(default_factory=free_port)
    grpc: int = field(default_factory=free_port)


@dataclass
class Cluster:
    """Nodes by name; each is `ray start --block` with all its processes below it."""

    folder: Path
    address: str
    ports: dict[str, Ports] = field(default_factory=lambda: {"head": Ports(), "worker": Ports()})
    nodes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        worker = self.ports["worker"]
        return os.environ | {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_SERVE_WORKER_PROXY_HTTP_PORT": str(worker.http),
            "RAY_SERVE_WORKER_PROXY_GRPC_PORT": str(worker.grpc),
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, name: str) -> None:
        place = ["--address", self.address]
        if name == "head":
            place = ["--head", "--port", self.address.rpartition(":")[2], "--include-dashboard", "false"]
            place += ["--dashboard-port", str(free_port()), "--ray-client-server-port", str(free_port())]
            place += ["--temp-dir", str(self.folder)]
        command = [BIN / "ray", "start", "--block", "--num-cpus", "4", "--disable-usage-stats", *place]
        command += ["--node-ip-address", "127.0.0.1", "--object-store-memory", str(OBJECT_STORE_BYTES)]
        command += [
            "--dashboard-agent-listen-port",
            str(free_port()),
            "--metrics-export-port",
            str(free_port()),
        ]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.nodes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )
        self._wait(
            lambda: b"block forever" in (self.folder / f"{name}.log").read_bytes(), f"{name} to start", name
        )

    def deploy(self, file: Path) -> None:
        """`umi-cloud ray deploy`."""
        done = subprocess.run(
            [sys.executable, "-m", "umi_cloud", "ray", "deploy", file, "--address", self.address],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def kill(self, name: str) -> None:
        """The whole node at once, as a machine that loses its power."""
        node = self.nodes.pop(name)
        _kill([*psutil.Process(node.pid).children(recursive=True), psutil.Process(node.pid)])
        node.wait()

    def replicas(self, application: str) -> list[psutil.Process]:
        """The processes of an application's replicas."""

        def is_one(process: psutil.Process) -> bool:
            with contextlib.suppress(psutil.NoSuchProcess):
                return f"ServeReplica:{application}:" in " ".join(process.cmdline())
            return False

        processes = (psutil.Process(node.pid).children(recursive=True) for node in self.nodes.values())
        return [one for of_node in processes for one in of_node if is_one(one)]

    def wait_for(self, url: str, *, seconds: float = 90) -> None:
        def answers() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(url, timeout=5).status_code == 200
            return False

        self._wait(answers, url, *self.nodes, seconds=seconds)

    def _wait(self, condition: Any, what: str, *names: str, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while not condition():
            dead = [name for name in names if self.nodes[name].poll() is not None]
            assert not dead, f"{dead} died while waiting for {what}\n{self.logs()}"
            assert time.monotonic() < end, f"waited for {what}\n{self.logs()}"
            time.sleep(0.2)

    def logs(self) -> str:
        texts = [path.read_text("utf-8", "replace")[-1500:] for path in self.folder.glob("*.log")]
        serve = sorted(self.folder.glob("session_latest/logs/serve/*.log"))
        texts += [f"{path.name}: {path.read_text('utf-8', 'replace')[-1500:]}" for path in serve]
        return "\n".join(texts)

    def stop(self) -> None:
        for name in list(self.nodes):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.kill(name)


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A head and a worker."""
    folder = Path(tempfile.mkdtemp(prefix="umi-ray-"))  # short: Ray puts sockets in it
    made = Cluster(folder, f"127.0.0.1:{free_port()}")
    try:
        made.start("head")
        made.start("worker")
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)


@dataclass
class Proxy:
    """What an Envoy with this file does, as far as its file speaks of calls."""

    file: dict[str, Any]
    key: str
    channels: list[grpc.aio.Channel]
    seen: list[str] = field(default_factory=list)
    """Errors of Serve's own that were kept from laptops."""
    _next: int = 0

    def route(self, method: str) -> dict[str, Any] | None:
        """The first that matches."""
        for route in self._manager["route_config"]["virtual_hosts"][0]["routes"]:
            match = route["match"]
            if method.startswith(match.get("prefix", match.get("path"))):
                return route
        return None

    @property
    def _manager(self) -> dict[str, Any]:
        (chain,) = self.file["static_resources"]["listeners"][0]["filter_chains"]
        return chain["filters"][0]["typed_config"]

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        route = self.route(details.method)
        if route is None:
            return None

        async def behaviour(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
            await self._pass(details.method, route, request, context)

        return grpc.unary_stream_rpc_method_handler(behaviour)

    async def _pass(self, method: str, route: Any, request: bytes, context: Any) -> None:
        metadata = self._metadata(route, context)
        policy = route["route"]["retry_policy"]
        for attempt in range(policy["num_retries"] + 1):
            self._next += 1
            channel = self.channels[self._next % len(self.channels)]
            call = channel.unary_stream(method)(request, metadata=metadata, timeout=context.time_remaining())
            begun = False
            try:
                async for message in call:
                    begun = True
                    await context.write(message)
                return
            except grpc.aio.AioRpcError as error:
                retried = {"unavailable", "internal", "cancelled"} & set(policy["retry_on"].split(","))
                if not begun and error.code().name.lower() in retried and attempt < policy["num_retries"]:
                    await asyncio.sleep(0.1)
                    continue
                await self._end(context, error)
            finally:
                call.cancel()

    def _metadata(self, route: Any, context: Any) -> tuple[tuple[str, str], ...]:
        """Overwritten, as `append_action` says."""
        assert self._manager["forward_client_cert_details"] == "SANITIZE_SET"
        (pem,) = context.auth_context()["x509_pem_cert"]
        digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()
        said = dict(context.invocation_metadata()) | {
            "x-forwarded-client-cert": f'Hash={digest};Cert="{quote_from_bytes(pem, safe="")}"'
        }
        for one in (
            *self._manager["route_config"]["request_headers_to_add"],
            *route["request_headers_to_add"],
        ):
            assert one["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"
            value = one["header"]["value"].replace("%ENVIRONMENT(UMI_PROXY_KEY)%", self.key)
            said[one["header"]["key"]] = value.replace("%REQ(grpc-timeout)%", "30S")
        return tuple((name, value) for name, value in said.items() if name != "user-agent")

    async def _end(self, context: Any, error: grpc.aio.AioRpcError) -> None:
        """What the Lua of the file does."""
        trailers = tuple(error.trailing_metadata() or ())
        if any(name == "grpc-status-details-bin" for name, _ in trailers):
            await context.abort(error.code(), error.details(), trailers)
        self.seen.append(error.details() or "")
        code = error.code()
        if code not in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNIMPLEMENTED):
            code = grpc.StatusCode.UNAVAILABLE
        await context.abort(code, "the planner's server failed")


@contextlib.asynccontextmanager
async def proxy(file: dict[str, Any], key: str, certificates: Path) -> AsyncIterator[tuple[Proxy, int]]:
    """The proxy, and its port."""
    endpoints = file["static_resources"]["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    addresses = [one["endpoint"]["address"]["socket_address"] for one in endpoints]
    async with contextlib.AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(
                grpc.aio.insecure_channel(
                    f"{one['address']}:{one['port_value']}",
                    options=[("grpc.enable_retries", 0), ("grpc.max_reconnect_backoff_ms", 1000)],
                )
            )
            for one in addresses
        ]
        made = Proxy(file, key, channels)

        class _Handler(grpc.GenericRpcHandler):
            def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
                return made.service(handler_call_details)

        server = grpc.aio.server()
        server.add_generic_rpc_handlers((_Handler(),))
        port = server.add_secure_port("127.0.0.1:0", server_credentials(certificates))
        await server.start()
        try:
            yield made, port
        finally:
            await server.stop(0)


def without_ray() -> bool:
    return not (BIN / "ray").exists()


needs_ray = pytest.mark.skipif(without_ray(), reason="Ray is not installed: pip install 'umi-runtime[ray]'")
