"""Kernels for training an adapter on a CPU with bfloat16 products (AMX), where everything but the products is slow.

Measured on two Xeon cores of that kind, 2,000 tokens of SmolLM2-135M: a normalisation takes 11 ms as transformers
writes it and 1.4 ms compiled, while a product of 2,000 x 576 x 1,536 takes 2.4 ms.
"""

from functools import cache, partial
from typing import Any

from umi_cloud.glpft.tree_attention import NAME, TreeAttention

__all__ = ["use_cpu_kernels"]


def use_cpu_kernels(model: Any) -> None:
    """Let a PEFT model over a Llama compute prefix trees with these; its base must be frozen.

    Needs a C++ compiler, for `torch.compile`.
    """
    attention = TreeAttention(_compiled(_softmax), _compiled(_softmax_gradient))
    attention.register()
    body = model.base_model.model.model
    body.config._attn_implementation = NAME
    norm = _compiled(_normalised)
    for module in (body.norm, *(norm for layer in body.layers for norm in _norms(layer))):
        module.forward = partial(norm, module.weight, module.variance_epsilon)


def _norms(layer: Any) -> tuple[Any, Any]:
    return layer.input_layernorm, layer.post_attention_layernorm


@cache
def _compiled(function: Any) -> Any:
    import torch  # noqa: PLC0415  # training only

    return torch.compile(function, dynamic=True)


def _softmax(scores: Any, bias: Any, scale: float) -> Any:
    """The softmax of scores `(groups, heads, block, keys)` under a bias `(block, keys)`."""
    import torch  # noqa: PLC0415  # training only

    return torch.softmax(scores.float() * scale + bias, dim=-1).to(scores.dtype)


def _softmax_gradient(gradient: Any, weights: Any, scale: float) -> Any:
    """The gradient of the scores; all arguments are `(groups, queries, keys)`."""
    product = gradient.float() * weights.float()
    return ((product - weights.float() * product.sum(-1, keepdim=True)) * scale).to(weights.dtype)


def _normalised(weight: Any, epsilon: float, hidden: Any) -> Any:
    """The normalisation of `LlamaRMSNorm`."""
    import torch  # noqa: PLC0415  # training only

    exact = hidden.float()
    exact = exact * torch.rsqrt(exact.pow(2).mean(-1, keepdim=True) + epsilon)
    return weight * exact.to(hidden.dtype)
