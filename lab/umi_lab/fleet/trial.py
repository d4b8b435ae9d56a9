"""One trial of a fleet: a registry, some fronts, a crowd of laptops; what they did, and what the fronts used for it."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from umi_cloud.auth.authority import Authority
from umi_cloud.auth.registry_at import registry_at
from umi_lab.bench.load import jain
from umi_lab.bench.served import PLENTY
from umi_lab.bench.worker import Worker, worker
from umi_lab.fleet.crowd import CROWD, PLAN, CrowdWork, PlanTiming
from umi_lab.fleet.enrolled import enrol, write_laptops
from umi_lab.fleet.front import ECHO, FRONT
from umi_lab.postgres_server import PostgresServer

__all__ = ["Crowded", "Fleet", "FleetSize", "FrontUse", "fleet", "revocation_seconds"]

_REVOKED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSize:
    """How large a fleet is."""

    enrolled: int
    at_once: int
    fronts: int
    running: int = 0
    """Requests that a front lets into its engine at once; 0 is the server's own default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontUse:
    """What one front did in a run, and what it used for it."""

    plans: int
    plans_a_second: float
    cpu_seconds: float
    kernel_seconds: float
    """How much of it the system took, for sockets and switches between threads."""
    memory_bytes: int
    engine_median: float
    """Seconds that the median plan took in the engine."""

    @property
    def plans_a_core_second(self) -> float:
        """Plans for each second of a core."""
        return self.plans / self.cpu_seconds if self.cpu_seconds else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowded:
    """One run of a crowd."""

    at_once: int
    seconds: float
    fronts: tuple[FrontUse, ...]
    fairness: float
    """Jain's index of the plans that each laptop got."""
    median_seconds: float
    p99_seconds: float
    worst_seconds: float
    outcomes: Mapping[str, int]
    refusals: int
    """Refusals that laptops waited out."""
    revocation_seconds: float | None = None
    """The longest that a call of a revoked laptop went on; None where none was revoked."""
    profile: str = field(default="", repr=False)

    @property
    def plans_a_core_second(self) -> float:
        """Of all fronts together."""
        cpu = sum(front.cpu_seconds for front in self.fronts)
        return sum(front.plans for front in self.fronts) / cpu if cpu else 0.0

    @property
    def added_milliseconds(self) -> float:
        """What the median plan took beyond the engine's median."""
        return 1e3 * (self.median_seconds - median(front.engine_median for front in self.fronts))


