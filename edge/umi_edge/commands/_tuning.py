"""`umi doctor --tune`: the measurement shown as a table."""

from typing import TYPE_CHECKING

from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_edge.runtime.config import EdgeConfig
    from umi_edge.tuning.tuned import Tuned

__all__ = ["tune_caller"]


def tune_caller(config: "EdgeConfig", *, as_json: bool) -> int:
    """Measure, keep, show. Raises `ModelError`, `ConfigError`."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from umi_edge.runtime.laptop import tuning_folder, untuned_config
    from umi_edge.tuning.tuned import tune
    from umi_shared.screen.console import Screen

    console = Screen(stderr=True)
    bar = Progress(
        TextColumn("measuring", markup=False),
        BarColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=as_json or not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=None)
        tuned = tune(
            untuned_config(config.caller),
            tuning_folder(),
            lambda done, whole: bar.update(task, completed=done, total=whole),
        )
    if as_json:
        _print_json(tuned)
    else:
        _print(tuned)
    return 0


def _busy() -> str:
    """How busy the machine is, where that spoils the figures."""
    import os

    load, cores = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0, os.cpu_count() or 1
    if load <= 2 * cores:
        return ""
    return f"The machine was busy (load {load:.0f} on {cores} cores): measure again when it is quiet."


def _print(tuned: "Tuned") -> None:
    from rich.table import Table

    from umi_shared.screen.console import output_screen

    table = Table(box=None)
    table.add_column("weights")
    for name in ("MB", "threads", "tokens/s read", "tokens/s written", "s a call"):
        table.add_column(name, justify="right")
    for trial in tuned.trials:
        table.add_row(
            trial.format,
            f"{trial.size_bytes / 1e6:,.0f}",
            str(trial.threads),
            f"{trial.read_rate:,.0f}",
            f"{trial.write_rate:,.1f}",
            f"{trial.call_seconds:.2f}",
            style="bold green" if trial == tuned.chosen else None,
        )
    output_screen().print(table)
    now, chosen = tuned.trials[0], tuned.chosen
    if chosen == now:
        say("", "Nothing is faster by a twentieth than how it runs already: that stays.")
    else:
        say(
            f"\nFrom now on: weights {chosen.format}, {chosen.threads} threads; "
            f"a call takes {chosen.call_seconds / now.call_seconds:.0%} of the time it took."
        )
    if busy := _busy():
        say(busy)


def _print_json(tuned: "Tuned") -> None:
    from dataclasses import asdict

    def row(trial: object) -> dict[str, object]:
        return {name: str(value) if name == "path" else value for name, value in asdict(trial).items()}  # type: ignore[call-overload]

    say_json({"trials": [row(one) for one in tuned.trials], "chosen": row(tuned.chosen)})
