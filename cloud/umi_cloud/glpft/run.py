"""A run: every stage of a recipe in order, each from its own checkpoint when it was interrupted."""

import json
import random
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from umi_cloud.adapters import gguf_to_peft
from umi_cloud.episodes import Episode, Role, read_episodes
from umi_cloud.glpft.base_model import base_path, load_tokenizer, load_trainee
from umi_cloud.glpft.checkpoints import Checkpoints
from umi_cloud.glpft.chunks import ChunkStream, EpisodeRows, episode_rows
from umi_cloud.glpft.distributed import ProcessGroup
from umi_cloud.glpft.forward_pass import losses_by_role
from umi_cloud.glpft.progress import Progress
from umi_cloud.glpft.recipe import Recipe, Stage
from umi_cloud.glpft.token_row import Tokenizer
from umi_cloud.glpft.trainer import Trainer
from umi_shared.dialects import AlphaUmiDialect, Dialect, alpha_umi, dialect_named, umi
from umi_shared.durable_file import write_durably
from umi_shared.errors import ConfigError

__all__ = ["Observer", "StageResult", "run_recipe"]

_ROLES = (Role.PLANNER, Role.CALLER, Role.SUMMARIZER)


class Observer(Protocol):
    """Is told how a run goes: by every process, but `progresses` by the first only."""

    def loads(self, stage: Stage, what: str) -> None:
        """Something that takes seconds to minutes has begun."""
        ...

    def progresses(self, stage: Stage, progress: Progress) -> None:
        """A few steps are done."""
        ...

    def finishes(self, stage: Stage, result: "StageResult") -> None:
        """A stage is done, now or in an earlier run."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """The result of a stage."""

    progress: Progress
    held_out: dict[str, float] = field(default_factory=dict)
    """Mean loss per target token on the recipe's held-out episodes, by role."""

    @classmethod
    def read(cls, folder: Path) -> "StageResult | None":
        """The result of a stage that is done."""
        path = folder / "result.json"
        if not path.exists():
            return None
        row = json.loads(path.read_text("utf-8"))
        return cls(progress=Progress(**row["progress"]), held_out=row["held_out"])

    def write(self, folder: Path) -> None:
        """Mark a stage as done."""
        write_durably(folder / "result.json", json.dumps(asdict(self), indent=2).encode(), private=False)


def run_recipe(recipe: Recipe, observer: Observer, only: tuple[str, ...] = ()) -> None:
    """Train the recipe's stages, or those named in `only`; a stage that is done is skipped.

    Raises `ModelError`, `ConfigError` and what reading the episodes raises.
    """
    if unknown := set(only) - {stage.name for stage in recipe.stages}:
        known = ", ".join(stage.name for stage in recipe.stages)
        raise ConfigError(
            f"{recipe.name} has no stage {', '.join(sorted(unknown))}", fix=f"choose from {known}"
        )
    run = None
    for stage in recipe.stages:
        if only and stage.name not in only:
            continue
        result = StageResult.read(recipe.output / stage.name)
        if result is None:
            run = run or _Run.begun(recipe)
            result = run.stage(stage, observer)
        observer.finishes(stage, result)


