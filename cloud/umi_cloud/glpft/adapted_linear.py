"""A linear layer with a LoRA adapter, in one step of autograd.

PEFT computes the adapter in float32 beside a bfloat16 layer: it converts every activation there and back, and keeps
the copies for the backward pass. Here the adapter's two small matrices are converted instead. The parameters are
PEFT's own, float32, and so are their gradients.
"""

from typing import Any

__all__ = ["fuse_adapters"]


def fuse_adapters(model: Any, adapter: str = "default") -> None:
    """Let the adapted layers of a PEFT model compute in one step.

    Needs an adapter without dropout, whose weights no other process holds parts of, and biases that are frozen.
    """
    from peft.tuners.lora.layer import Linear  # noqa: PLC0415  # training only

    function = _function()
    for module in model.modules():
        if isinstance(module, Linear):
            module.forward = _Forward(module, adapter, function)


class _Forward:
    """What a layer computes: `x Wᵀ + b + scale · (x Aᵀ) Bᵀ`, or as PEFT does while its adapter is switched off."""

    def __init__(self, module: Any, adapter: str, function: Any) -> None:
        self._module, self._plain = module, module.forward
        self._weight, self._bias = module.base_layer.weight, module.base_layer.bias
        self._down = module.lora_A[adapter].weight
        self._up = module.lora_B[adapter].weight
        self._scale = module.scaling[adapter]
        self._apply = function.apply

    def __call__(self, x: Any) -> Any:
        if self._module.disable_adapters:
            return self._plain(x)
        return self._apply(x, self._weight, self._bias, self._down, self._up, self._scale)


def _function() -> Any:
    import torch  # noqa: PLC0415  # training only

    class AdaptedLinear(torch.autograd.Function):  # type: ignore[misc]  # torch has no types here
        """`x` is `(…, in)`; the frozen weight, `(out, in)`, and the bias, `(out,)` or none, get no gradient."""

        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, bias: Any, down: Any, up: Any, scale: float) -> Any:
            flat = x.reshape(-1, x.shape[-1])
            a, b = down.to(x.dtype), (up * scale).to(x.dtype)
            inner = flat @ a.T
            ctx.save_for_backward(flat, weight, a, b, inner)
            ctx.scale, ctx.shape = scale, x.shape
            plain = flat @ weight.T if bias is None else torch.addmm(bias, flat, weight.T)
            return plain.addmm_(inner, b.T).view(*x.shape[:-1], -1)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            x, weight, a, b, inner = ctx.saved_tensors
            flat = gradient.reshape(-1, gradient.shape[-1])
            back = flat @ b
            to_down, to_up = (back.T @ x).float(), (flat.T @ inner).float() * ctx.scale
            to_x = (flat @ weight).addmm_(back, a).view(ctx.shape) if ctx.needs_input_grad[0] else None
            return to_x, None, None, to_down, to_up, None

    return AdaptedLinear
