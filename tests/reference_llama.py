"""The reference: SmolLM2 computed by numpy from a GGUF file, which every engine is held to."""

from pathlib import Path

import numpy as np
import pytest

gguf = pytest.importorskip("gguf")

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
