"""Small random LoRA adapters for SmolLM2-135M, in PEFT's format and as GGUF: fixtures for every test."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

_LAYERS = 30
_MODULES = {
    "self_attn.q_proj": (576, 576),
    "self_attn.k_proj": (192, 576),
    "self_attn.v_proj": (192, 576),
    "self_attn.o_proj": (576, 576),
    "mlp.gate_proj": (1536, 576),
    "mlp.up_proj": (1536, 576),
    "mlp.down_proj": (576, 1536),
}


@pytest.fixture(scope="session")
def make_peft() -> Callable[..., Path]:
    """Writes a small random PEFT adapter (r=4) for SmolLM2-135M; `strength` is how much it changes the model."""

    def make(folder: Path, *, seed: int, strength: float = 0.02, rank: int = 4, **options: object) -> Path:
        save_file = pytest.importorskip("safetensors.numpy").save_file
        random = np.random.default_rng(seed)
        matrices = {}
        for layer in range(_LAYERS):
            for module, (rows, columns) in _MODULES.items():
                name = f"base_model.model.model.layers.{layer}.{module}"
                matrices[f"{name}.lora_A.weight"] = random.normal(0, strength, (rank, columns))
                matrices[f"{name}.lora_B.weight"] = random.normal(0, strength, (rows, rank))
        folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: matrix.astype(np.float32) for name, matrix in matrices.items()},
            folder / "adapter_model.safetensors",
        )
        config = {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "r": rank,
            "lora_alpha": 2 * rank,
            "lora_dropout": 0.0,
            "bias": "none",
            "target_modules": [module.partition(".")[2] for module in _MODULES],
            "base_model_name_or_path": "smollm2",
            **options,
        }
        (folder / "adapter_config.json").write_text(json.dumps(config))
        return folder

    return make


@pytest.fixture(scope="session")
def peft_adapters(make_peft, tmp_path_factory) -> dict[str, Path]:
    """Two adapters that change the model visibly, in PEFT's format."""
    root = tmp_path_factory.mktemp("peft")
    return {
        "planner": make_peft(root / "planner", seed=1, strength=0.06),
        "summarizer": make_peft(root / "summarizer", seed=2, strength=0.06),
    }


@pytest.fixture(scope="session")
def gguf_adapters(peft_adapters, smollm2, tmp_path_factory) -> dict[str, Path]:
    """The same two as GGUF files."""
    pytest.importorskip("gguf")
    from umi_cloud.adapters import peft_to_gguf

    root = tmp_path_factory.mktemp("gguf")
    for name, folder in peft_adapters.items():
        peft_to_gguf(folder, smollm2, root / f"{name}.gguf")
    return {name: root / f"{name}.gguf" for name in peft_adapters}
