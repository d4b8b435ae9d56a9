"""The trainer: one stage, step by step, saved so that it can go on where it stopped."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from umi_cloud.glpft.base_model import Trainee
from umi_cloud.glpft.checkpoints import Checkpoints
from umi_cloud.glpft.chunks import ChunkStream
from umi_cloud.glpft.distributed import ProcessGroup
from umi_cloud.glpft.forward_pass import Chunk, losses_by_role
from umi_cloud.glpft.kept_memory import give_back_above, half_of_memory
from umi_cloud.glpft.peak_memory import peak_memory_bytes
from umi_cloud.glpft.progress import Progress, ProgressFile
from umi_cloud.glpft.recipe import Recipe, Stage
from umi_shared.errors import ModelError

__all__ = ["Trainer"]

_REPORT_STEPS = 5


@dataclass(slots=True, kw_only=True)
class Trainer:
    """Trains one stage; `report` is called every few steps, in the first process only."""

    recipe: Recipe
    stage: Stage
    trainee: Trainee
    group: ProcessGroup
    stream: ChunkStream
    folder: Path
    report: Callable[[Progress], None] = lambda _: None
    progress: Progress = field(default_factory=Progress)
    _sums: dict[str, tuple[float, float]] = field(default_factory=dict)

    def run(self) -> Progress:
        """Train to the end of the budget, from the last checkpoint if there is one."""
        import torch  # noqa: PLC0415  # training only

        optimizer = torch.optim.AdamW(
            [parameter for parameter in self.trainee.model.parameters() if parameter.requires_grad],
            lr=self.stage.learning_rate,
            betas=(0.9, self.recipe.beta2),
            weight_decay=self.stage.weight_decay,
        )
        self.group.prepare(self.trainee, optimizer)
        checkpoints = Checkpoints(self.folder / "checkpoints", self.recipe.keep_checkpoints)
        self._resume(checkpoints)
        saved = self.progress.seconds
        stream = islice(self.stream, self.progress.chunks, None)
        while self.progress.share(self.stage) < 1:
            started = time.monotonic()
            taken = [next(stream) for _ in range(self.recipe.chunks_per_step * self.group.size)]
            self._step([chunk for chunk, _ in taken])
            give_back_above(half_of_memory())
            self.progress.epochs = taken[-1][1]
            self.progress.seconds = self._agreed(self.progress.seconds + time.monotonic() - started)
            if self.progress.steps % _REPORT_STEPS == 0:
                self._tell()
            if self.progress.seconds - saved >= 60 * self.recipe.save_minutes:
                checkpoints.write(self.group, self.progress)
                saved = self.progress.seconds
        self._tell()
        checkpoints.write(self.group, self.progress)
        return self.progress

    def _resume(self, checkpoints: Checkpoints) -> None:
        checkpoint = checkpoints.newest()
        if checkpoint is not None:
            self.group.load(checkpoint.folder)
            self.progress = checkpoint.progress
        if self.group.is_main:
            self._file.forget_after(self.progress.steps)

    def _step(self, chunks: list[Chunk]) -> None:
        """One change of the weights by the chunks of all processes."""
        roles = [chunk.roles() for chunk in chunks]
        targets = sum(map(len, roles))
        self.progress.learning_rate = self._rate()
        own = chunks[self.group.rank :: self.group.size]
        for chunk, losses in zip(own, self.group.gradients(chunks, targets), strict=True):
            for role, (total, count) in losses_by_role(chunk, losses).items():
                known = self._sums.get(role, (0.0, 0.0))
                self._sums[role] = (known[0] + total, known[1] + count)
        finite = self.group.step(self.progress.learning_rate, self.recipe.clip_norm)
        self.progress.steps += 1
        if not finite or self.group.sum([float(not math.isfinite(total)) for total in self._totals()])[0]:
            raise self._diverged()
        self.progress.targets += targets
        self.progress.chunks += len(chunks)
        self.progress.tokens += sum(map(len, chunks))

    def _totals(self) -> list[float]:
        """The sum of this process's losses since the last report, as one number for all roles."""
        return [sum(total for total, _ in self._sums.values())]

    def _diverged(self) -> ModelError:
        """The stage cannot go on: what it saved last is from before this step."""
        newest = Checkpoints(self.folder / "checkpoints").newest()
        kept = f"step {newest.progress.steps} is saved" if newest else "nothing is saved yet"
        return ModelError(
            f"the loss or its gradient is not a finite number at step {self.progress.steps} of the stage "
            f"{self.stage.name!r}; {kept}",
            fix="lower the learning rate or `clip_norm`, or try `precision: float32`; then run the recipe again",
        )

    def _agreed(self, seconds: float) -> float:
        """The first process's clock, so that all stop at the same step."""
        return self.group.sum([seconds if self.group.is_main else 0.0])[0]

    def _rate(self) -> float:
        """Warm-up, then a cosine over the rest of the budget."""
        share, warmup = min(1.0, self.progress.share(self.stage)), self.stage.warmup
        rise = min(1.0, (self.progress.steps + 1) / max(1, self.recipe.warmup_steps))
        if share < warmup:
            return self.stage.learning_rate * rise * share / warmup
        fall = 0.5 * (1 + math.cos(math.pi * (share - warmup) / (1 - warmup))) if warmup < 1 else 1.0
        floor = self.recipe.final_rate
        return self.stage.learning_rate * rise * (floor + (1 - floor) * fall)

    def _tell(self) -> None:
        """Report the losses that all processes had since the last report."""
        names = sorted(self.stream.roles())
        sums = self.group.sum([value for name in names for value in self._sums.get(name, (0.0, 0.0))])
        self._sums.clear()
        pairs = zip(names, sums[::2], sums[1::2], strict=True)
        losses = {name: total / count for name, total, count in pairs if count}
        if not losses:
            return  # nothing is new
        self.progress.losses = losses
        self.progress.peak_memory_bytes = peak_memory_bytes()
        if self.group.is_main:
            self._file.append(self.progress)
            self.report(self.progress)

    @property
    def _file(self) -> ProgressFile:
        return ProgressFile(self.folder / "progress.jsonl")
