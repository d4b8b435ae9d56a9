"""One run of chaos: sessions one after another while faults strike, then one more; and what the judge finds."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from umi_edge.ledger import read_ledger, verify_ledger
from umi_lab.chaos.faults import ENDING, WINDOW_SECONDS, Fault, strike
from umi_lab.chaos.laptop import EXECUTED, KEY, LEDGER, SENT
from umi_lab.chaos.world import World
from umi_shared.errors import UmiError

__all__ = ["Run", "ask", "judged", "play"]

_RECOVERY_SECONDS = 90.0
_ANSWER_SECONDS = 100.0
_STEPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of one run."""

    seed: int
    faults: tuple[Fault, ...]
    outcomes: dict[str, int]
    """Sessions that were `answered`, that `said` why not, and that were `killed` with their laptop."""
    reasons: dict[str, int]
    """What those said that were not answered."""
    recovered_seconds: float | None
    """From the end of the last fault to the end of the next session that was answered."""
    wrong: tuple[str, ...] = field(default=())
    """What must not be."""


async def play(world: World, seed: int, faults: Sequence[Fault], *, seconds: float = WINDOW_SECONDS) -> Run:
    """Play one run: sessions for so many seconds at least, and until the faults are over."""
    loop = asyncio.get_running_loop()
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    wrong: list[str] = []
    end = loop.time() + seconds

    async def sessions() -> None:
        number = 0
        while loop.time() < end:
            number += 1
            outcome, why = await ask(world, f"s{seed}-{number}", wrong)
            outcomes[outcome] += 1
            if outcome == "said":
                reasons[why] += 1
            await asyncio.sleep(0.05)

    asking = asyncio.create_task(sessions())
    try:
        struck = await asyncio.gather(*_in_turn(world, faults), return_exceptions=True)
    except BaseException:  # cancelled: nobody starts anything again
        asking.cancel()
        raise
    wrong += [f"a fault could not be undone: {one!r}" for one in struck if isinstance(one, BaseException)]
    over = loop.time()
    await asking
    recovered, tries, why = None, 0, ""
    while recovered is None and loop.time() < over + _RECOVERY_SECONDS:
        tries += 1
        outcome, why = await ask(world, f"s{seed}-last-{tries}", wrong)
        if outcome == "answered":
            recovered = loop.time() - over
        else:
            await asyncio.sleep(0.5)
    if recovered is None:
        wrong.append(
            f"no session was answered within {_RECOVERY_SECONDS:.0f} s after all was well again: {why or outcome}"
        )
    wrong += await asyncio.to_thread(judged, world.home)
    return Run(
        seed=seed,
        faults=tuple(faults),
        outcomes=dict(outcomes),
        reasons=dict(reasons),
        recovered_seconds=recovered,
        wrong=tuple(wrong),
    )


def _in_turn(world: World, faults: Sequence[Fault]) -> list["asyncio.Task[None]"]:
    """Faults of one process take turns, since a process that is dead cannot be killed."""
    locks: dict[str, asyncio.Lock] = {}

    async def one(fault: Fault) -> None:
        if fault.kind not in ENDING:
            await strike(world, fault)
            return
        async with locks.setdefault(fault.where, asyncio.Lock()):
            await strike(world, fault)

    return [asyncio.create_task(one(fault)) for fault in faults]


async def ask(world: World, name: str, wrong: list[str]) -> tuple[str, str]:
    """One session: `answered`, `said` or `killed`, and its words; what must not be is added to `wrong`."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            said = await world.laptop.ask({"ask": name, "steps": _STEPS})
    except TimeoutError:
        wrong.append(f"session {name} said nothing for {_ANSWER_SECONDS:.0f} s")
        await world.laptop.kill()
        await world.laptop.start()
        return "silent", ""
    if said is None:
        return "killed", ""
    why = str(said["why"]).strip()
    if not why:
        wrong.append(f"session {name} ended with no word")
    return str(said["outcome"]), why


def judged(home: Path) -> list[str]:
    """What a laptop's files tell against it: calls that ran twice, bytes without an entry, a ledger that is broken."""
    wrong = []
    runs = (
        Counter((home / EXECUTED).read_text().split("\n")[:-1]) if (home / EXECUTED).exists() else Counter()
    )
    wrong += [f"the call of step {line!r} ran {times} times" for line, times in runs.items() if times > 1]
    sent = Counter((home / SENT).read_text().split()) if (home / SENT).exists() else Counter()
    try:
        verify_ledger(home / LEDGER, KEY.public_key())
        entries = Counter(entry["sha256"] for entry in read_ledger(home / LEDGER) if entry["kind"] == "sent")
    except UmiError as error:
        return [*wrong, f"the ledger does not hold: {error.message}"]
    wrong += [
        f"message {digest[:8]} left {times} times, and the ledger has {entries[digest]} entries"
        for digest, times in sent.items()
        if times > entries[digest]
    ]
    return wrong
