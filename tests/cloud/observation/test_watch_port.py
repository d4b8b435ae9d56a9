"""The plain port of probes, by a real HTTP client."""

from collections.abc import AsyncIterator

import httpx
import pytest

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


async def test_a_taken_port_says_which_setting_to_change(port: WatchPort) -> None:
    with pytest.raises(ConfigError) as caught:
        await WatchPort.open(port.address, {})
    assert "watch_listen" in caught.value.fix
