"""How long `umi --help` takes over a Python that does nothing."""

import subprocess
import sys
import time

from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.rounds import interleaved_rounds
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.spread import Spread

__all__ = ["measure"]

_COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "umi --help": [sys.executable, "-m", "umi_edge", "--help"],
    "umi ask (no instruction)": [sys.executable, "-m", "umi_edge", "ask"],
}


async def measure(setting: Setting) -> Outcome:
    """New processes take turns, files in the system's cache."""

    def runs(command: list[str]) -> float:
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=False)
        return 1e3 * (time.perf_counter() - began)

    async def of(name: str) -> float:
        return runs(_COMMANDS[name])

    rounds = await interleaved_rounds(
        {name: lambda _turn, name=name: of(name) for name in _COMMANDS},  # type: ignore[misc]
        rounds=setting.times(21),
        tell=setting.progress("start"),
    )
    figures = [
        Figure(
            title=f"`{name}` over `python -c pass`",
            goal=Goal(150, "ms"),
            value=Spread.of(one[name] - one["python"] for one in rounds),
            repeats=len(rounds),
            profile="`python -X importtime -m umi_edge --help` tells which import it is.",
        )
        for name in _COMMANDS
        if name != "python"
    ]
    return Outcome(figures=figures, details={name: [one[name] for one in rounds] for name in _COMMANDS})
