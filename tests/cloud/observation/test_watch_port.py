"""The plain port of probes, by a real HTTP client."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from umi_cloud.observation import watch_port
from umi_cloud.observation.watch_port import Page, WatchPort
from umi_shared.errors import ConfigError


@pytest.fixture
async def port() -> AsyncIterator[WatchPort]:
    opened = await WatchPort.open("127.0.0.1:0", {"/livez": lambda: Page(200, b"alive\n")})
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/livez", 200, "alive\n"),
        ("HEAD", "/livez", 200, ""),
        ("GET", "/livez/x", 404, "not here\n"),
        ("GET", "/../etc/passwd", 404, "not here\n"),
        ("POST", "/livez", 404, "not here\n"),
    ],
)
async def test_it_answers_its_paths_and_no_other(
    port: WatchPort, method: str, path: str, status: int, text: str
) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.request(method, f"http://{port.address}{path}")
    assert (answer.status_code, answer.text) == (status, text)
    assert "server" not in answer.headers


async def test_silent_connections_keep_no_probe_out_and_are_ended(
    port: WatchPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_port, "_SILENT_SECONDS", 0.2)
    host, _, number = port.address.rpartition(":")
    silent = [await asyncio.open_connection(host, int(number)) for _ in range(100)]
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://{port.address}/livez")).status_code == 200
    async with asyncio.timeout(10):
        assert {await reader.read() for reader, _ in silent} == {b""}
    for _, writer in silent:
        writer.close()


async def test_a_taken_port_says_which_setting_to_change(port: WatchPort) -> None:
    with pytest.raises(ConfigError) as caught:
        await WatchPort.open(port.address, {})
    assert "watch_listen" in caught.value.fix
