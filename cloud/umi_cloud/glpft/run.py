"""A run: every stage of a recipe in order, each from its own checkpoint when it was interrupted."""

from collections.abc import Callable
from pathlib import Path

from umi_cloud.episodes import Episode, read_episodes
from umi_cloud.glpft.base_model import load_tokenizer, load_trainee
from umi_cloud.glpft.chunks import EpisodeRows, episode_rows
from umi_cloud.glpft.recipe import Recipe, Stage
from umi_cloud.glpft.tokens import Tokenizer
from umi_cloud.glpft.trainer import Progress, Trainer
from umi_shared.dialects import dialect_named
from umi_shared.models import ModelStore

__all__ = ["run_recipe"]

Report = Callable[[Stage, Progress], None]


def run_recipe(recipe: Recipe, report: Report, only: tuple[str, ...] = ()) -> None:
    """Train the recipe's stages, or some of them by name; a stage that is done is passed over.

    Raises `ModelError`, `ConfigError` and what reading the episodes raises.
    """
    import torch  # noqa: PLC0415  # training only

    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    base = ModelStore.local().path_of(recipe.base)
    tokenizer = load_tokenizer(base)
    episodes = {path: list(read_episodes(path)) for path in _files(recipe, only)}
    for stage in recipe.stages:
        if not only or stage.name in only:
            _run_stage(
                recipe,
                stage,
                base,
                _rows(recipe, stage, episodes[stage.episodes or recipe.episodes], tokenizer),
                report,
            )


def _files(recipe: Recipe, only: tuple[str, ...]) -> set[Path]:
    """The files of episodes that the stages to train need."""
    return {stage.episodes or recipe.episodes for stage in recipe.stages if not only or stage.name in only}


def _rows(recipe: Recipe, stage: Stage, episodes: list[Episode], tokenizer: Tokenizer) -> list[EpisodeRows]:
    dialect = dialect_named(recipe.dialect)
    return [episode_rows(episode, dialect, stage.roles, tokenizer) for episode in episodes]


def _run_stage(recipe: Recipe, stage: Stage, base: Path, rows: list[EpisodeRows], report: Report) -> None:
    folder = recipe.output / stage.name
    folder.mkdir(parents=True, exist_ok=True)
    begun = (folder / "checkpoint.json").exists()
    start = folder / "adapter" if begun else recipe.adapter_of(stage.start) if stage.start else None
    trainer = Trainer(
        recipe=recipe,
        stage=stage,
        trainee=load_trainee(base, recipe, start),
        episodes=rows,
        folder=folder,
        report=lambda progress: report(stage, progress),
    )
    trainer.run()
