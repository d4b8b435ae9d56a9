"""`closed-loop`: the whole system on held-out homes."""

import asyncio
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Row(Protocol):
    def as_json(self) -> dict[str, Any]: ...


T = TypeVar("T", bound=_Row)

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    model: Path
    adapters: Path
    seed: int
    count: int
    own_names: float
    train_words: bool
    out: Path | None
    threads: int
    shadow: bool


@click.command(name="closed-loop")
@click.option("--model", type=_FILE, required=True, help="The base model (GGUF).")
@click.option(
    "--adapters", type=_FOLDER, required=True, help="Holds planner.gguf, caller.gguf, summarizer.gguf."
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True)
@click.option(
    "--own-names",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="The share of sessions with the built-in tools under the names they ship with.",
)
@click.option(
    "--train-words", is_flag=True, help="Draw from the words of training instead of the held-out ones."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Append one JSON object a session."
)
@click.option("--threads", type=int, default=0, help="Of llama.cpp; 0 chooses.")
@click.option(
    "--shadow", is_flag=True, help="Follow the oracle, and compare what each role would do at each step."
)
def command(**options: object) -> None:
    """Run whole sessions on homes, people, phrases and tool names that training never saw, and count.

    A session succeeds when the home ends up as the oracle leaves it and the user is told the same.
    """
    asyncio.run(_closed_loop(_Options(**options)))  # type: ignore[arg-type]  # click has checked them


async def _closed_loop(options: _Options) -> None:
    from umi_lab.closed_loop.evaluation import figures, play
    from umi_lab.closed_loop.model_cast import open_models
    from umi_lab.closed_loop.shadow import shadow, stepwise
    from umi_lab.synthesis.generator import draw_scenes
    from umi_lab.synthesis.scene import SceneConfig

    roles = ("planner", "caller", "summarizer")
    adapters = {role: path for role in roles if (path := options.adapters / f"{role}.gguf").exists()}
    held_out = not options.train_words
    config = SceneConfig(own_names=options.own_names, held_out_families=held_out)
    scenes = itertools.islice(draw_scenes(options.seed, held_out=held_out, config=config), options.count)
    async with open_models(options.model, adapters, threads=options.threads) as models:
        if options.shadow:
            comparisons = [_kept(options, comparison) async for comparison in shadow(scenes, models)]
            counts = stepwise(comparisons)
        else:
            outcomes = [_kept(options, outcome) async for outcome in play(scenes, models)]
            counts = figures(outcomes)
    for name, (part, whole) in counts.items():
        click.echo(f"{name:<32}{part:5} of {whole:<5}{100 * part / whole if whole else 0:6.1f} %")


def _kept(options: _Options, row: T) -> T:
    """Pass a row on; write it to the file first, so that an interrupted run keeps what it has."""
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row.as_json(), ensure_ascii=False) + "\n")
    return row
