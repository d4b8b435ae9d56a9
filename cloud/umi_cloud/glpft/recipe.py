"""A recipe: everything that a training run depends on, in one YAML file beside the figures that came of it."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from umi_cloud.episodes import Role
from umi_shared.errors import ConfigError

__all__ = ["Recipe", "Stage", "read_recipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One tuning: from a base or another stage's result, on the targets of some roles."""

    name: str
    roles: tuple[Role, ...]
    """Whose targets count."""
    start: str = ""
    """The stage whose adapter is copied; empty for a fresh one."""
    learning_rate: float
    minutes: float = 0
    """At most; 0 for no limit. The learning rate falls with the budget that is nearest its end."""
    tokens: int = 0
    """At most, common beginnings counted once; 0 for no limit."""
    episodes: Path | None = None
    """Other episodes than the recipe's."""
    skip: float = 0
    """The fraction of the episodes to pass over first, so that a later stage can see fresh ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One run of GLPFT."""

    name: str
    base: str
    """A GGUF file, or a spec that the model store knows."""
    episodes: Path
    """JSON lines of `umi_cloud.episodes`."""
    output: Path
    dialect: str = "umi"
    rank: int = 16
    alpha: int = 32
    seed: int = 1
    chunk_tokens: int = 1000
    """Of one forward pass, common beginnings counted once."""
    chunks_per_step: int = 2
    """Gradients of so many passes make one step."""
    warmup_steps: int = 10
    clip_norm: float = 1.0
    save_minutes: float = 3
    workers: int = 1
    """Passes computed side by side. On a busy machine two workers of one thread each beat one of two threads, for
    every operation of the latter waits for the slower thread."""
    threads: int = 0
    """Of each worker; 0 lets PyTorch choose."""
    precision: str = "float32"
    """Of the frozen base: `bfloat16` is twice as quick where the machine multiplies it. The adapter is float32."""
    stages: tuple[Stage, ...]

    def adapter_of(self, stage: str) -> Path:
        """The folder of a stage's adapter, in PEFT's format."""
        return self.output / stage / "adapter"


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; paths in it are relative to the working folder. Raises `ConfigError`."""
    try:
        document = YAML(typ="safe").load(path.read_text("utf-8"))
    except (OSError, YAMLError) as error:
        raise ConfigError(
            f"{path} cannot be read as YAML", fix="check the path and its indentation"
        ) from error
    document = _fields(path, document, Recipe)
    stages = tuple(_stage(path, entry) for entry in document.pop("stages"))
    _check_starts(path, stages)
    return Recipe(
        **{**document, "episodes": Path(document["episodes"]), "output": Path(document["output"])},
        stages=stages,
    )


def _stage(path: Path, entry: Any) -> Stage:
    values = _fields(path, entry, Stage)
    try:
        own = Path(values["episodes"]) if "episodes" in values else None
        return Stage(**{**values, "roles": tuple(map(Role, values["roles"])), "episodes": own})
    except ValueError as error:
        known = ", ".join(role for role in Role if role is not Role.BACKBONE)
        raise ConfigError(f"{path}: a stage has an unknown role", fix=f"choose from {known}") from error


def _fields(path: Path, document: Any, kind: type) -> dict[str, Any]:
    """A mapping that has what the dataclass needs, and nothing that it does not know."""
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: a {kind.__name__.lower()} is a mapping")
    known = {field.name for field in fields(kind)}
    needed = (
        {"name", "stages", "base", "episodes", "output"}
        if kind is Recipe
        else {"name", "roles", "learning_rate"}
    )
    for name in document:
        if name not in known:
            raise ConfigError(f"{path}: unknown key {name!r}", fix=f"choose from {', '.join(sorted(known))}")
    if missing := sorted(needed - set(document)):
        raise ConfigError(f"{path}: a {kind.__name__.lower()} needs {', '.join(missing)}")
    return dict(document)


def _check_starts(path: Path, stages: tuple[Stage, ...]) -> None:
    done: set[str] = set()
    for stage in stages:
        if stage.start and stage.start not in done:
            raise ConfigError(
                f"{path}: the stage {stage.name!r} starts from {stage.start!r}, which no earlier stage makes"
            )
        if not (stage.minutes or stage.tokens):
            raise ConfigError(
                f"{path}: the stage {stage.name!r} has no end", fix="give `minutes` or `tokens`"
            )
        done.add(stage.name)
