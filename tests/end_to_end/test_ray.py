"""umi on Ray Serve, both ways, on two nodes with the small model: what is killed loses no plan.

Ray Serve LLM needs vLLM; umi's own engine stands in for it behind the same names (`umi-cloud ray engine`). So
does tests/end_to_end/ray_cluster.py for the Envoy, whose file a real one reads in test_envoy_file.py.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.end_to_end.ray_cluster import Cluster, Proxy, cluster, needs_ray, proxy
from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.tokens import mint
from umi_cloud.cli import umi_cloud
from umi_cloud.config import CloudConfig, OpenAISettings
from umi_cloud.deployment import Deployment
from umi_cloud.testing import refusal_of_call
from umi_edge.connection.connection import Connection, open_channel
from umi_edge.connection.enroll import enroll
from umi_edge.connection.reachability import reachable
from umi_edge.egress.cloud_client import Cloud
from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling.vault import Vault
from umi_edge.ledger import Ledger
from umi_proto.v1 import enrolment_pb2, enrolment_pb2_grpc
from umi_shared.errors import UmiError
from umi_shared.labels import PLANNER, SUMMARIZER
from umi_shared.refusal import refusal_from_metadata
from umi_shared.released import mint as mint_view
from umi_shared.transcript import AnswerDelta, Decision, Instruction, View

pytestmark = [needs_ray, pytest.mark.model, pytest.mark.timeout(500)]
KEY = "k" * 40


@dataclass
class World:
    """The cluster, its files, and where a front finds it."""

    folder: Path
    cluster: Cluster
    envoy: dict[str, Any]
    """What `umi-cloud ray envoy` wrote."""
    config: CloudConfig


def written(*words: str) -> None:
    done = CliRunner().invoke(umi_cloud, ["ray", *words])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def world(tmp_path_factory, postgres, smollm2) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("ray")
    postgres.make_database("ray", template="registry")
    database = postgres.url("ray")
    Authority.init(folder)
    (folder / "proxy.key").write_text(KEY)
    engine = {"kind": "llama.cpp", "context_tokens": 2048, "sequences_per_adapter": 2, "threads": 1}
    # The places of what is killed are held for ten seconds, and what is left plans on without a pause.
    quota = {"concurrent": 16, "requests_per_minute": 6000}
    settings = {"state": database, "certificates": str(folder), "engine": engine, "quota": quota}
    (folder / "cloud.yaml").write_text(yaml.safe_dump(settings))
    replicas = ["--least", "2", "--most", "2"]
    config, key = str(folder / "cloud.yaml"), str(folder / "proxy.key")
    written("engine", str(folder / "engine.yaml"), "--config", config, "--name", "small", *replicas)
    written("hosted", str(folder / "hosted.yaml"), "--config", config, "--proxy-key", key, *replicas)
    with cluster() as made:
        head, worker = made.ports["head"], made.ports["worker"]
        upstreams = [f"--upstream=127.0.0.1:{one.grpc}" for one in (head, worker)]
        written("envoy", str(folder / "envoy.yaml"), "--certificates", str(folder), *upstreams)
        file = yaml.safe_load((folder / "hosted.yaml").read_text())
        file["applications"] += yaml.safe_load((folder / "engine.yaml").read_text())["applications"]
        file["http_options"]["port"], file["grpc_options"]["port"] = head.http, head.grpc
        for application in file["applications"]:  # one on each node, so that each may die
            application["deployments"][0]["max_replicas_per_node"] = 1
            if application["name"] == "summarizer":  # memory
                application["deployments"][0]["autoscaling_config"] |= {"min_replicas": 1, "max_replicas": 1}
        (folder / "serve.yaml").write_text(yaml.safe_dump(file))
        made.deploy(folder / "serve.yaml")
        made.wait_for(f"http://127.0.0.1:{head.http}/v1/models")
        made.wait_for(f"http://127.0.0.1:{worker.http}/v1/models")
        fronts = CloudConfig(
            listen="127.0.0.1:0",
            enrol_listen="127.0.0.1:0",
            state=database,
            certificates=folder,
            quota=Quota(**quota),
            engine=OpenAISettings(
                url=f"http://127.0.0.1:{head.http}/v1",
                replicas={f"http://127.0.0.1:{worker.http}/v1": 1.0},
                model="small",
                adapters={role: f"small:{role}" for role in ("planner", "summarizer")},
                dialect="umi",
            ),
        )
        yield World(folder, made, yaml.safe_load((folder / "envoy.yaml").read_text()), fronts)


@dataclass
class Laptop:
    """A device with its two ways in: the front before the OpenAI endpoint, and the proxy before the hosted roles."""

    front: grpc.aio.Channel
    hosted: grpc.aio.Channel
    ledger: Ledger


@dataclass
class Ways:
    deployment: Deployment
    proxy: Proxy
    laptop: Laptop


@pytest.fixture
async def ways(world: World, tmp_path: Path) -> AsyncIterator[Ways]:
    async with AsyncExitStack() as stack:
        deployment = await Deployment.start(world.config)
        stack.push_async_callback(deployment.stop, 0)
        await deployment.load()
        envoy, port = await stack.enter_async_context(proxy(world.envoy, KEY, world.folder))
        authority, fleet = Authority.load(world.folder), deployment._fleet
        service = deployment.address.replace("127.0.0.1", "localhost")
        minted = await mint(
            authority,
            fleet.registry,
            "alice",
            service_address=service,
            enrolment_address=deployment.enrol_address,
        )
        connection = (await enroll(minted.token.text(), tmp_path / "alice")).connection
        assert isinstance(connection, Connection)
        ledger = Ledger.open(tmp_path / "ledger.jsonl", Ed25519PrivateKey.generate(), lambda: "now")
        stack.callback(ledger.close)
        channels = [
            await stack.enter_async_context(open_channel(replace(connection, service_address=address)))
            for address in (service, f"localhost:{port}")
        ]
        yield Ways(deployment, envoy, Laptop(*channels, ledger))


def view(sink: object):
    return mint_view(View(catalogue=(), entries=(Instruction(("Hi",)),)), sink, ())


def cloud(laptop: Laptop, channel: grpc.aio.Channel, word: str) -> Cloud:
    return Cloud(channel, EgressGuard(Vault()), laptop.ledger, word)


@pytest.mark.parametrize("way", ["front", "hosted"])
async def test_plans_and_answers_come_through(ways: Ways, way: str):
    channel = getattr(ways.laptop, way)
    assert await reachable(channel, 20)
    asked = cloud(ways.laptop, channel, "word")
    events = [event async for event in asked.plan(view(PLANNER), "r1")]
    assert any(isinstance(event, Decision) for event in events)
    said = [event async for event in asked.summarize(view(SUMMARIZER), "r2")]
    assert any(isinstance(event, AnswerDelta) for event in said)


async def test_a_refusal_comes_through_serve_with_its_reason_and_nothing_else(ways: Ways, world: World):
    """Serve sends no metadata with an exception, and its text is a trace."""
    malformed = ways.laptop.hosted.unary_stream("/umi_proto.v1.Planner/Plan")(
        b"\xff\xff not a message", timeout=30
    )
    code, refused = await refusal_of_call(malformed)
    assert (code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED")
    renew = enrolment_pb2_grpc.RenewalStub(ways.laptop.hosted).Renew
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await renew(enrolment_pb2.RenewRequest(csr_pem=b"none"), timeout=30)
    # An Envoy has no laptop's key, with which a renewal that it brings is signed.
    assert refusal_from_metadata(caught.value.trailing_metadata()).reason == "PROOF_INVALID"
    assert ways.proxy.seen == []


async def test_whoever_reaches_serves_own_port_is_a_stranger(world: World, ways: Ways):
    """Also one who writes the Envoy's headers, and does not know its key."""
    address = f"127.0.0.1:{world.cluster.ports['head'].grpc}"
    for metadata in ((), (("umi-proxy-key", "k" * 39), ("x-forwarded-client-cert", 'Cert="a"'))):
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.unary_stream("/umi_proto.v1.Planner/Plan")(
                b"", metadata=(("application", "planner"), *metadata), timeout=30
            )
            code, refused = await refusal_of_call(call)
            assert (code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CERTIFICATE_MISSING")
            reflection = channel.stream_stream(
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
            )
            asked = aiter(reflection(iter([b""]), timeout=20))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await anext(asked)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@dataclass
class Load:
    """Sessions that plan without a pause, each over and over, and what became of their plans."""

    done: int = 0
    lost: list[str] = field(default_factory=list)

    async def run(self, laptop: Laptop, channel: grpc.aio.Channel, word: str, stop: asyncio.Event) -> None:
        asked = cloud(laptop, channel, word)
        count = 0
        while not stop.is_set():
            count += 1
            decided = False
            try:
                async for event in asked.plan(view(PLANNER), f"{word}-{count}"):
                    decided = decided or isinstance(event, Decision)
            except UmiError as error:
                self.lost.append(f"{word}: {type(error).__name__}: {error}")
            else:
                if decided:
                    self.done += 1
                else:
                    self.lost.append(f"{word}: no decision")


async def test_a_replica_a_node_and_the_head_are_killed_and_no_plan_is_lost(ways: Ways, world: World):
    """The last in this file: it leaves nothing."""
    loads = {"front": Load(), "hosted": Load()}
    stop = asyncio.Event()

    async def more(each: int = 2, seconds: float = 100) -> None:
        """Until each way has made so many more plans, or has lost one."""
        goals = {way: load.done + each for way, load in loads.items()}
        async with asyncio.timeout(seconds):
            while any(load.done < goals[way] for way, load in loads.items()):
                if any(load.lost for load in loads.values()) or any(task.done() for task in tasks):
                    return
                await asyncio.sleep(0.1)

    tasks = [
        asyncio.create_task(load.run(ways.laptop, getattr(ways.laptop, way), f"{way}-{number}", stop))
        for way, load in loads.items()
        for number in range(2)
    ]
    try:
        await more()
        for application in ("umi", "planner"):
            victim = world.cluster.replicas(application)[0]
            victim.kill()
            await more()
        await asyncio.to_thread(world.cluster.kill, "worker")
        await more(4)
        await asyncio.to_thread(world.cluster.start, "worker")
        await until_replicas(world, {"umi": 2, "planner": 2})
        await more()
        await asyncio.to_thread(world.cluster.kill, "head")
        await more(4)
    finally:
        stop.set()
        await asyncio.wait(tasks, timeout=60)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
    assert {way: load.lost for way, load in loads.items()} == {"front": [], "hosted": []}
    assert all(load.done > 8 for load in loads.values())


async def until_replicas(world: World, wanted: dict[str, int], seconds: float = 90) -> None:
    """Until each application has its replicas again, and the worker's proxy answers for them."""
    async with asyncio.timeout(seconds):
        while any(len(world.cluster.replicas(name)) < count for name, count in wanted.items()):  # noqa: ASYNC110
            await asyncio.sleep(0.3)  # another process's state
    await asyncio.to_thread(
        world.cluster.wait_for, f"http://127.0.0.1:{world.cluster.ports['worker'].http}/v1/models"
    )
