"""PEFT adapters as GGUF: shown right against a forward pass of our own, in Hugging Face's layout."""

from pathlib import Path

import numpy as np
import pytest

from umi_cloud.adapters import peft_to_gguf
from umi_shared.errors import ModelError

gguf = pytest.importorskip("gguf")
pytestmark = pytest.mark.model

HEADS, KV_HEADS, HEAD = 9, 3, 64
TEXT = "To find the address of Ann, first look"


class NumpyLlama:
    """SmolLM2 as Hugging Face computes it: rotate-half RoPE, weights in its own row order, LoRA added on top."""

    def __init__(self, path: Path) -> None:
        tensors = gguf.GGUFReader(path).tensors
        self.weights = {t.name: gguf.dequantize(t.data, t.tensor_type) for t in tensors}
        for name, weight in self.weights.items():
            if name.endswith(("attn_q.weight", "attn_k.weight")):  # back to Hugging Face's order
                heads = HEADS if "attn_q" in name else KV_HEADS
                pairs = weight.reshape(heads, HEAD // 2, 2, -1).swapaxes(1, 2)
                self.weights[name] = pairs.reshape(weight.shape)

    def merge(self, peft: Path) -> None:
        from safetensors.numpy import load_file

        ours = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}
        ours |= {"gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}
        matrices = load_file(peft / "adapter_model.safetensors")
        for key in [key for key in matrices if "lora_A" in key]:
            parts = key.split(".")
            name = f"blk.{parts[4]}.{ours[parts[6]]}.weight"
            b = matrices[key.replace("lora_A", "lora_B")]
            self.weights[name] = self.weights[name] + 2.0 * b @ matrices[key]  # alpha / r is 2

    def logits(self, tokens: list[int]) -> np.ndarray:
        x = self.weights["token_embd.weight"][tokens]
        angles = np.outer(np.arange(len(tokens)), 100_000.0 ** (-np.arange(0, HEAD, 2) / HEAD))
        angles = np.hstack([angles, angles]).astype(np.float32)
        cos, sin = np.cos(angles), np.sin(angles)
        for layer in range(30):
            x = x + self._attention(f"blk.{layer}.", self._norm(x, f"blk.{layer}.attn_norm"), cos, sin)
            h = self._norm(x, f"blk.{layer}.ffn_norm")
            gate = h @ self.weights[f"blk.{layer}.ffn_gate.weight"].T
            up = h @ self.weights[f"blk.{layer}.ffn_up.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * up) @ self.weights[f"blk.{layer}.ffn_down.weight"].T
        return self._norm(x, "output_norm")[-1] @ self.weights["token_embd.weight"].T

    def _norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * self.weights[f"{name}.weight"]

    def _attention(self, block, x, cos, sin):
        n = len(x)

        def heads(kind, count):
            return (x @ self.weights[f"{block}attn_{kind}.weight"].T).reshape(n, count, HEAD).swapaxes(0, 1)

        def rotate(h):
            return h * cos + np.concatenate([-h[..., HEAD // 2 :], h[..., : HEAD // 2]], -1) * sin

        q, k, v = rotate(heads("q", HEADS)), rotate(heads("k", KV_HEADS)), heads("v", KV_HEADS)
        k, v = np.repeat(k, HEADS // KV_HEADS, 0), np.repeat(v, HEADS // KV_HEADS, 0)
        scores = q @ k.swapaxes(1, 2) / np.float32(8) + np.triu(np.full((n, n), -np.inf, np.float32), 1)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ v
        return mixed.swapaxes(0, 1).reshape(n, -1) @ self.weights[f"{block}attn_output.weight"].T


def native_logits(model: Path, adapter: Path | None) -> tuple[list[int], np.ndarray]:
    from umi_shared.llama import Sequence, Weights

    weights = Weights.load(model)
    sequence = Sequence(
        weights, context_tokens=256, adapter=weights.adapter(adapter) if adapter is not None else None
    )
    try:
        tokens = weights.tokenize(TEXT, special=False)
        sequence.read(tokens)
        return tokens, sequence.logits().copy()
    finally:
        sequence.close()
        weights.close()


def test_a_gguf_adapter_changes_llama_cpp_as_the_peft_adapter_changes_the_model(smollm2, make_peft, tmp_path):
    peft = make_peft(tmp_path / "peft", seed=7, strength=0.05)
    peft_to_gguf(peft, smollm2, tmp_path / "adapter.gguf")
    tokens, base = native_logits(smollm2, None)
    _, adapted = native_logits(smollm2, tmp_path / "adapter.gguf")
    model = NumpyLlama(smollm2)
    expected_base = model.logits(tokens)
    model.merge(peft)
    expected = model.logits(tokens)
    assert np.corrcoef(base, expected_base)[0, 1] > 0.99  # our forward pass is the model's
    # What the adapter does, apart from what the model does anyway; activations are quantized in llama.cpp.
    assert np.abs(expected - expected_base).max() > 2
    assert np.corrcoef(adapted - base, expected - expected_base)[0, 1] > 0.98


def test_half_precision_halves_the_file_and_changes_little(smollm2, make_peft, tmp_path):
    peft = make_peft(tmp_path / "peft", seed=7, strength=0.05)
    whole, half = tmp_path / "whole.gguf", tmp_path / "half.gguf"
    peft_to_gguf(peft, smollm2, whole)
    peft_to_gguf(peft, smollm2, half, half=True)
    assert half.stat().st_size < 0.55 * whole.stat().st_size
    _, base = native_logits(smollm2, None)
    changes = [native_logits(smollm2, path)[1] - base for path in (whole, half)]
    assert np.corrcoef(*changes)[0, 1] > 0.98  # activations are rounded, too


@pytest.mark.parametrize("option", ["use_dora", "modules_to_save", "alpha_pattern"])
def test_what_llama_cpp_cannot_do_is_refused(smollm2, make_peft, tmp_path, option):
    peft = make_peft(tmp_path / "peft", seed=1, **{option: ["lm_head"]})
    with pytest.raises(ModelError, match=option):
        peft_to_gguf(peft, smollm2, tmp_path / "adapter.gguf")
    assert not list(tmp_path.glob("*.gguf*"))


def test_an_adapter_of_another_model_is_refused_and_leaves_no_file(smollm2, tmp_path):
    from safetensors.numpy import save_file

    (tmp_path / "adapter_config.json").write_text('{"r": 4, "lora_alpha": 8}')
    save_file(
        {"base_model.model.model.layers.31.self_attn.q_proj.lora_A.weight": np.zeros((4, 576), np.float32)},
        tmp_path / "adapter_model.safetensors",
    )
    with pytest.raises(ModelError, match=r"layers\.31"):
        peft_to_gguf(tmp_path, smollm2, tmp_path / "adapter.gguf")
    assert not list(tmp_path.glob("*.gguf*"))


def test_a_folder_that_is_no_adapter_is_refused(smollm2, tmp_path):
    with pytest.raises(ModelError, match="adapter_config"):
        peft_to_gguf(tmp_path, smollm2, tmp_path / "adapter.gguf")


def test_a_base_that_is_no_gguf_is_refused(make_peft, tmp_path):
    peft = make_peft(tmp_path / "peft", seed=1)
    (tmp_path / "base.gguf").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"base\.gguf"):
        peft_to_gguf(peft, tmp_path / "base.gguf", tmp_path / "adapter.gguf")
