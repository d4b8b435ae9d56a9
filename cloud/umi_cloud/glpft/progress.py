"""Progress: how far a stage is, and the file of JSON lines that keeps it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from umi_cloud.glpft.recipe import Stage
from umi_shared.durable_file import write_durably

__all__ = ["Progress", "ProgressFile"]


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a stage is; written with every report and every checkpoint."""

    steps: int = 0
    """Changes of the weights."""
    seconds: float = 0
    """Time spent on the stage, over all its runs, without loading."""
    tokens: int = 0
    """Tokens computed by all processes; common beginnings count once, and padding does not."""
    targets: int = 0
    chunks: int = 0
    """Forward passes by all processes, which is the position in the stream."""
    epochs: float = 0
    """Passes over the stage's episodes."""
    learning_rate: float = 0
    peak_memory_bytes: int = 0
    """The most memory that the first process held since it was started last."""
    losses: dict[str, float] = field(default_factory=dict)
    """Mean loss per target token by role, over the steps since the last report."""

    def share(self, stage: Stage) -> float:
        """The share of the stage's budget that is spent: from 0 to 1, and above when it is exceeded.

        >>> stage = Stage(name="planner", roles=(), learning_rate=1e-3, tokens=1000, epochs=2)
        >>> Progress(tokens=100, epochs=0.5).share(stage)
        0.25
        """
        spent = ((self.seconds / 60, stage.minutes), (self.tokens, stage.tokens), (self.epochs, stage.epochs))
        return max(part / budget for part, budget in spent if budget)

    @property
    def tokens_per_second(self) -> float:
        """The mean speed over the whole stage so far."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def seconds_left(self, stage: Stage) -> float:
        """Seconds to the end of the budget at the speed so far; 0 before the first step."""
        share = self.share(stage)
        return max(0.0, self.seconds * (1 - share) / share) if share else 0.0


@dataclass(frozen=True, slots=True)
class ProgressFile:
    """A file of JSON lines, one for each report."""

    path: Path

    def append(self, progress: Progress) -> None:
        """Add a report."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(progress)) + "\n")

    def read(self) -> Iterator[Progress]:
        """The reports in order, without a line that a crash left incomplete."""
        if not self.path.exists():
            return
        for line in self.path.read_text("utf-8").splitlines():
            try:
                yield Progress(**json.loads(line))
            except (ValueError, TypeError):
                continue

    def forget_after(self, steps: int) -> None:
        """Drop the reports past a checkpoint, which will be written again."""
        kept = [json.dumps(asdict(report)) + "\n" for report in self.read() if report.steps <= steps]
        write_durably(self.path, "".join(kept).encode(), private=False)