@dataclass(slots=True, kw_only=True)
class _Run:
    """What the stages of a run share."""

    recipe: Recipe
    base: Path
    tokenizer: Tokenizer
    dialect: Dialect
    episodes: dict[Path, list[Episode]] = field(default_factory=dict, repr=False)

    @classmethod
    def begun(cls, recipe: Recipe) -> "_Run":
        import torch  # noqa: PLC0415  # training only

        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        base, dialect = base_path(recipe.base), dialect_named(recipe.dialect)
        end = alpha_umi.END_OF_TURN if isinstance(dialect, AlphaUmiDialect) else umi.END_OF_TURN
        tokenizer = Tokenizer(inner=load_tokenizer(base), end_of_turn=end, max_tokens=recipe.max_tokens)
        return cls(recipe=recipe, base=base, tokenizer=tokenizer, dialect=dialect)

    def stage(self, stage: Stage, observer: Observer) -> StageResult:
        """Train one stage, from its newest checkpoint or from what it starts from."""
        group = ProcessGroup.found(self.recipe)
        folder = self._folder(stage)
        observer.loads(stage, "reading and tokenizing the episodes")
        stream = self._stream(stage)
        observer.loads(stage, "loading the base model")
        trainer = Trainer(
            recipe=self.recipe,
            stage=stage,
            trainee=load_trainee(self.base, self.recipe, self._start(stage, group), sharded=group.sharded),
            group=group,
            stream=stream,
            folder=folder,
            report=lambda progress: observer.progresses(stage, progress),
        )
        progress = trainer.run()
        result = StageResult(progress=progress, held_out=self._held_out(stage, group))
        _publish(group, self.recipe.result_of(stage.name))
        if group.is_main:
            result.write(folder)
        group.wait()
        return result

    def _folder(self, stage: Stage) -> Path:
        folder = self.recipe.output / stage.name
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "checkpoint.json").exists():
            raise ConfigError(
                f"{folder} was begun by an earlier version of umi, whose checkpoints this one cannot read",
                fix="choose another `output`",
            )
        return folder

    def _start(self, stage: Stage, group: ProcessGroup) -> Path | None:
        """What the weights are loaded from; shards are read later, over any weights."""
        newest = Checkpoints(self._folder(stage) / "checkpoints").newest()
        if newest is not None and not group.sharded:
            return newest.weights
        if stage.averaged or stage.starts_from_file:
            return self._made(stage, group)
        if not stage.start:
            return None
        if StageResult.read(self.recipe.output / stage.start) is None:
            raise ConfigError(
                f"the stage {stage.name!r} starts from {stage.start!r}, which is not done",
                fix=f"train it first: --stage {stage.start}",
            )
        return self.recipe.result_of(stage.start)

    def _made(self, stage: Stage, group: ProcessGroup) -> Path:
        """The mean of adapters, or the GGUF adapter, that the stage starts from, as the trainer loads it."""
        folder = self._folder(stage) / "start"
        if group.is_main and not (folder / "adapter_config.json").exists():
            if stage.averaged:
                self.recipe.average(stage.averaged, folder)
            else:
                gguf_to_peft(Path(stage.start), base_path(self.recipe.base), folder)
        group.wait()
        return folder

    def _stream(self, stage: Stage) -> ChunkStream:
        episodes = self._read(stage.episodes or self.recipe.episodes)
        first, last = (round(share * len(episodes)) for share in stage.part)
        rows = self._rows(episodes[first:last], stage.roles)
        if not any(rows for _, rows in rows):
            raise ConfigError(
                f"the episodes hold no row for the stage {stage.name!r}", fix="check `episodes` and `part`"
            )
        return self._chunks(rows, f"{self.recipe.seed}/{stage.name}")

    def _chunks(self, rows: list[EpisodeRows], seed: str) -> ChunkStream:
        return ChunkStream(
            episodes=rows, layout=self.recipe.layout, chunk_tokens=self.recipe.chunk_tokens, seed=seed
        )

    def _rows(self, episodes: list[Episode], roles: tuple[Role, ...]) -> list[EpisodeRows]:
        return [episode_rows(episode, self.dialect, roles, self.tokenizer) for episode in episodes]

    def _read(self, path: Path) -> list[Episode]:
        if path not in self.episodes:
            self.episodes[path] = list(read_episodes(path))
        return self.episodes[path]

    def _held_out(self, stage: Stage, group: ProcessGroup) -> dict[str, float]:
        """The loss on the held-out episodes; a single model is measured in all three roles."""
        if self.recipe.held_out is None:
            return {}
        import torch  # noqa: PLC0415  # training only

        roles = _ROLES if Role.BACKBONE in stage.roles else stage.roles
        stream = self._chunks(self._rows(self._read(self.recipe.held_out), roles), "held out")
        sums: dict[str, tuple[float, int]] = {}
        with torch.no_grad():
            for chunk in stream.epoch(random.Random(stream.seed)):  # noqa: S311  # not for secrets
                for role, (total, count) in losses_by_role(chunk, group.losses(chunk).tolist()).items():
                    known = sums.get(role, (0.0, 0))
                    sums[role] = (known[0] + total, known[1] + count)
        return {role: total / count for role, (total, count) in sorted(sums.items())}


def _publish(group: ProcessGroup, place: Path) -> None:
    """The result of a stage, there whole or not at all."""
    draft = place.with_name(f".{place.name}.draft")
    group.publish(draft)
    if group.is_main:
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
    group.wait()
