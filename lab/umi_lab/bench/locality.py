"""The locality step beside Presidio on the same 16 KiB: `bench locality` tells more of it."""

import json

from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.rounds import interleaved_rounds
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.locality_cost.measurement import presidio
from umi_lab.locality_cost.step import open_step
from umi_lab.locality_cost.workload import make_workload

__all__ = ["measure"]

_BYTES, _LEAVES = 16 * 1024, 200


async def measure(setting: Setting) -> Outcome:
    """A step from a tool's result to the bytes that leave, and Presidio's analysis of that result, in turn."""
    workload = make_workload(_BYTES, _LEAVES, free="scan")
    text = json.dumps(workload.result, separators=(",", ":"))
    with open_step(workload) as step:

        async def umi(_turn: int) -> dict[str, float]:
            return {"umi": sum(step.run().values())}

        for _ in range(10):
            step.run()
        if setting.peers is None:
            rounds = [await umi(turn) for turn in range(setting.times(60))]
            return Outcome(figures=[_alone(rounds)], notes=["Presidio was not measured (`--peers`)"])
        async with presidio(setting.peers) as peer:

            async def peers(_turn: int) -> dict[str, float]:
                seconds: dict[str, float] = (await peer.ask({"text": text}))["seconds"]
                return seconds

            turns = await interleaved_rounds(
                {"umi": umi, "Presidio": peers},
                rounds=setting.times(15),
                tell=setting.progress("locality"),
            )
    rounds = [{**one["umi"], **one["Presidio"]} for one in turns]
    against = [
        Figure(
            title=f"locality step of 16 KiB, faster than Presidio ({name})",
            goal=None,
            unit="x",
            value=Spread.of(one[name] / one["umi"] for one in rounds),
            repeats=len(rounds),
        )
        for name in rounds[0]
        if name != "umi"
    ]
    return Outcome(figures=[_alone(rounds), *against], details={"seconds": rounds})


def _alone(rounds: list[dict[str, float]]) -> Figure:
    return Figure(
        title="locality step of 16 KiB with 200 private leaves",
        goal=Goal(1.0, "ms"),
        value=Spread.of(1e3 * one["umi"] for one in rounds),
        repeats=len(rounds),
        profile="`python -m umi_lab bench locality` splits it into labels, view, message, guard and ledger.",
    )
