"""A server that is watched: scraped and probed while devices call it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from umi_cloud.auth.authority import Authority
from umi_cloud.config import CloudConfig, ScriptedSettings
from umi_cloud.deployment import Deployment
from umi_cloud.testing import connect
from umi_shared.errors import ConfigError

CALLER = "To find the address of <person:1>, use contacts.search. Next: caller."
CANARY = "canary-session-7f3a"


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Deployment]:
    config = replace(
        CloudConfig.local(
            tmp_path, engine=ScriptedSettings(replies=(CALLER,)), unsafe_plaintext_loopback=True
        ),
        watch_listen="127.0.0.1:0",
    )
    deployment = await Deployment.start(config)
    yield deployment
    await deployment.stop(0)


async def asked(deployment: Deployment, path: str) -> tuple[int, str]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{deployment.watch_address}{path}")
    return answer.status_code, answer.text


async def test_a_server_lives_before_it_is_ready_and_says_what_is_in_the_way(watched: Deployment) -> None:
    assert await asked(watched, "/livez") == (200, "alive\n")
    assert await asked(watched, "/readyz") == (503, "not ready: engine\n")
    await watched.load()
    assert await asked(watched, "/readyz") == (200, "ready\n")
    watched.server.readiness.registry = False
    assert await asked(watched, "/readyz") == (200, "ready, but: registry\n")


async def test_requests_are_counted_and_nobody_is_named(watched: Deployment, plan_request) -> None:
    await watched.load()
    async with connect(watched.address) as client:
        call = client.planner.Plan(plan_request, metadata=(("umi-session", CANARY),))
        assert [event async for event in call]
    _, text = await asked(watched, "/metrics")
    assert 'umi_requests_total{outcome="ok",role="plan"} 1.0' in text
    assert "umi_ready 1.0" in text
    assert CANARY not in text
    assert "contacts.search" not in text


async def test_the_servers_certificates_are_watched(tmp_path: Path) -> None:
    Authority.init(tmp_path)
    config = replace(
        CloudConfig.local(tmp_path, engine=ScriptedSettings(replies=(CALLER,))), watch_listen="127.0.0.1:0"
    )
    deployment = await Deployment.start(config)
    try:
        _, text = await asked(deployment, "/metrics")
        assert deployment._fleet is not None
        (deployment.server.readiness.registry, deployment._fleet._known.lost) = (False, True)
        _, lost = await asked(deployment, "/metrics")
    finally:
        await deployment.stop(0)
    assert "\numi_registry_up 1.0\n" in text
    assert "\numi_registry_up 0.0\n" in lost
    for whose in ("server", "authority"):
        assert f'umi_certificate_end_seconds{{whose="{whose}"}} ' in text


async def test_a_watch_port_that_is_taken_stops_the_start(watched: Deployment) -> None:
    taken = replace(watched.config, watch_listen=watched.watch_address)
    with pytest.raises(ConfigError, match="cannot listen"):
        await Deployment.start(taken)