class Fleet:
    """A running fleet."""

    def __init__(
        self, size: FleetSize, fronts: Sequence[Worker], crowds: Sequence[Worker], folder: Path, database: str
    ) -> None:
        self.size = size
        self._fronts = fronts
        self._crowds = crowds
        self._folder = folder
        self._database = database

    async def run(
        self,
        *,
        at_once: int,
        seconds: float,
        messages: tuple[bytes, ...],
        think_seconds: float = 0.0,
        echo: bool = False,
        profile: bool = False,
        revoke: bool = False,
    ) -> Crowded:
        """Let so many laptops ask for so long. With `echo` they ask grpc.aio alone for the same events."""
        addresses = tuple(one.hello["echo" if echo else "address"] for one in self._fronts)
        parts = len(self._crowds)
        works = [
            CrowdWork(
                laptops=str(self._folder / "laptops.jsonl"),
                first=at_once * part // parts,
                count=at_once * (part + 1) // parts - at_once * part // parts,
                ca=(self._folder / "cloud" / "ca" / "ca.pem").read_text(),
                addresses=addresses,
                messages=messages,
                method=ECHO if echo else PLAN,
                seconds=seconds,
                think_seconds=think_seconds,
            )
            for part in range(parts)
        ]
        await self._ask(replace(work, seconds=0.0) for work in works)
        before = [await one.ask({"do": "usage"}) for one in self._fronts]
        if profile:
            await self._fronts[0].ask({"do": "profile"})
        revoking = asyncio.create_task(self._revoke(at_once, seconds)) if revoke else None
        rows = await self._ask(works)
        told = (await self._fronts[0].ask({"do": "profiled"}))["profile"] if profile else ""
        after = [await one.ask({"do": "usage"}) for one in self._fronts]
        revoked_at = await revoking if revoking else None
        return _crowded(rows, before, after, at_once=at_once, revoked_at=revoked_at, profile=told)

    async def _ask(self, works: Iterable[CrowdWork]) -> list[PlanTiming]:
        answers = await asyncio.gather(
            *(
                crowd.ask(work.as_json())
                for crowd, work in zip(self._crowds, works, strict=True)
                if work.count
            )
        )
        return [PlanTiming(**row) for answer in answers for row in answer["rows"]]

    async def _revoke(self, at_once: int, seconds: float) -> dict[int, float]:
        """Shut the last laptops out, half-way; when each was, in seconds since 1970."""
        await asyncio.sleep(seconds / 2)
        times = {}
        async with registry_at(self._database) as registry:
            for number in range(at_once - min(_REVOKED, at_once // 2), at_once):
                await registry.revoke(f"laptop-{number}")
                times[number] = time.time()
        return times


@asynccontextmanager
async def fleet(size: FleetSize, folder: Path, postgres: PostgresServer, name: str) -> AsyncIterator[Fleet]:
    """Make a database, enrol laptops and start the fronts; all end at the end. Raises ConfigError."""
    from umi_cloud.auth.migrations import migrate  # noqa: PLC0415  # an extra

    postgres.make_database(name)
    database = postgres.url(name)
    await asyncio.to_thread(migrate, database)
    await asyncio.to_thread(folder.mkdir, parents=True)
    authority = await asyncio.to_thread(Authority.init, folder / "cloud", ("localhost",))
    laptops = await enrol(authority, database, size.enrolled, calling=min(size.at_once, size.enrolled))
    await asyncio.to_thread(write_laptops, folder / "laptops.jsonl", laptops)
    config = folder / "cloud.yaml"
    config.write_text(json.dumps(_settings(size, database, folder)))
    async with AsyncExitStack() as stack:
        log = {"PYTHONUNBUFFERED": "1"}
        fronts = [
            await stack.enter_async_context(worker((*FRONT, config), "a front", log))
            for _ in range(size.fronts)
        ]
        crowds = [await stack.enter_async_context(worker(CROWD, "a crowd")) for _ in range(size.fronts)]
        yield Fleet(size, fronts, crowds, folder, database)


def _settings(size: FleetSize, database: str, folder: Path) -> dict[str, Any]:
    return {
        "listen": "127.0.0.1:0",
        "enrol_listen": "",
        "watch_listen": "127.0.0.1:0",
        "state": database,
        "certificates": str(folder / "cloud"),
        "engine": {"kind": "scripted", "replies": ["Next: caller."]},
        "quota": PLENTY,
        "connections": {"strangers_per_address": size.at_once + 64},
        "admission": {"running": size.running, "queued": 2048},
    }


def _crowded(
    rows: Sequence[PlanTiming],
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    *,
    at_once: int,
    revoked_at: Mapping[int, float] | None,
    profile: str,
) -> Crowded:
    good = [row for row in rows if row.outcome == "ok"]
    if not good:
        raise RuntimeError(f"no plan was made: {Counter(row.outcome for row in rows)}")
    span = max(row.began + row.seconds for row in rows) - min(row.began for row in rows)
    fronts = tuple(
        FrontUse(
            plans=int(late["plans"] - early["plans"]),
            plans_a_second=(late["plans"] - early["plans"]) / span,
            cpu_seconds=late["cpu_seconds"] - early["cpu_seconds"],
            kernel_seconds=late["kernel_seconds"] - early["kernel_seconds"],
            memory_bytes=late["memory"],
            engine_median=median(late["engine_seconds"] or [0.0]),
        )
        for early, late in zip(before, after, strict=True)
    )
    shut_out = revoked_at or {}
    counts = Counter(row.laptop for row in good)
    took = sorted(row.seconds for row in good)
    return Crowded(
        at_once=at_once,
        seconds=span,
        fronts=fronts,
        fairness=jain([float(counts[number]) for number in range(at_once) if number not in shut_out]),
        median_seconds=median(took),
        p99_seconds=quantiles(took, n=100)[98] if len(took) > 1 else took[0],
        worst_seconds=took[-1],
        outcomes=dict(Counter(row.outcome for row in rows)),
        refusals=sum(row.refusals for row in rows),
        revocation_seconds=revocation_seconds(rows, shut_out) if shut_out else None,
        profile=profile,
    )


def revocation_seconds(rows: Sequence[PlanTiming], revoked_at: Mapping[int, float]) -> float:
    """The longest that a call which ran then, or a plan that was given later, went on after its laptop was revoked."""
    late = [
        row.began + row.seconds - revoked_at[row.laptop]
        for row in rows
        if row.laptop in revoked_at and (row.began < revoked_at[row.laptop] or row.outcome == "ok")
    ]
    return max(0.0, *late) if late else 0.0
