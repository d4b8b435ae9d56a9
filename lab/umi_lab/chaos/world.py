"""The world of a chaos run: a laptop, two fronts, their engine and their database as processes, and what is between."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from umi_cloud.auth.authority import Authority
from umi_edge.connection.connection import ConnectionDraft
from umi_lab.bench.served import PLENTY
from umi_lab.chaos import engine, laptop
from umi_lab.chaos.kinds import DATABASE, ENGINE, FRONTS, LAPTOP, PLACES, Net
from umi_lab.chaos.network import NETWORK, network
from umi_lab.chaos.process import Process
from umi_lab.chaos.relays import relays
from umi_lab.chaos.tidied import PLAIN
from umi_lab.fleet.enrolled import enrol
from umi_lab.postgres_server import PostgresServer, Site, postgres_server

__all__ = ["World", "world", "world_of_hosts"]

_DISK = "size=32m"


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that can be hurt."""

    home: Path
    connection: Path
    """The laptop's, which a daemon may have, too."""
    disk: Path | None
    """The laptop's disk, a small one of its own; None where none can be mounted."""
    processes: Mapping[str, Process]
    """By their place: all but the database."""
    postgres: PostgresServer
    net: Net

    @property
    def laptop(self) -> Process:
        """The one that asks."""
        return self.processes[LAPTOP]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Where things are, and how they reach each other."""

    net: Net
    postgres: PostgresServer
    database: str
    state: str
    """The database's address for fronts."""
    service: str
    """A front's address for a connection."""
    target: str
    """The fronts' address for the laptop's gRPC."""
    ports: Mapping[str, int]
    addresses: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(PLACES, "127.0.0.1"))
    enter: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(PLACES, ()))
    """What a command begins with that runs at a place."""


@asynccontextmanager
async def world(
    folder: Path,
    postgres: PostgresServer,
    name: str,
    *,
    small_disk: bool = True,
    runner: tuple[str, ...] = PLAIN,
) -> AsyncIterator[World]:
    """Start it all on loopback, with relays between, and end it. `small_disk`: the laptop's ledger is on one.

    `name` is that of a database to make, `runner` what runs a module. Raises ConfigError.
    """
    ports = _free_ports()
    async with relays(
        [("127.0.0.1", ports[front]) for front in FRONTS], ("127.0.0.1", postgres.port)
    ) as between:
        service = f"localhost:{between.to_fronts.port}"
        plan = _Plan(
            net=between,
            postgres=postgres,
            database=name,
            state=f"postgresql://postgres@127.0.0.1:{between.to_database.port}/{name}",
            service=service,
            target=service,
            ports=ports,
        )
        async with _started(folder, plan, small_disk=small_disk, runner=runner) as made:
            yield made


@asynccontextmanager
async def world_of_hosts(folder: Path, *, small_disk: bool = True) -> AsyncIterator[World]:
    """Start it all, each in a network namespace of its own, with a PostgreSQL of its own. Raises ConfigError."""
    async with network() as between, AsyncExitStack() as stack:
        database = between.hosts[DATABASE]
        site = Site(enter=database.enter, address=database.address, network=NETWORK)
        postgres = stack.enter_context(postgres_server(site))
        ports = _free_ports()
        addresses = {name: host.address for name, host in between.hosts.items()}
        fronts = [f"{addresses[front]}:{ports[front]}" for front in FRONTS]
        plan = _Plan(
            net=between,
            postgres=postgres,
            database="chaos",
            state=postgres.url("chaos"),
            service=fronts[0],
            target=f"ipv4:{','.join(fronts)}",
            ports=ports,
            addresses=addresses,
            enter={name: host.enter for name, host in between.hosts.items()},
        )
        yield await stack.enter_async_context(_started(folder, plan, small_disk=small_disk))


@asynccontextmanager
async def _started(
    folder: Path, plan: _Plan, *, small_disk: bool, runner: tuple[str, ...] = PLAIN
) -> AsyncIterator[World]:
    from umi_cloud.auth.migrations import migrate  # noqa: PLC0415  # an extra

    plan.postgres.make_database(plan.database)
    here = plan.postgres.url_here(plan.database)
    await asyncio.to_thread(migrate, here)
    await asyncio.to_thread(folder.mkdir, parents=True)
    authority = await asyncio.to_thread(Authority.init, folder / "cloud", ("localhost",))
    (device,) = await enrol(authority, here, 1, calling=1)
    draft = ConnectionDraft(folder / "connection")
    draft.write_key(device.key.encode())
    draft.commit(
        device.certificate.encode(),
        authority.ca_pem,
        device=device.name,
        service_address=plan.service,
        server_name="localhost",
    )
    home = folder / "home"
    disk = (home / laptop.LEDGER).parent
    await asyncio.to_thread(disk.mkdir, parents=True)
    async with AsyncExitStack() as stack:
        mounted = small_disk and _mount(disk)  # in a thread it would outlast a cancellation, and stay
        if mounted:
            stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=False)
        commands: dict[str, tuple[str | Path, ...]] = {
            LAPTOP: (laptop.MODULE, home, folder / "connection", plan.target),
            **{front: _serve(folder, plan, front) for front in FRONTS},
            ENGINE: (engine.MODULE, plan.addresses[ENGINE], str(plan.ports[ENGINE])),
        }
        processes = {
            name: Process(
                (*plan.enter[name], *runner, *command),
                folder / f"{name}.log",
                ready="ready" if name in FRONTS else "",
            )
            for name, command in commands.items()
        }
        for process in processes.values():
            stack.push_async_callback(process.kill)
        await processes[ENGINE].start(waits=False)
        await asyncio.gather(*(processes[name].start() for name in (LAPTOP, *FRONTS)))
        yield World(
            home=home,
            connection=folder / "connection",
            disk=disk if mounted else None,
            processes=processes,
            postgres=plan.postgres,
            net=plan.net,
        )


def _serve(folder: Path, plan: _Plan, front: str) -> tuple[str | Path, ...]:
    config = folder / f"{front}.yaml"
    settings = {
        "listen": f"{plan.addresses[front]}:{plan.ports[front]}",
        "enrol_listen": "",
        "state": plan.state,
        "certificates": str(folder / "cloud"),
        "engine": {
            "kind": "openai",
            "url": f"http://{plan.addresses[ENGINE]}:{plan.ports[ENGINE]}/v1",
            "model": engine.MODEL,
            "dialect": "umi",
            "silence_seconds": 5,
        },
        "quota": PLENTY,
    }
    config.write_text(json.dumps(settings))
    return "umi_cloud", "serve", "--config", config, "--json"


def _free_ports() -> dict[str, int]:
    probes = {name: socket.socket() for name in (ENGINE, *FRONTS)}
    try:
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in probes.items()}
    finally:
        for probe in probes.values():
            probe.close()


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", _DISK, "tmpfs", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False
