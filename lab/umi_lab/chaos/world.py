"""The world of a chaos run: a laptop, two fronts, their engine and their database as processes, and links between."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from umi_cloud.auth.authority import Authority
from umi_edge.connection.connection import ConnectionDraft
from umi_lab.bench.served import PLENTY
from umi_lab.chaos.engine import ENGINE, MODEL
from umi_lab.chaos.laptop import LAPTOP, LEDGER
from umi_lab.chaos.link import Link, link
from umi_lab.chaos.process import Process
from umi_lab.fleet.enrolled import enrol
from umi_lab.postgres_server import PostgresServer

__all__ = ["FRONTS", "World", "world"]

FRONTS = 2
_DISK = "size=32m"


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that can be hurt."""

    home: Path
    connection: Path
    """The laptop's, which a daemon may have, too."""
    disk: Path | None
    """The laptop's disk, a small one of its own; None where none can be mounted."""
    laptop: Process
    fronts: list[Process]
    engine: Process
    postgres: PostgresServer
    to_fronts: Link
    to_database: Link


@asynccontextmanager
async def world(
    folder: Path, postgres: PostgresServer, name: str, *, small_disk: bool = True
) -> AsyncIterator[World]:
    """Start it all; it ends at the end. `small_disk`: the laptop's ledger is on one. Raises ConfigError."""
    from umi_cloud.auth.migrations import migrate  # noqa: PLC0415  # an extra

    postgres.make_database(name)
    await asyncio.to_thread(migrate, postgres.url(name))
    await asyncio.to_thread(folder.mkdir, parents=True)
    authority = await asyncio.to_thread(Authority.init, folder / "cloud", ("localhost",))
    (device,) = await enrol(authority, postgres.url(name), 1, calling=1)
    async with AsyncExitStack() as stack:
        to_database = await stack.enter_async_context(link([("127.0.0.1", postgres.port)]))
        engine_port, *ports = _free_ports(1 + FRONTS)
        to_fronts = await stack.enter_async_context(link([("127.0.0.1", port) for port in ports]))
        draft = ConnectionDraft(folder / "connection")
        draft.write_key(device.key.encode())
        draft.commit(
            device.certificate.encode(),
            authority.ca_pem,
            device=device.name,
            service_address=f"localhost:{to_fronts.port}",
            server_name="localhost",
        )
        home = folder / "home"
        await asyncio.to_thread(home.mkdir)
        disk = (home / LEDGER).parent
        await asyncio.to_thread(disk.mkdir)
        mounted = small_disk and await asyncio.to_thread(_mount, disk)
        if mounted:
            stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=False)
        state = f"postgresql://postgres@127.0.0.1:{to_database.port}/{name}"
        made = World(
            home=home,
            connection=folder / "connection",
            disk=disk if mounted else None,
            laptop=Process(
                (*LAPTOP, home, folder / "connection", f"localhost:{to_fronts.port}"), folder / "laptop.log"
            ),
            fronts=[
                Process(_serve(folder, port, state, engine_port), folder / f"front-{port}.log", ready="ready")
                for port in ports
            ],
            engine=Process((*ENGINE, str(engine_port)), folder / "engine.log"),
            postgres=postgres,
            to_fronts=to_fronts,
            to_database=to_database,
        )
        for one in (made.laptop, *made.fronts, made.engine):
            stack.push_async_callback(one.kill)
        await made.engine.start(waits=False)
        await _listening(engine_port)
        await asyncio.gather(*(front.start() for front in made.fronts), made.laptop.start())
        yield made


def _serve(folder: Path, port: int, state: str, engine_port: int) -> tuple[str | Path, ...]:
    config = folder / f"cloud-{port}.yaml"
    settings = {
        "listen": f"127.0.0.1:{port}",
        "enrol_listen": "",
        "state": state,
        "certificates": str(folder / "cloud"),
        "engine": {
            "kind": "openai",
            "url": f"http://127.0.0.1:{engine_port}/v1",
            "model": MODEL,
            "dialect": "umi",
            "silence_seconds": 5,
        },
        "quota": PLENTY,
    }
    config.write_text(json.dumps(settings))
    return sys.executable, "-m", "umi_cloud", "serve", "--config", config, "--json"


async def _listening(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", _DISK, "tmpfs", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False
