"""`ablation`: the paper's ways of training, compared."""

import asyncio
import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from umi_lab.ablation.arm import Arm
    from umi_lab.ablation.figures import ScenarioScore


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    recipes: tuple[Path, ...]
    seeds: tuple[int, ...]
    scenarios: int
    scenario_seed: int
    own_names: float
    reference: str
    scores: Path
    out: Path | None
    threads: int


@click.command(name="ablation")
@click.option(
    "--recipe",
    "recipes",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    default=("cloud/recipes/ablation",),
    show_default=True,
    help="The arms: files, or a folder of them, as `umi-cloud glpft` trained them.",
)
@click.option("--seed", "seeds", type=int, multiple=True, default=(1, 2, 3), show_default=True)
@click.option(
    "--scenarios",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many held-out scenarios each arm is measured on.",
)
@click.option(
    "--scenario-seed", type=int, default=11, show_default=True, help="The same seed gives the same scenarios."
)
@click.option("--own-names", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option(
    "--reference", default="glpft", show_default=True, help="The arm that the others are compared with."
)
@click.option(
    "--scores",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("build/glpft/ablation.jsonl"),
    show_default=True,
    help="One line a scenario; what is there already is not measured again.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures there, as JSON."
)
@click.option("--threads", type=int, default=0, help="Threads of llama.cpp; 0 chooses.")
def command(**options: object) -> None:
    """Compare the paper's ways of training at equal budgets.

    First train the arms: `umi-cloud glpft --recipe cloud/recipes/ablation --seed 1 --seed 2 --seed 3`. Then this
    asks each arm's three roles, at every step of an oracle's sessions on held-out homes, what they would do. It can be
    stopped at any time, and goes on where it was.
    """
    asyncio.run(_ablation(_Options(**options)))  # type: ignore[arg-type]  # click has checked them


async def _ablation(options: _Options) -> None:
    from umi_lab.ablation.arm import Arm, read_scores
    from umi_lab.ablation.figures import arm_figures

    arms = [arm for arm in map(Arm, _recipes(options)) if _trained(arm)]
    kept: list[ScenarioScore] = []
    for arm in arms:
        kept += await _measure(options, arm, list(read_scores(options.scores)))
    figures = {
        name: {"right": entry} | _training([arm for arm in arms if arm.recipe.name == name])
        for name, entry in arm_figures(kept, options.reference).items()
    }
    for name, entry in figures.items():
        click.echo(f"{name}:")
        for measure, one in entry["right"].items():
            low, high = one["interval"]
            click.echo(f"  {measure:<40}{100 * one['share']:6.1f} %  [{100 * low:.1f}, {100 * high:.1f}]")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        whole = {"scenarios": options.scenarios, "scenario seed": options.scenario_seed, "arms": figures}
        options.out.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")


def _recipes(options: _Options) -> Any:
    from umi_cloud.glpft import read_recipe, recipe_files

    for seed in options.seeds:
        for path in options.recipes:
            for file in recipe_files(path):
                recipe = read_recipe(file)
                yield replace(recipe, seed=seed, output=recipe.output / f"seed-{seed}")


def _trained(arm: "Arm") -> bool:
    if arm.results() is None:
        click.echo(f"{arm.recipe.name}, seed {arm.recipe.seed}: not trained yet, left out", err=True)
        return False
    return True


async def _measure(options: _Options, arm: "Arm", known: list["ScenarioScore"]) -> list["ScenarioScore"]:
    """All scores of an arm, of which those that are missing are measured first."""
    from rich.console import Console
    from rich.progress import track

    from umi_cloud.glpft.base_model import base_path
    from umi_lab.ablation.arm import append_score, digest
    from umi_lab.closed_loop.harness import HarnessConfig, open_harness
    from umi_lab.synthesis.generator import draw_scenarios
    from umi_lab.synthesis.scenario import ScenarioConfig

    adapters = arm.adapters()
    own = (arm.recipe.name, arm.recipe.seed, digest(adapters))
    kept = {
        s.scenario: s for s in known if (s.arm, s.seed, s.adapters) == own and s.scenario < options.scenarios
    }
    config = ScenarioConfig(own_names=options.own_names, held_out_families=True)
    drawn = itertools.islice(
        draw_scenarios(options.scenario_seed, held_out=True, config=config), options.scenarios
    )
    missing = [(number, scenario) for number, scenario in enumerate(drawn) if number not in kept]
    if not missing:
        return list(kept.values())
    title = f"{arm.recipe.name}, seed {arm.recipe.seed}"
    options.scores.parent.mkdir(parents=True, exist_ok=True)
    models = HarnessConfig(model=base_path(arm.recipe.base), adapters=adapters, threads=options.threads)
    async with open_harness(models) as harness:
        bar = track(missing, description=title, console=Console(stderr=True), transient=True)
        async for score in arm.scores(adapters, harness, bar):
            append_score(options.scores, score)
            kept[score.scenario] = score
    return list(kept.values())


def _training(arms: list["Arm"]) -> dict[str, Any]:
    """What the training of an arm took, and the losses it ended with, seed by seed."""
    return {
        "seeds": [arm.recipe.seed for arm in arms],
        "tokens": [sum(r.progress.tokens for r in (arm.results() or {}).values()) for arm in arms],
        "targets": [sum(r.progress.targets for r in (arm.results() or {}).values()) for arm in arms],
        "seconds": [round(sum(r.progress.seconds for r in (arm.results() or {}).values())) for arm in arms],
        "held-out loss": [arm.held_out() for arm in arms],
    }
