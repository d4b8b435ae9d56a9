"""The losses under a frozen head, block by block, so that the logits of a large vocabulary are never all there at once.

The logits of 700 targets of a vocabulary of 150,000 take 400 MB in float32, and autograd keeps several copies. A frozen
head passes a gradient to the hidden states only, which is known as soon as the logits are: it is kept in their place.
"""

from functools import cache
from typing import Any

__all__ = ["frozen_head", "head_losses"]

_BLOCK_TARGETS = 128
_CHANGED_LOGITS = ("final_logit_softcapping", "logit_scale", "logits_scaling")
"""What models change their logits by, as their configurations call it."""


def frozen_head(model: Any) -> Any | None:
    """The head of a PEFT model, `(vocabulary, size)`, where it is frozen, whole, and all that makes the logits."""
    import torch  # noqa: PLC0415  # training only
    from peft import PeftModel  # noqa: PLC0415

    if not isinstance(model, PeftModel):
        return None
    head = model.get_output_embeddings()
    plain = type(head) is torch.nn.Linear and head.bias is None and type(head.weight) is torch.nn.Parameter
    changed = any(getattr(model.config, name, None) is not None for name in _CHANGED_LOGITS)
    return head.weight if plain and not changed and not head.weight.requires_grad else None


def head_losses(hidden: Any, weight: Any, labels: Any) -> Any:
    """The cross entropy of each target in float32, `(targets,)`, from hidden states `(targets, size)`."""
    return _function().apply(hidden, weight, labels)


@cache
def _function() -> Any:
    import torch  # noqa: PLC0415  # training only

    class HeadLosses(torch.autograd.Function):  # type: ignore[misc]  # torch has no types here
        @staticmethod
        def forward(ctx: Any, hidden: Any, weight: Any, labels: Any) -> Any:
            losses = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
            towards = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
            for start in range(0, len(hidden), _BLOCK_TARGETS):
                block = slice(start, start + _BLOCK_TARGETS)
                logits, wanted = (hidden[block] @ weight.T).float(), labels[block, None]
                sums = logits.logsumexp(-1, keepdim=True)
                losses[block] = (sums - logits.gather(-1, wanted))[:, 0]
                if towards is not None:
                    shares = logits.sub_(sums).exp_()
                    shares.scatter_add_(-1, wanted, torch.full_like(wanted, -1, dtype=shares.dtype))
                    towards[block] = shares.to(weight.dtype) @ weight
            ctx.save_for_backward(towards)
            return losses

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            (towards,) = ctx.saved_tensors
            return towards * gradient[:, None].to(towards.dtype), None, None

    return HeadLosses
