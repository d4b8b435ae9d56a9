"""A warm start: the state of sixty tools from the disk, against reading them."""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from umi_edge.caller import CallerConfig
from umi_edge.caller.prompt_prefix import catalogue_prefix
from umi_edge.caller.warm_start import WarmStart
from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.rounds import interleaved_rounds, ratios
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_shared.llama import Sequence, Weights
from umi_shared.transcript import Instruction, ToolCard, View

__all__ = ["measure", "many_tools"]

_CONTEXT_TOKENS = 8192
_WORDS = (
    "invoice",
    "ticket",
    "parcel",
    "booking",
    "contract",
    "sensor",
    "ledger",
    "garden",
    "photo",
    "pupil",
)
_VERBS = ("find", "list", "read", "create", "change", "cancel")


def many_tools(count: int) -> View:
    """A catalogue of up to sixty tools with arguments and descriptions of usual length."""
    cards = [
        ToolCard(
            name=f"{word}s.{verb}",
            description=(
                f"{verb.title()} one {word} of the user by its number, its date or words in its text.",
            ),
            input_schema={
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("query", "date", "limit", f"{word}_id")},
                "required": ["query"],
            },
        )
        for word in _WORDS
        for verb in _VERBS
    ]
    return View(catalogue=tuple(cards[:count]), entries=(Instruction(("a",)),))


@dataclass(slots=True)
class _Contest:
    """A sequence that is warmed again and again; forgotten in between, the first token aside."""

    sequence: Sequence
    tokens: list[int]
    config: CallerConfig
    folder: Path

    async def cold(self, turn: int) -> float:
        """Nothing on the disk: the catalogue is read, and kept."""
        return self._begin(self.folder / str(turn))

    async def warm(self, turn: int) -> float:
        """What the first round kept."""
        del turn
        return self._begin(self.folder / "kept")

    def _begin(self, folder: Path) -> float:
        start = WarmStart.of(replace(self.config, state_folder=folder))
        assert start is not None  # noqa: S101  # a folder was named
        self.sequence.read(self.tokens[:1])
        began = time.perf_counter()
        keep = start.begin(self.sequence, self.tokens, lambda: False)
        seconds = time.perf_counter() - began
        if keep is not None:
            keep()
        return seconds


async def measure(setting: Setting) -> Outcome:
    """Reading the catalogue and taking its state from the disk, in turn; the file is in the system's cache."""
    count = 8 if setting.quick else 60
    config = replace(setting.caller_config, context_tokens=_CONTEXT_TOKENS)
    weights = Weights.load(config.model)
    adapter = weights.adapter(config.adapter) if config.adapter else None
    sequence = Sequence(weights, context_tokens=_CONTEXT_TOKENS, adapter=adapter)
    tokens = catalogue_prefix(
        lambda view: weights.prompt_tokens(setting.dialect.call(view).prompt), many_tools(count)
    )
    try:
        with tempfile.TemporaryDirectory(prefix="umi-warm-") as folder:
            contest = _Contest(sequence, tokens, config, Path(folder))
            rounds = await interleaved_rounds(
                {"cold": contest.cold, "warm": contest.warm},
                rounds=setting.times(7),
                seconds=setting.seconds,
                tell=setting.progress("warm start"),
            )
            size = sum(path.stat().st_size for path in (Path(folder) / "kept").iterdir())
    finally:
        sequence.close()
        weights.close()
    share = Figure(
        title=f"warm start of {count} tools ({len(tokens):,} tokens) from disk, against reading them",
        goal=Goal(5, "%"),
        value=Spread.of(100 * one for one in ratios(rounds, "warm", "cold")),
        repeats=len(rounds),
        profile=f"{size / 1e6:.0f} MB are read from the file, checked, and copied into the cache.",
    )
    return Outcome(figures=[share], details={"seconds": rounds, "file bytes": size})
