"""Attention over a prefix tree, block by block, each block over its own ancestors only.

Under a dense mask every token attends to all others and throws most of that away. Tokens of one episode follow each
other in a tree, so a block of neighbours has few ancestors: the common beginning, and its own episode. The cost then
grows with the tokens times the length of a row, and not with the square of the tokens.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["NAME", "TreeAttention"]

NAME = "umi_tree"
"""The name under which transformers knows this attention."""

_BLOCK_TOKENS = 128


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    stop: int
    keys: Any
    """The indices of the tokens that any token of the block attends to, a tensor of shape `(keys,)`."""
    bias: Any
    """0 where a token of the block attends to a key, else minus infinity, `(stop - start, keys)`."""


class TreeAttention:
    """An attention function for transformers; `softmax` and `softmax_gradient` may be compiled.

    It takes the mask of a `ForwardPass` of trees, the same tensor in every layer.
    """

    def __init__(self, softmax: Callable[..., Any], softmax_gradient: Callable[..., Any]) -> None:
        self._function = _function(softmax, softmax_gradient)
        self._last = threading.local()

    def register(self) -> None:
        """Register this attention with transformers under `NAME`."""
        from transformers import AttentionInterface  # noqa: PLC0415  # training only

        AttentionInterface.register(NAME, self)

    def __call__(
        self, module: Any, query: Any, key: Any, value: Any, attention_mask: Any, *, scaling: float, **_: Any
    ) -> tuple[Any, None]:
        """`query` is `(1, heads, tokens, size)`; returns `(1, tokens, heads, size)`, as transformers expects."""
        del module
        mixed = self._function.apply(query[0], key[0], value[0], self._blocks(attention_mask), scaling)
        return mixed.transpose(0, 1)[None], None

    def _blocks(self, mask: Any) -> list[_Block]:
        """The blocks, made in the first layer and kept for the others."""
        if getattr(self._last, "mask", None) is not mask:
            self._last.mask, self._last.blocks = mask, _blocks_of(mask[0, 0])
        blocks: list[_Block] = self._last.blocks
        return blocks


def _blocks_of(mask: Any) -> list[_Block]:
    import torch  # noqa: PLC0415  # training only

    blocks = []
    for start in range(0, len(mask), _BLOCK_TOKENS):
        rows = mask[start : start + _BLOCK_TOKENS]
        keys = rows.any(dim=0).nonzero()[:, 0]
        attends = rows.index_select(1, keys)
        bias = torch.zeros(attends.shape).masked_fill_(~attends, float("-inf"))
        blocks.append(_Block(start, start + len(rows), keys, bias))
    return blocks


def _function(softmax: Callable[..., Any], softmax_gradient: Callable[..., Any]) -> Any:
    import torch  # noqa: PLC0415  # training only

    class Attention(torch.autograd.Function):  # type: ignore[misc]  # torch has no types here
        """Queries `(heads, tokens, size)`, keys and values `(groups, tokens, size)`; mixed values as the queries."""

        @staticmethod
        def forward(ctx: Any, query: Any, key: Any, value: Any, blocks: list[_Block], scale: float) -> Any:
            mixed, kept = torch.empty_like(query), []
            for block in blocks:
                asked = query[:, block.start : block.stop].reshape(len(key), -1, query.shape[-1])
                keys, values = key.index_select(1, block.keys), value.index_select(1, block.keys)
                scores = torch.bmm(asked, keys.transpose(1, 2))
                weights = softmax(scores.view(len(key), -1, *block.bias.shape), block.bias, scale)
                kept.append(weights.view(scores.shape))
                told = torch.bmm(kept[-1], values)
                mixed[:, block.start : block.stop] = told.view(len(query), -1, query.shape[-1])
            ctx.save_for_backward(query, key, value, *kept)
            ctx.blocks, ctx.scale = blocks, scale
            return mixed

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            query, key, value, *kept = ctx.saved_tensors
            to_query = torch.empty_like(query)
            to_key, to_value = torch.zeros_like(key), torch.zeros_like(value)
            for block, weights in zip(ctx.blocks, kept, strict=True):
                place = slice(block.start, block.stop)
                shape = (len(key), -1, query.shape[-1])
                asked, told = query[:, place].reshape(shape), gradient[:, place].reshape(shape)
                keys, values = key.index_select(1, block.keys), value.index_select(1, block.keys)
                to_value.index_add_(1, block.keys, torch.bmm(weights.transpose(1, 2), told))
                scores = softmax_gradient(torch.bmm(told, values.transpose(1, 2)), weights, ctx.scale)
                to_key.index_add_(1, block.keys, torch.bmm(scores.transpose(1, 2), asked))
                to_query[:, place] = torch.bmm(scores, keys).view(len(query), -1, query.shape[-1])
            return to_query, to_key, to_value, None, None

    return Attention
