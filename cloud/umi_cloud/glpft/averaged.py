"""The mean of several stages' adapters, which often holds more than each: what one stage forgot another still has.

After Model Soups (Wortsman et al. 2022). The matrices A and B are averaged each on its own, which comes near the mean
of their products where the stages went on from one another; needs no PyTorch.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from umi_shared.errors import ModelError

__all__ = ["average_adapters"]

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def average_adapters(weights: Mapping[Path, float], folder: Path) -> None:
    """Write the mean of PEFT adapters, by weights that sum to 1, as one more into a folder, which is made anew.

    Raises `ModelError` where one is missing, or has another rank, scale or layers than the first.
    """
    from safetensors.numpy import load_file, save_file  # noqa: PLC0415  # training only

    mean: dict[str, NDArray[np.float32]] = {}
    first, *_ = weights
    for adapter, weight in weights.items():
        if not (adapter / _WEIGHTS).exists():
            raise ModelError(f"there is no adapter in {adapter} yet", fix="train its stage first")
        matrices = load_file(adapter / _WEIGHTS)
        if not mean:
            mean = {name: np.zeros(matrix.shape, np.float32) for name, matrix in matrices.items()}
        shapes = {name: matrix.shape for name, matrix in matrices.items()}
        if _scale(adapter) != _scale(first) or shapes != {name: one.shape for name, one in mean.items()}:
            raise ModelError(
                f"{adapter} and {first} are adapters of other ranks, scales or layers",
                fix="average stages of one recipe",
            )
        for name, matrix in matrices.items():
            mean[name] += np.float32(weight) * matrix.astype(np.float32)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file(mean, folder / _WEIGHTS)
    shutil.copyfile(first / _CONFIG, folder / _CONFIG)


def _scale(adapter: Path) -> tuple[object, object]:
    config = json.loads((adapter / _CONFIG).read_text(encoding="utf-8"))
    return config.get("r"), config.get("lora_alpha")
