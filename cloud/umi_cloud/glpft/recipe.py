"""A recipe: everything that a training run depends on, in one YAML file beside the figures that came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from umi_cloud.episodes import Role
from umi_cloud.glpft.averaged import average_adapters
from umi_shared.errors import ConfigError
from umi_shared.settings import MAY_BE_ZERO, SettingError, SettingsFile

__all__ = ["Layout", "Recipe", "Stage", "Tuning", "read_recipe", "recipe_files"]


_ALL = (Role.PLANNER, Role.CALLER, Role.SUMMARIZER)


class Tuning(StrEnum):
    """What is trained."""

    LORA = "lora"
    FULL = "full"


class Layout(StrEnum):
    """How rows are laid out for a forward pass; the losses are the same."""

    TREE = "tree"
    """Common beginnings are computed once, under an attention mask of their own: the quicker layout on a CPU."""
    ROWS = "rows"
    """Rows of about one length, padded: the quicker layout on a GPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One tuning, which starts from the base or another stage's result and learns the targets of some roles.

    It ends when the first of its budgets `minutes`, `tokens` and `epochs` is spent; the learning rate falls along the
    way.
    """

    name: str
    roles: tuple[Role, ...]
    """The roles whose targets are learnt. `backbone` is the single model, which writes a whole step."""
    start: str = ""
    """The stage whose result is copied, or a GGUF adapter to go on from (umi's own, say); empty for the base."""
    averaged: Mapping[str, float] = field(default_factory=dict)
    """Instead of `start`: earlier stages from the mean of whose adapters it goes on, by weight."""
    learning_rate: float
    minutes: float = 0
    """The most minutes, without the time for loading; 0 for no limit."""
    tokens: int = 0
    """The most tokens, of which trees count common beginnings once; 0 for no limit."""
    epochs: float = 0
    """The most passes over the episodes; 0 for no limit."""
    warmup: float = 0
    """The share of the budget in which the learning rate rises, in addition to the recipe's `warmup_steps`."""
    weight_decay: float = 0
    episodes: Path | None = None
    """Episodes in place of the recipe's."""
    part: tuple[Annotated[float, MAY_BE_ZERO], float] = (0.0, 1.0)
    """The part of the episodes that the stage sees, as shares from and to: disjoint parts have no episode in common."""

    @property
    def starts_from_file(self) -> bool:
        """It starts from an adapter that no stage of this recipe makes."""
        return self.start.endswith(".gguf")

    def __post_init__(self) -> None:
        first, last = self.part
        if not 0 <= first < last <= 1:
            raise SettingError(
                "part", "`part` is not a part of the episodes", fix="write [from, to], such as [0, 0.5]"
            )
        if self.start and self.averaged:
            raise SettingError("averaged", "this stage has two beginnings", fix="give `start` or `averaged`")
        if not (self.minutes or self.tokens or self.epochs):
            raise SettingError("name", "this stage has no end", fix="give `minutes`, `tokens` or `epochs`")


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
    """The rank of the LoRA adapter."""
    alpha: int = 32
    """The adapter is scaled by `alpha / rank`."""
    seed: Annotated[int, MAY_BE_ZERO] = 1
    layout: Layout = Layout.TREE
    chunk_tokens: int = 1000
    """The most tokens in one forward pass: trees count common beginnings once, rows count their padding."""
    chunks_per_step: int = 2
    """How many forward passes of each process make one step."""
    max_tokens: int = 0
    """The most tokens in one row, whose beginning is cut off; 0 for no limit."""
    warmup_steps: Annotated[int, MAY_BE_ZERO] = 10
    """Steps in which the learning rate rises."""
    clip_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    beta2: float = 0.98
    """Adam's second decay rate."""
    final_rate: Annotated[float, MAY_BE_ZERO] = 0.05
    """Where the cosine schedule ends, as a share of the learning rate."""
    save_minutes: Annotated[float, MAY_BE_ZERO] = 3
    """Minutes between two checkpoints; 0 saves after every step."""
    keep_checkpoints: Annotated[int, MAY_BE_ZERO] = 2
    """How many of a stage's newest checkpoints are kept; 0 keeps all."""
    workers: int = 1
    """Forward passes computed at once on one CPU. On a busy machine two workers of one thread each are quicker than one
    worker of two threads, each of whose operations waits for the slower thread."""
    threads: int = 0
    """Threads of each worker; 0 lets PyTorch choose."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """`bfloat16` is many times quicker on hardware that multiplies it. Adapters, and the weights that full tuning
    changes, are float32 in any case."""
    cpu_kernels: bool = False
    """Some three times quicker for adapters over a Llama, in trees, on a CPU that multiplies bfloat16. Needs a C++
    compiler."""
    recompute: bool = False
    """Compute activations again for the gradients, which is slower and takes much less memory."""
    stages: tuple[Stage, ...]
    averaged: Mapping[str, float] = field(default_factory=dict)
    """The stages whose adapters' mean is exported for all roles, by weight; else the newest."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """How the laboratory makes the episodes (`python -m umi_lab data`); the trainer does not read it."""

    def __post_init__(self) -> None:
        done: dict[str, Stage] = {}
        for number, stage in enumerate(self.stages, start=1):
            self._check_averaged(stage.averaged, done)
            if stage.start and not stage.starts_from_file and stage.start not in done:
                raise SettingError("stages", f"stage {number} starts from one that no earlier stage makes")
            if stage.name in done:
                raise SettingError("stages", f"stage {number} has the name of an earlier one")
            done[stage.name] = stage
        if self.tuning is not Tuning.LORA and any(stage.starts_from_file for stage in self.stages):
            raise SettingError("stages", "only adapters start from a GGUF file: `tuning: lora`")
        self._check_averaged(self.averaged, done)
        if self.cpu_kernels and (self.tuning, self.layout) != (Tuning.LORA, Layout.TREE):
            raise SettingError(
                "cpu_kernels",
                "`cpu_kernels` is for `tuning: lora` with `layout: tree`",
                fix="leave it out here",
            )

    def _check_averaged(self, averaged: Mapping[str, float], stages: Mapping[str, Stage]) -> None:
        if not averaged:
            return
        if unknown := sorted(averaged.keys() - stages.keys()):
            raise SettingError("averaged", f"there is no stage {unknown[0]!r} to average")
        if self.tuning is not Tuning.LORA:
            raise SettingError("averaged", "only adapters are averaged: `tuning: lora`")
        few = [name for name in averaged if set(_ALL) - set(stages[name].roles)]
        if few:
            raise SettingError(
                "averaged", f"the stage {few[0]!r} has not trained all roles, and cannot be averaged"
            )
        if min(averaged.values()) <= 0 or abs(sum(averaged.values()) - 1) > 1e-6:
            raise SettingError("averaged", "the weights of `averaged` are positive, and sum to 1")

    def average(self, averaged: Mapping[str, float], folder: Path) -> Path:
        """Write the mean of stages' adapters into a folder, which is made anew. Raises `ModelError` before they are."""
        average_adapters({self.result_of(stage): share for stage, share in averaged.items()}, folder)
        return folder

    def result_of(self, stage: str) -> Path:
        """The folder with the result of a finished stage: an adapter in PEFT's format, or a whole model."""
        return self.output / stage / ("adapter" if self.tuning is Tuning.LORA else "model")


def recipe_files(path: Path) -> list[Path]:
    """The recipe file itself, or all recipes of a folder, by name. Raises `ConfigError` for a folder without any."""
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.yaml"))
    if not found:
        raise ConfigError(f"{path} holds no recipe", fix="name a folder of .yaml files")
    return found


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; paths in it are relative to the working folder.

    Raises `ConfigError` when it cannot be read, `SettingsError` with every mistake in it.
    """
    return SettingsFile(path, folder=Path()).read(Recipe)
