"""A recipe: everything that a training run depends on, in one YAML file beside the figures that came of it."""

from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from umi_cloud.episodes import Role
from umi_shared.errors import ConfigError

__all__ = ["Layout", "Recipe", "Stage", "Tuning", "read_recipe", "recipe_files"]


class Tuning(StrEnum):
    """What is trained."""

    LORA = "lora"
    FULL = "full"


class Layout(StrEnum):
    """How rows are laid out for a forward pass; the losses are the same."""

    TREE = "tree"
    """Common beginnings once, with an attention mask of their own: the least to compute, the quick one on a CPU."""
    ROWS = "rows"
    """Rows of about one length, padded: what GPUs are made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One tuning: from a base or another stage's result, on the targets of some roles.

    It ends with the first of its budgets that is spent, of `minutes`, `tokens` and `epochs`; the learning rate
    falls with it.
    """

    name: str
    roles: tuple[Role, ...]
    """Whose targets count. `backbone` is the single model, which writes a step whole."""
    start: str = ""
    """The stage whose result is copied; empty for the base itself."""
    learning_rate: float
    minutes: float = 0
    """At most, not counting what loading takes; 0 for no limit."""
    tokens: int = 0
    """At most, common beginnings counted once in trees; 0 for no limit."""
    epochs: float = 0
    """Passes over the episodes, at most; 0 for no limit."""
    warmup: float = 0
    """The share of the budget in which the learning rate rises; besides the recipe's `warmup_steps`."""
    weight_decay: float = 0
    episodes: Path | None = None
    """Other episodes than the recipe's."""
    part: tuple[float, float] = (0.0, 1.0)
    """The part of the episodes that the stage sees, from and to: two stages with parts of their own share none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One run of GLPFT."""

    name: str
    base: str
    """A GGUF file, a spec that the model store knows, or a Hugging Face folder."""
    episodes: Path
    """JSON lines of `umi_cloud.episodes`, or α-UMi's raw ToolBench file."""
    held_out: Path | None = None
    """Episodes never trained on: their loss is measured when a stage is done."""
    output: Path
    dialect: str = "umi"
    tuning: Tuning = Tuning.LORA
    rank: int = 16
    alpha: int = 32
    seed: int = 1
    layout: Layout = Layout.TREE
    chunk_tokens: int = 1000
    """Of one forward pass: common beginnings counted once in trees, padding included in rows."""
    chunks_per_step: int = 2
    """Gradients of so many passes make one step, on each process."""
    max_tokens: int = 0
    """Of one row, whose beginning is cut off; 0 for no limit."""
    warmup_steps: int = 10
    clip_norm: float = 1.0
    beta2: float = 0.98
    """Of Adam."""
    final_rate: float = 0.05
    """Where the cosine ends, as a share of the learning rate."""
    save_minutes: float = 3
    keep_checkpoints: int = 2
    """The newest of a stage; 0 keeps all."""
    workers: int = 1
    """Passes computed side by side, on one CPU. On a busy machine two workers of one thread each beat one of two
    threads, for every operation of the latter waits for the slower thread."""
    threads: int = 0
    """Of each worker; 0 lets PyTorch choose."""
    precision: str = "float32"
    """`bfloat16` is many times quicker where the machine multiplies it. Adapters, and what full tuning changes, are
    float32 all the same."""
    cpu_kernels: bool = False
    """Adapters over a Llama, in trees, on a CPU that multiplies bfloat16: some three times quicker. Needs a C++
    compiler."""
    recompute: bool = False
    """Compute activations again for the gradients: slower, for much less memory."""
    stages: tuple[Stage, ...]

    def result_of(self, stage: str) -> Path:
        """The folder of what a finished stage made: an adapter in PEFT's format, or a whole model."""
        return self.output / stage / ("adapter" if self.tuning is Tuning.LORA else "model")


def recipe_files(path: Path) -> list[Path]:
    """A recipe, or all of a folder, by name. Raises `ConfigError` for a folder without one."""
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.yaml"))
    if not found:
        raise ConfigError(f"{path} holds no recipe", fix="name a folder of .yaml files")
    return found


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; paths in it are relative to the working folder. Raises `ConfigError`."""
    try:
        document = YAML(typ="safe").load(path.read_text("utf-8"))
    except (OSError, YAMLError) as error:
        raise ConfigError(
            f"{path} cannot be read as YAML", fix="check the path and its indentation"
        ) from error
    document = _fields(path, document, Recipe)
    if not isinstance(document["stages"], list):
        raise ConfigError(f"{path}: `stages` is a list")
    stages = tuple(_stage(path, entry) for entry in document.pop("stages"))
    _check_starts(path, stages)
    try:
        recipe = Recipe(**{name: _read(name, value) for name, value in document.items()}, stages=stages)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}", fix="tuning is lora or full, layout is tree or rows") from error
    if recipe.cpu_kernels and (recipe.tuning, recipe.layout) != (Tuning.LORA, Layout.TREE):
        raise ConfigError(f"{path}: `cpu_kernels` are for adapters in trees", fix="leave it out here")
    return recipe


def _read(name: str, value: Any) -> Any:
    match name:
        case "episodes" | "held_out" | "output":
            return Path(value)
        case "tuning":
            return Tuning(value)
        case "layout":
            return Layout(value)
        case "precision" if value not in ("float32", "bfloat16", "float16"):
            raise ValueError(f"precision {value!r} is none of float32, bfloat16, float16")
        case _:
            return value


def _stage(path: Path, entry: Any) -> Stage:
    values = _fields(path, entry, Stage)
    try:
        values["roles"] = tuple(map(Role, values["roles"]))
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{path}: a stage has an unknown role", fix=f"choose from {', '.join(Role)}"
        ) from error
    if "episodes" in values:
        values["episodes"] = Path(values["episodes"])
    if "part" in values:
        values["part"] = _part(path, values["part"])
    return Stage(**values)


def _part(path: Path, value: Any) -> tuple[float, float]:
    match value:
        case [int() | float() as first, int() | float() as last] if 0 <= first < last <= 1:
            return float(first), float(last)
        case _:
            raise ConfigError(
                f"{path}: `part` is none of the episodes", fix="write [from, to], such as [0, 0.5]"
            )


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
        if stage.name in done:
            raise ConfigError(f"{path}: two stages are called {stage.name!r}")
        if not (stage.minutes or stage.tokens or stage.epochs):
            raise ConfigError(
                f"{path}: the stage {stage.name!r} has no end", fix="give `minutes`, `tokens` or `epochs`"
            )
        done.add(stage.name)
