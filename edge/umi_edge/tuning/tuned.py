"""`umi doctor --tune`: measure, choose, keep the choice and the weights that it needs."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from umi_edge.caller.config import CallerConfig
from umi_edge.tuning.choice import Trial, choose
from umi_edge.tuning.trials import AS_IT_IS, Tell, made_formats, thread_counts, try_out
from umi_edge.tuning.tuning import Tuning
from umi_shared.durable_file import make_private_directory
from umi_shared.llama.threads import default_threads

__all__ = ["Tuned", "tune"]

_KEPT_WEIGHTS = 3
"""How many models may have converted weights in the folder, each as large as the model itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What was measured, and what holds from now on."""

    trials: tuple[Trial, ...]
    chosen: Trial


def tune(config: CallerConfig, folder: Path, tell: Tell = lambda _done, _all: None) -> Tuned:
    """Measure every way to run the caller's model here, and keep the fastest; `config` is the untuned one.

    Weights in another format stay in the folder only if they were chosen. Raises `ModelError`, `ConfigError`,
    `OSError`.
    """
    make_private_directory(folder)
    cores = os.cpu_count() or 1
    counts = [config.threads] if config.threads else thread_counts(default_threads(), cores)
    with TemporaryDirectory(dir=folder, prefix=".trial-", ignore_cleanup_errors=True) as scratch:
        trials = try_out(config, made_formats(config.model, Path(scratch)), counts, tell)
        chosen = choose(trials)
        weights = ""
        if chosen.format != AS_IT_IS:
            weights = str(folder / f"{Tuning.path(folder, config.model).stem}-{chosen.format}.gguf")
            shutil.move(chosen.path, weights)
    Tuning(threads=chosen.threads, weights=weights, cores=cores).write(folder, config.model)
    for other in folder.glob(f"{Tuning.path(folder, config.model).stem}-*.gguf"):
        if str(other) != weights:
            other.unlink(missing_ok=True)
    _drop_old_weights(folder)
    return Tuned(trials=tuple(trials), chosen=chosen)


def _drop_old_weights(folder: Path) -> None:
    """Keep the weights of the models that were tuned last; one that lost them runs untuned, as it came."""
    made = sorted(folder.glob("*.gguf"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in made[_KEPT_WEIGHTS:]:
        old.unlink(missing_ok=True)
