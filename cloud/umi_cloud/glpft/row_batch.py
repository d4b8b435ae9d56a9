"""A row batch: training rows of about one length side by side, the plain layout, which is the quicker one on a GPU.

Rows are padded on the left, so that all targets stand at the end and the head is computed for a few columns.
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
    ([[5, 6, 7], [0, 8, 9]], ['planner', 'caller'])
    """

    rows: tuple[TokenRow, ...] = field(repr=False)

    def __len__(self) -> int:
        return sum(len(row.tokens) for row in self.rows)

    def roles(self) -> list[str]:
        """The role of each target, row by row."""
        return [row.role for row in self.rows for _ in range(_targets(row))]

    def forward_pass(self) -> ForwardPass:
        """The rows, padded on the left."""
        length = max(len(row.tokens) for row in self.rows)
        longest = max(_targets(row) for row in self.rows)
        shape = (len(self.rows), length)
        tokens, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        mask = np.zeros(shape, np.bool_)
        for i, row in enumerate(self.rows):
            size = len(row.tokens)
            tokens[i, length - size :] = row.tokens
            positions[i, length - size :] = np.arange(size)
            mask[i, length - size :] = True
        targets = [
            (i, slot) for i, row in enumerate(self.rows) for slot in range(longest - _targets(row), longest)
        ]
        rows, slots = np.array(targets, np.int64).reshape(-1, 2).T
        kept = np.arange(length - 1 - longest, length - 1)
        return ForwardPass(
            tokens=tokens,
            positions=positions,
            mask=mask,
            kept=kept,
            rows=rows,
            slots=slots,
            labels=tokens[rows, kept[slots] + 1],
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
