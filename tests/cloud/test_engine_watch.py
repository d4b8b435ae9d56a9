"""How busy an engine is reaches whoever decides how much it is given."""

import asyncio

from umi_cloud import engine_watch
from umi_cloud.device_gate import UnsafeLoopbackGate
from umi_cloud.engine_watch import follow_load
from umi_cloud.engines.engine_load import EngineLoad
from umi_cloud.planner import Planner
from umi_cloud.server import CloudServer, Roles
from umi_cloud.summarizer import Summarizer
from umi_shared.dialects import dialect_named
from umi_shared.testing import ScriptedEngine


async def test_an_engine_is_asked_again_and_again_and_its_server_gives_it_fewer(monkeypatch):
    monkeypatch.setattr(engine_watch, "LOOK_SECONDS", 0.001)
    engine, dialect = ScriptedEngine(["x"]), dialect_named("umi")
    server = CloudServer(UnsafeLoopbackGate())
    roles = Roles(Planner(engine, dialect), Summarizer(engine, dialect))
    await server.open(roles, capacity=100, adaptive=True)
    assert server.at_once == 64
    crowded = EngineLoad(running=100, waiting=50, kv_usage=0.5)
    asked = 0
    enough = asyncio.Event()

    async def ask() -> EngineLoad | None:
        nonlocal asked
        asked += 1
        if asked > 30:
            enough.set()
        return crowded

    following = asyncio.create_task(follow_load(ask, server.tell_load))
    async with asyncio.timeout(10):
        await enough.wait()
    following.cancel()
    assert 4 <= server.at_once < 8
    server.tell_load(None)  # it does not say any more: latency alone counts again
    await server.drain(0)
