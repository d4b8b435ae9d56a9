"""LoRA adapters from PEFT's files to llama.cpp's and back, so that one training serves vLLM and the laptop alike.

llama.cpp stores the rows of a Llama model's query and key projections in another order than Hugging Face does
(pairs that rotate together are neighbours), so the rows of the adapter's B matrices are put into that order, too.
"""

import json
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from umi_shared.errors import ModelError

__all__ = ["gguf_to_peft", "peft_to_gguf"]

_REORDERED = {"llama": ("attn_q", "attn_k"), "qwen2": (), "qwen3": ()}
_UNSUPPORTED = ("use_dora", "modules_to_save", "alpha_pattern", "rank_pattern", "fan_in_fan_out", "lora_bias")
_PREFIX = "base_model.model."
_MODULES = (
    *("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"),
    *("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
)
"""The layers of a block that an adapter may change, by their Hugging Face names."""


@dataclass(frozen=True, slots=True)
class _Base:
    """What the exporter must know about the base model."""

    architecture: str
    blocks: int
    heads: int
    key_value_heads: int


def peft_to_gguf(peft_dir: Path, base: Path, out: Path, *, half: bool = False) -> None:
    """Write the PEFT adapter in `peft_dir` as a GGUF adapter for a base: a GGUF file or a Hugging Face folder.

    `half` stores the matrices in float16, which halves the file.

    The file appears whole, or not at all. Raises `ModelError` when the adapter uses what llama.cpp does not support,
    or was trained on another architecture.
    """
    import gguf  # noqa: PLC0415  # operators and training only; laptops do not have it

    config = _read_config(peft_dir)
    model = _read_base(base)
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    writer = gguf.GGUFWriter(draft, model.architecture)
    try:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", _alpha(config))
        for name, tensor in _tensors(peft_dir, model):
            writer.add_tensor(name, tensor.astype(np.float16) if half else tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def gguf_to_peft(adapter: Path, base: Path, out: Path) -> None:
    """Write a GGUF adapter as a PEFT folder in float32, which vLLM loads over the same base.

    The folder appears whole, or not at all, and replaces an older one. Raises `ModelError` when the file is not an
    adapter, or is one of another architecture.
    """
    from safetensors.numpy import save_file  # noqa: PLC0415

    model = _read_base(base)
    alpha, matrices = _read_gguf(adapter, model)
    modules = {key.split(".")[-3] for key in matrices}
    ranks = {matrix.shape[0] for key, matrix in matrices.items() if "lora_A" in key}
    if len(ranks) != 1:
        raise ModelError(
            f"the matrices of {adapter} differ in rank",
            fix="name a GGUF file that `umi-cloud glpft --export` wrote",
        )
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "",
        "r": ranks.pop(),
        "lora_alpha": int(alpha) if alpha.is_integer() else alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(modules),
    }
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        draft.mkdir(parents=True)
        save_file(matrices, draft / "adapter_model.safetensors", metadata={"format": "pt"})
        (draft / "adapter_config.json").write_text(json.dumps(config, indent=2))
        shutil.rmtree(out, ignore_errors=True)
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _read_gguf(path: Path, base: _Base) -> tuple[float, dict[str, NDArray[np.float32]]]:
    """Alpha, and PEFT's names and matrices."""
    import gguf  # noqa: PLC0415

    try:
        reader = gguf.GGUFReader(path)
        alpha = float(reader.fields["adapter.lora.alpha"].contents())
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ModelError(
            f"{path} is not a GGUF adapter", fix="name what `umi-cloud glpft --export` wrote"
        ) from error
    names = _names(base)
    keys = {
        f"{names.get_name(module)}.weight": module
        for block in range(base.blocks)
        for module in (f"model.layers.{block}.{kind}" for kind in _MODULES)
    }
    matrices = {}
    for tensor in reader.tensors:
        name, _, which = tensor.name.rpartition(".lora_")
        if name not in keys or which not in ("a", "b"):
            raise ModelError(
                f"{path} has {tensor.name}, which a {base.architecture} model of {base.blocks} blocks does not",
                fix="use the base model that the adapter was trained on",
            )
        matrix = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if which == "b":
            matrix = _reorder(name.removesuffix(".weight"), matrix, base, back=True)
        matrices[f"{_PREFIX}{keys[name]}.lora_{which.upper()}.weight"] = np.ascontiguousarray(matrix)
    return alpha, matrices


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
    """From a GGUF file, or from the configuration of a Hugging Face folder."""
    architecture, numbers = _from_folder(path) if path.is_dir() else _from_gguf(path)
    if architecture not in _REORDERED:
        raise ModelError(
            f"adapters for {architecture or 'unnamed'} models are not supported",
            fix=f"use a base model of one of: {', '.join(_REORDERED)}",
        )
    blocks, heads, kv_heads = numbers
    if not (blocks and heads):
        raise ModelError(f"{path} does not say how many blocks and heads it has")
    return _Base(architecture, blocks, heads, kv_heads or heads)


def _from_folder(path: Path) -> tuple[str, tuple[int, int, int]]:
    try:
        config = json.loads((path / "config.json").read_text())
        keys = ("num_hidden_layers", "num_attention_heads", "num_key_value_heads")
        blocks, heads, kv_heads = (int(config.get(key) or 0) for key in keys)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path}/config.json cannot be read", fix="name a Hugging Face folder") from error
    return str(config.get("model_type")), (blocks, heads, kv_heads)


def _from_gguf(path: Path) -> tuple[str, tuple[int, int, int]]:
    from umi_shared.llama import Weights  # noqa: PLC0415  # loads the native library

    weights = Weights.load(path)  # gguf's own reader takes seconds for the vocabulary; this maps the file
    try:
        architecture = weights.metadata("general.architecture")
        blocks, heads, kv_heads = (
            int(weights.metadata(f"{architecture}.{key}") or 0)
            for key in ("block_count", "attention.head_count", "attention.head_count_kv")
        )
    finally:
        weights.close()
    return architecture, (blocks, heads, kv_heads)


def _names(base: _Base) -> Any:
    """Hugging Face's names to llama.cpp's."""
    import gguf  # noqa: PLC0415

    kind = next(kind for kind, name in gguf.MODEL_ARCH_NAMES.items() if name == base.architecture)
    return gguf.get_tensor_name_map(kind, base.blocks)


def _tensors(peft_dir: Path, base: _Base) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """llama.cpp's names and matrices: A is (r, in), B is (out, r)."""
    from safetensors.numpy import load_file  # noqa: PLC0415

    path = peft_dir / "adapter_model.safetensors"
    try:
        matrices = load_file(path)
    except Exception as error:  # safetensors has an exception of its own, and TypeError for bfloat16
        raise ModelError(f"{path} cannot be read", fix="save the adapter in float32") from error
    names = _names(base)
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


def _reorder(
    name: str, matrix: NDArray[np.float32], base: _Base, *, back: bool = False
) -> NDArray[np.float32]:
    """Rows from Hugging Face's order (all first halves, then all second) to llama.cpp's (pairs), head by head."""
    kind = name.rpartition(".")[2]
    if kind not in _REORDERED[base.architecture]:
        return matrix
    heads = base.heads if kind == "attn_q" else base.key_value_heads
    rows, rank = matrix.shape
    halves, pairs = (heads, 2, rows // heads // 2, rank), (heads, rows // heads // 2, 2, rank)
    return matrix.reshape(pairs if back else halves).swapaxes(1, 2).reshape(rows, rank)
