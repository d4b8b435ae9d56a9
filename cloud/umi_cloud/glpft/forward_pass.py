"""One forward pass as arrays: what the model is given, and where its predictions count."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from umi_cloud.glpft.head_losses import frozen_head, head_losses

__all__ = ["Chunk", "ForwardPass", "losses_by_role", "target_losses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardPass:
    """The input of the model, and which of its predictions are compared with which tokens."""

    tokens: NDArray[np.int64] = field(repr=False)
    """The input tokens, `(rows, length)`."""
    positions: NDArray[np.int64] = field(repr=False)
    """How many tokens of its own row stand before each, `(rows, length)`."""
    mask: NDArray[np.bool_] | None = field(repr=False)
    """Which token attends to which, `(1, 1, length, length)`; `None`: each to itself and to all before it."""
    kept: NDArray[np.int64] = field(repr=False)
    """The columns for which the head is computed, the same in every row, `(kept,)`."""
    rows: NDArray[np.int64] = field(repr=False)
    """The row of each target, `(targets,)`."""
    slots: NDArray[np.int64] = field(repr=False)
    """Which of `kept` predicts each target, `(targets,)`."""
    labels: NDArray[np.int64] = field(repr=False)
    """The token to be predicted, `(targets,)`."""


class Chunk(Protocol):
    """Training rows that are computed together; `len` is the number of tokens computed, without padding."""

    def __len__(self) -> int: ...

    def roles(self) -> list[str]:
        """The role of each target, in the order of the losses."""
        ...

    def forward_pass(self) -> ForwardPass:
        """The arrays; made when they are needed, for they are much larger than the rows."""
        ...


def target_losses(model: Any, chunk: Chunk, device: Any = "cpu") -> Any:
    """The loss of each target of a chunk, in the order of its `roles()`, `(targets,)`.

    The head is computed only where something is to be predicted.
    """
    import torch  # noqa: PLC0415  # training only

    given = chunk.forward_pass()

    def tensor(array: NDArray[Any]) -> Any:
        return torch.from_numpy(array).to(device)

    inputs = {
        "input_ids": tensor(given.tokens),
        "position_ids": tensor(given.positions),
        "attention_mask": None if given.mask is None else tensor(given.mask),
        "use_cache": False,
    }
    kept, rows, slots, labels = map(tensor, (given.kept, given.rows, given.slots, given.labels))
    if (head := frozen_head(model)) is not None:
        hidden = model.get_base_model().base_model(**inputs).last_hidden_state
        return head_losses(hidden[rows, kept[slots]], head, labels)
    logits = model(**inputs, logits_to_keep=kept).logits
    return torch.nn.functional.cross_entropy(logits[rows, slots].float(), labels, reduction="none")


def losses_by_role(chunk: Chunk, losses: Sequence[float]) -> dict[str, tuple[float, int]]:
    """Sum and count of a chunk's losses by role."""
    sums: dict[str, tuple[float, int]] = {}
    for role, loss in zip(chunk.roles(), losses, strict=True):
        total, count = sums.get(role, (0.0, 0))
        sums[role] = (total + loss, count + 1)
    return sums
