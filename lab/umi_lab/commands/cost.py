"""`cost`: training, storage and inference of the split agent, beside a single model that does it all."""

import asyncio
import itertools
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_lab.commands.session_options import session_options

if TYPE_CHECKING:
    from umi_cloud.evaluation.run_file import RunFile

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    model: str
    adapters: Path | None
    single: Path | None
    device_answers: bool
    run: Path | None
    dialect: str
    seed: int
    count: int
    own_names: float
    threads: int
    out: Path | None
    recipe: str
    as_json: bool


@click.command(name="cost")
@session_options(count=40, threads=0)
@click.option(
    "--single", type=_FILE, help="The single model's adapter (GGUF).  [default: the base does it all]"
)
@click.option("--run", type=_FOLDER, help="A training run, whose progress files tell time and tokens.")
@click.option(
    "--device-answers",
    is_flag=True,
    help="The split agent's device writes lists and what was done, as it does for users; its success says less then, "
    "since a session is judged by a summarizer's words.",
)
@click.option(
    "--dialect", default="umi", show_default=True, help="The dialect of both agents: umi, chat or alpha-umi."
)
def command(**options: object) -> None:
    """Measure what the split costs: the paper's cost table.

    Both agents play the same sessions in turn, the split one over its wire, the single one in one context of this
    process. The times say something on a quiet machine only.
    """
    _cost(_Options(**options))  # type: ignore[arg-type]  # click has checked them


def _cost(options: _Options) -> None:
    from umi_cloud.evaluation.run_file import RunFile, RunHeader, command_line, fingerprint
    from umi_lab.cost.storage import storage
    from umi_shared.adapter_folder import adapters_in
    from umi_shared.models import ModelStore

    model, adapters = ModelStore.local().path_of(options.model), adapters_in(options.adapters)
    named = {**adapters, **({"single": options.single} if options.single else {})}
    header = RunHeader(
        kind="cost",
        seed=options.seed,
        model=f"{model.name} {fingerprint(model)}",
        adapters={role: fingerprint(path) for role, path in named.items()},
        dialect=options.dialect,
        recipe=options.recipe,
        options={
            "threads": options.threads,
            "own_names": options.own_names,
            "device_answers": options.device_answers,
            "storage": storage(model, adapters),
        },
        command=command_line("cost"),
    )
    file = RunFile.open(options.out, header)
    asyncio.run(_measure(options, model, adapters, file))
    _show(file, options)


async def _measure(options: _Options, model: Path, adapters: dict[str, Path], file: "RunFile") -> None:
    from umi_lab.closed_loop.harness import HarnessConfig, open_harness
    from umi_lab.cost.comparison import compare
    from umi_lab.cost.single_agent import open_single_model
    from umi_lab.synthesis.generator import draw_scenarios
    from umi_lab.synthesis.scenario import ScenarioConfig

    config = ScenarioConfig(own_names=options.own_names, held_out_families=True)
    drawn = itertools.islice(draw_scenarios(options.seed, held_out=True, config=config), options.count)
    done = {row["number"] for row in file.rows}
    scenarios = [(number, scenario) for number, scenario in enumerate(drawn) if number not in done]
    if not scenarios:
        return
    split = HarnessConfig(
        model=model,
        adapters=adapters,
        dialect=options.dialect,
        threads=options.threads,
        writes_lists=options.device_answers,
    )
    async with AsyncExitStack() as stack:
        harness = await stack.enter_async_context(open_harness(split))
        single = await stack.enter_async_context(
            open_single_model(model, options.single, dialect=options.dialect, threads=options.threads)
        )
        with click.progressbar(
            length=len(scenarios), label="sessions", file=sys.stderr, show_pos=True
        ) as bar:
            async for rows in compare(scenarios, harness, single):
                file.add(*rows)
                bar.update(1)


def _show(file: "RunFile", options: _Options) -> None:
    from umi_lab.cost.inference import inference
    from umi_lab.cost.training import training

    figures: dict[str, Any] = {
        "storage": file.header.options["storage"],
        "inference": inference(file.rows),
        "training": training(options.run) if options.run else [],
    }
    if options.as_json:
        click.echo(json.dumps(figures))
        return
    for name, size in figures["storage"].items():
        click.echo(f"{name:<28}{size / 1e6:10.1f} MB")
    for stage in figures["training"]:
        click.echo(
            f"{'training, ' + stage['stage']:<28}{stage['minutes']:10.1f} min {stage['tokens']:>12,} tokens"
        )
    shown = figures["inference"]
    for name in shown.get("single", ()):
        click.echo(f"{name:<28}{shown['single'][name]:10.2f} single {shown['split'][name]:10.2f} split")
    for name in ("ratio", "median ratio", "ratio of equal ways"):
        if name in shown:
            click.echo(f"{'time, split over single, ' + name:<48}{shown[name]:.2f}")
