"""LoRA adapters from PEFT's files to llama.cpp's, so that one training serves vLLM and the laptop alike.

llama.cpp stores the rows of a Llama model's query and key projections in another order than Hugging Face does
(pairs that rotate together are neighbours), so the adapter's B matrices are reordered likewise.
"""

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from umi_shared.errors import ModelError

__all__ = ["peft_to_gguf"]

_REORDERED = {"llama": ("attn_q", "attn_k"), "qwen2": (), "qwen3": ()}
_UNSUPPORTED = ("use_dora", "modules_to_save", "alpha_pattern", "rank_pattern", "fan_in_fan_out", "lora_bias")
_PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True)
class _Base:
    """What the exporter must know of the model."""

    architecture: str
    blocks: int
    heads: int
    key_value_heads: int


def peft_to_gguf(peft_dir: Path, base_gguf: Path, out: Path, *, half: bool = False) -> None:
    """Write the PEFT adapter in `peft_dir` as a GGUF adapter for the model `base_gguf`.

    `half` stores the matrices in float16, in half the space.

    The file appears whole, or not at all. Raises `ModelError` when the adapter uses what llama.cpp cannot do, or
    was trained on another architecture.
    """
    import gguf  # noqa: PLC0415  # operators and training only; laptops do not have it

    config = _read_config(peft_dir)
    base = _read_base(base_gguf)
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    writer = gguf.GGUFWriter(draft, base.architecture)
    try:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", _alpha(config))
        for name, tensor in _tensors(peft_dir, base):
            writer.add_tensor(name, tensor.astype(np.float16) if half else tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _read_config(peft_dir: Path) -> dict[str, Any]:
    path = peft_dir / "adapter_config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read", fix="name the folder that PEFT saved") from error
    for option in _UNSUPPORTED:
        if config.get(option):
            raise ModelError(
                f"{path} uses {option}, which llama.cpp adapters do not have",
                fix="train a plain LoRA adapter",
            )
    return config


def _alpha(config: dict[str, Any]) -> float:
    """llama.cpp scales by alpha / r; rank-stabilised LoRA (arXiv 2312.03732) by alpha / sqrt(r)."""
    alpha = float(config["lora_alpha"])
    return alpha * math.sqrt(config["r"]) if config.get("use_rslora") else alpha


def _read_base(path: Path) -> _Base:
    from umi_shared.llama import Weights  # noqa: PLC0415  # loads the native library

    weights = Weights.load(path)  # gguf's own reader takes seconds for the vocabulary; this maps the file
    try:
        architecture = weights.metadata("general.architecture")
        if architecture not in _REORDERED:
            raise ModelError(
                f"adapters for {architecture or 'unnamed'} models are not supported",
                fix=f"use a base model of one of: {', '.join(_REORDERED)}",
            )
        blocks, heads, kv_heads = (
            int(weights.metadata(f"{architecture}.{key}") or 0)
            for key in ("block_count", "attention.head_count", "attention.head_count_kv")
        )
    finally:
        weights.close()
    if not (blocks and heads):
        raise ModelError(f"{path} does not say how many blocks and heads it has")
    return _Base(architecture, blocks, heads, kv_heads or heads)


def _tensors(peft_dir: Path, base: _Base) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """llama.cpp's names and matrices: A is (r, in), B is (out, r)."""
    import gguf  # noqa: PLC0415
    from safetensors.numpy import load_file  # noqa: PLC0415

    path = peft_dir / "adapter_model.safetensors"
    try:
        matrices = load_file(path)
    except Exception as error:  # safetensors has an exception of its own, and TypeError for bfloat16
        raise ModelError(f"{path} cannot be read", fix="save the adapter in float32") from error
    kind = next(kind for kind, name in gguf.MODEL_ARCH_NAMES.items() if name == base.architecture)
    names = gguf.get_tensor_name_map(kind, base.blocks)
    for key in sorted(matrices):
        module, _, which = key.removeprefix(_PREFIX).removesuffix(".weight").rpartition(".")
        name = names.get_name(module)
        if name is None or which not in ("lora_A", "lora_B"):
            raise ModelError(
                f"{path} has {key}, which a {base.architecture} model does not",
                fix="use the base model that the adapter was trained on",
            )
        matrix = matrices[key].astype(np.float32)
        if which == "lora_B":
            matrix = _reorder(name, matrix, base)
        yield f"{name}.weight.{which.lower()}", np.ascontiguousarray(matrix)


def _reorder(name: str, matrix: NDArray[np.float32], base: _Base) -> NDArray[np.float32]:
    """Rows from Hugging Face's order (all first halves, then all second) to llama.cpp's (pairs), head by head."""
    kind = name.rpartition(".")[2]
    if kind not in _REORDERED[base.architecture]:
        return matrix
    heads = base.heads if kind == "attn_q" else base.key_value_heads
    rows, rank = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, rank).swapaxes(1, 2).reshape(rows, rank)
