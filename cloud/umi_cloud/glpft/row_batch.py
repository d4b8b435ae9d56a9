"""A row batch: training rows of about one length side by side, the plain layout, which is the quicker one on a GPU.

Rows are padded on the right, so that causal attention alone keeps the padding out of what the rows see. There is no
mask then: nothing of the size length x length is stored, the quickest kernels apply, and no token attends to nothing
at all, which is not a number in some kernels and spreads from there.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from umi_cloud.glpft.forward_pass import ForwardPass
from umi_cloud.glpft.token_row import TokenRow

__all__ = ["RowBatch", "row_batches"]

_WINDOW = 2048
"""How many rows are sorted together: enough for neighbours of one length, few enough for mixed batches."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows that are computed together.

    >>> batch = RowBatch((TokenRow(tokens=(5, 6, 7), prompt_length=2, role="planner"),
    ...                   TokenRow(tokens=(8, 9), prompt_length=1, role="caller")))
    >>> batch.forward_pass().tokens.tolist(), batch.roles()
    ([[5, 6, 7], [8, 9, 0]], ['planner', 'caller'])
    """

    rows: tuple[TokenRow, ...] = field(repr=False)

    def __len__(self) -> int:
        return sum(len(row.tokens) for row in self.rows)

    def roles(self) -> list[str]:
        """The role of each target, row by row."""
        return [row.role for row in self.rows for _ in range(_targets(row))]

    def forward_pass(self) -> ForwardPass:
        """The rows, padded on the right; rows of one length share the columns for which the head is computed."""
        length = max(len(row.tokens) for row in self.rows)
        tokens = np.zeros((len(self.rows), length), np.int64)
        for i, row in enumerate(self.rows):
            tokens[i, : len(row.tokens)] = row.tokens
        sources = [
            (i, column)
            for i, row in enumerate(self.rows)
            for column in range(row.prompt_length - 1, len(row.tokens) - 1)
        ]
        rows, columns = np.array(sources, np.int64).reshape(-1, 2).T
        kept, slots = np.unique(columns, return_inverse=True)
        return ForwardPass(
            tokens=tokens,
            positions=np.broadcast_to(np.arange(length), tokens.shape).copy(),
            mask=None,
            kept=kept,
            rows=rows,
            slots=slots,
            labels=tokens[rows, columns + 1],
        )


def _targets(row: TokenRow) -> int:
    return len(row.tokens) - row.prompt_length


def row_batches(rows: Sequence[TokenRow], limit: int, rng: random.Random) -> list[RowBatch]:
    """One pass over the rows, shuffled: batches of at most `limit` tokens, padding included, of rows alike in length.

    A row longer than that is a batch of its own.
    """
    order = list(rows)
    rng.shuffle(order)
    batches = [
        batch
        for start in range(0, len(order), _WINDOW)
        for batch in _alike(sorted(order[start : start + _WINDOW], key=lambda row: len(row.tokens)), limit)
    ]
    rng.shuffle(batches)
    return batches


def _alike(rows: Sequence[TokenRow], limit: int) -> Iterator[RowBatch]:
    """Groups of neighbours in ascending order, so that the newest row is the longest of its batch."""
    batch: list[TokenRow] = []
    for row in rows:
        if batch and (len(batch) + 1) * len(row.tokens) > limit:
            yield RowBatch(tuple(batch))
            batch = []
        batch.append(row)
    if batch:
        yield RowBatch(tuple(batch))
