"""A server under measurement: `umi-cloud serve` in a process of its own, over mTLS, with enrolled devices."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umi_cloud.auth.authority import Authority
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.tokens import mint
from umi_edge.connection.connection import Connection
from umi_edge.connection.enroll import enroll
from umi_shared.errors import ConfigError

__all__ = ["PLENTY", "RATIONALE", "Served", "scripted", "served"]

_READY_SECONDS = 60
_STOP_SECONDS = 20
PLENTY = {"requests_per_minute": 1_000_000, "tokens_per_day": 1_000_000_000_000, "concurrent": 4096}
RATIONALE = "To find the address of <person:1> and of all who wrote of it, use contacts.search. Next: caller."


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running server: its process id, its folder and its addresses (host:port)."""

    process: int
    state: Path
    address: str
    enrol_address: str

    async def enrol(self, count: int, folder: Path) -> list[Connection]:
        """Enrol this many devices, each with a key and a certificate of its own below a folder."""
        authority = Authority.load(self.state)
        async with registry_at(self.state) as registry:
            tokens = [
                await mint(
                    authority,
                    registry,
                    f"device-{number}",
                    service_address=self.address.replace("127.0.0.1", "localhost"),
                    enrolment_address=self.enrol_address.replace("127.0.0.1", "localhost"),
                )
                for number in range(count)
            ]
        return [
            (await enroll(minted.token.text(), folder / f"device-{number}")).connection
            for number, minted in enumerate(tokens)
        ]


def scripted(pause_seconds: float, replies: tuple[str, ...] = (RATIONALE,)) -> dict[str, Any]:
    """An engine that says its replies in turn, eight characters (two tokens) at a time."""
    return {"kind": "scripted", "replies": list(replies), "pause_seconds": pause_seconds}


@asynccontextmanager
async def served(
    folder: Path, engine: Mapping[str, Any], admission: Mapping[str, int] | None = None
) -> AsyncIterator[Served]:
    """Serve an engine on free ports of this machine, and stop at the end. Raises ConfigError."""
    state = folder / "cloud"
    await asyncio.to_thread(Authority.init, state, ("localhost",))
    config = folder / "cloud.yaml"
    settings = {
        "listen": "127.0.0.1:0",
        "enrol_listen": "127.0.0.1:0",
        "state": str(state),
        "engine": dict(engine),
        "quota": PLENTY,
        "enrolment": {"attempts_per_minute_per_peer": 6000, "attempts_per_minute": 6000},
        "admission": dict(admission or {}),
    }
    config.write_text(json.dumps(settings))
    log = (folder / "cloud.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "umi_cloud", "serve", "--config", str(config), "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        ready = await _ready(process)
        if ready is None:
            raise ConfigError("the server did not start", fix=f"read {log.name}")
        yield Served(
            process=process.pid,
            state=state,
            address=ready["address"],
            enrol_address=ready["enrol_address"],
        )
    finally:
        log.close()
        await _stop(process)


async def _ready(process: asyncio.subprocess.Process) -> dict[str, str] | None:
    assert process.stdout is not None  # noqa: S101  # it was asked for
    async with asyncio.timeout(_READY_SECONDS):
        async for line in process.stdout:
            said: dict[str, str] = json.loads(line)
            if said["event"] == "ready":
                return said
    return None


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.communicate(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.communicate()
