"""A prefix tree: training rows that begin alike share the tokens, and so the work, of their common beginning.

Steps of one episode begin with the steps before them, and episodes of one catalogue with the catalogue. Laid out
as a tree whose tokens attend to their own ancestors only, many rows cost little more than their differences, and
their losses are those of the rows one by one (a test holds this).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from umi_cloud.glpft.forward_pass import ForwardPass
from umi_cloud.glpft.token_row import TokenRow

__all__ = ["PrefixTree"]


@dataclass(slots=True)
class PrefixTree:
    """Rows merged by their common beginnings; parents always stand before their children.

    >>> tree = PrefixTree()
    >>> tree.add(TokenRow(tokens=(5, 6, 7), prompt_length=2, role="planner"))
    >>> tree.add(TokenRow(tokens=(5, 6, 8, 9), prompt_length=3, role="caller"))
    >>> tree.tokens, tree.depths
    ([5, 6, 7, 8, 9], [0, 1, 2, 2, 3])
    >>> tree.targets("planner"), tree.targets("caller")
    ([(1, 2)], [(3, 4)])
    """

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    """The token before each token; -1 for the first of a row."""
    depths: list[int] = field(default_factory=list)
    """The position of each token in its row."""
    _children: dict[tuple[int, int], int] = field(default_factory=dict)
    _targets: dict[tuple[int, int], str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, row: TokenRow) -> None:
        """Merge one row in; the same target twice counts once."""
        node = -1
        for position, token in enumerate(row.tokens):
            child = self._child(node, token, position)
            if position >= row.prompt_length:
                self._targets[node, child] = row.role
            node = child

    def _child(self, node: int, token: int, depth: int) -> int:
        known = self._children.get((node, token))
        if known is not None:
            return known
        self.tokens.append(token)
        self.parents.append(node)
        self.depths.append(depth)
        self._children[node, token] = len(self.tokens) - 1
        return len(self.tokens) - 1

    def growth(self, rows: Iterable[TokenRow]) -> int:
        """How many tokens these rows would add at most: each row is compared with the tree, not with the other rows."""
        return sum(len(row.tokens) - self._shared(row.tokens) for row in rows)

    def _shared(self, tokens: Sequence[int]) -> int:
        node = -1
        for position, token in enumerate(tokens):
            node = self._children.get((node, token), -2)
            if node == -2:
                return position
        return len(tokens)

    def targets(self, role: str = "") -> list[tuple[int, int]]:
        """The predictions of one role or of all: the index of the token before, and of the token to predict."""
        return [edge for edge, owner in self._targets.items() if role in ("", owner)]

    def roles(self) -> list[str]:
        """The role of each target, in the order of `targets()`."""
        return list(self._targets.values())

    def mask(self) -> NDArray[np.bool_]:
        """Which token attends to which: each to itself and to its ancestors, `(n, n)`."""
        mask = np.eye(len(self.tokens), dtype=np.bool_)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                mask[node] |= mask[parent]
        return mask

    def forward_pass(self) -> ForwardPass:
        """The tree as one row; the head is computed once where several targets follow the same token."""
        edges = self.targets()
        kept = sorted({source for source, _ in edges})
        slot = {source: i for i, source in enumerate(kept)}
        return ForwardPass(
            tokens=np.array([self.tokens], np.int64),
            positions=np.array([self.depths], np.int64),
            mask=self.mask()[None, None],
            kept=np.array(kept, np.int64),
            rows=np.zeros(len(edges), np.int64),
            slots=np.array([slot[source] for source, _ in edges], np.int64),
            labels=np.array([self.tokens[target] for _, target in edges], np.int64),
        )
