"""What a terminal, a log file or a program is shown of a training run."""

import time
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from umi_cloud.glpft import Progress, Recipe, Stage
from umi_cloud.glpft.run import StageResult
from umi_shared.screen.console import Screen
from umi_shared.screen.output import say_json

__all__ = ["JsonDisplay", "NoDisplay", "TrainingDisplay"]

_LINE_SECONDS = 15
"""Seconds between two lines where there is no terminal to draw a bar on."""


class NoDisplay:
    """An `Observer` that shows nothing, for all processes but the first."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def loads(self, stage: Stage, what: str) -> None:
        """Nothing."""

    def progresses(self, stage: Stage, progress: Progress) -> None:
        """Nothing."""

    def finishes(self, stage: Stage, result: StageResult) -> None:
        """Nothing."""


class TrainingDisplay(NoDisplay):
    """A bar on a terminal, a line every few seconds elsewhere, and one line for each finished stage."""

    def __init__(self, recipe: Recipe, console: Screen | None = None) -> None:
        self._recipe = recipe
        self._console = console or Screen(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._said = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def loads(self, stage: Stage, what: str) -> None:
        """Say what is being loaded."""
        self._show(stage, 0.0, what)
        if self._bar.disable:
            self._console.print(f"{self._title(stage)}: {what}")

    def progresses(self, stage: Stage, progress: Progress) -> None:
        """Move the bar, or write a line if the last one is old enough."""
        share = min(1.0, progress.share(stage))
        words = progress_words(stage, progress)
        self._show(stage, share, words)
        now = time.monotonic()
        if self._bar.disable and now - self._said >= _LINE_SECONDS:
            self._said = now
            self._console.print(f"{self._title(stage)}: {share:4.0%}  {words}")

    def finishes(self, stage: Stage, result: StageResult) -> None:
        """Write the stage's figures."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        done = result.progress
        held_out = f"; held out: {_losses(result.held_out)}" if result.held_out else ""
        self._console.print(
            f"{self._title(stage)}: done, {done.tokens:,} tokens and {done.steps:,} steps "
            f"in {_clock(done.seconds)}; {_losses(done.losses)}{held_out}",
        )

    def _show(self, stage: Stage, share: float, words: str) -> None:
        if self._task is None:
            self._task = self._bar.add_task(self._title(stage), total=1.0, words=words)
        title = self._title(stage)
        self._bar.update(self._task, description=title, completed=share, words=words, refresh=True)

    def _title(self, stage: Stage) -> str:
        return f"{self._recipe.name}/{self._recipe.seed} {stage.name}"


class JsonDisplay(NoDisplay):
    """One JSON object a line on stdout."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def loads(self, stage: Stage, what: str) -> None:
        """`{"event": "loading"}`."""
        self._say("loading", stage, {"what": what})

    def progresses(self, stage: Stage, progress: Progress) -> None:
        """`{"event": "progress"}`."""
        self._say(
            "progress",
            stage,
            {
                "share": min(1.0, progress.share(stage)),
                "tokens_per_second": progress.tokens_per_second,
                "seconds_left": progress.seconds_left(stage),
                **asdict(progress),
            },
        )

    def finishes(self, stage: Stage, result: StageResult) -> None:
        """`{"event": "done"}`."""
        self._say("done", stage, {**asdict(result.progress), "held_out": result.held_out})

    def _say(self, event: str, stage: Stage, more: dict[str, Any]) -> None:
        recipe = self._recipe
        head = {"event": event, "recipe": recipe.name, "seed": recipe.seed, "stage": stage.name}
        say_json(head | more)


def progress_words(stage: Stage, progress: Progress) -> str:
    """Pace, losses and time left, in words."""
    return (
        f"{progress.tokens:,} tokens, {progress.tokens_per_second:,.0f}/s  "
        f"{_losses(progress.losses)}  {_clock(progress.seconds_left(stage))} left"
    )


def _losses(losses: dict[str, float]) -> str:
    return ", ".join(f"{role} {loss:.4f}" for role, loss in sorted(losses.items()))


def _clock(seconds: float) -> str:
    """Hours and minutes, or minutes and seconds.

    >>> _clock(3725), _clock(65)
    ('1 h 02 min', '1:05 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes}:{rest:02} min"
