"""The chunks of a stage, epoch after epoch: rows in one of two layouts, shuffled the same for the same seed."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_cloud.episodes import Episode, Role, training_rows
from umi_cloud.glpft.forward_pass import Chunk
from umi_cloud.glpft.prefix_tree import PrefixTree
from umi_cloud.glpft.recipe import Layout
from umi_cloud.glpft.row_batch import row_batches
from umi_cloud.glpft.token_row import Tokenizer, TokenRow
from umi_shared.dialects import Dialect

__all__ = ["ChunkStream", "EpisodeRows", "episode_rows", "prefix_trees"]

EpisodeRows = tuple[str, tuple[TokenRow, ...]]
"""A key that is equal for equal catalogues, and the rows of one episode."""


def episode_rows(
    episode: Episode, dialect: Dialect, roles: Iterable[Role], tokenizer: Tokenizer
) -> EpisodeRows:
    """The rows of an episode for some roles."""
    rows = tuple(
        row
        for role in roles
        for row in tokenizer.rows(tuple(training_rows([episode], dialect=dialect, role=role)), role)
    )
    return "\n".join(card.name for card in episode.catalogue), rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkStream:
    """Pass after pass over the same episodes, each in another order."""

    episodes: Sequence[EpisodeRows] = field(repr=False)
    layout: Layout
    chunk_tokens: int
    seed: str

    def __iter__(self) -> Iterator[tuple[Chunk, float]]:
        """Without end: each chunk, with the number of epochs that are done after it."""
        rng = random.Random(self.seed)  # noqa: S311  # not for secrets
        epoch = 0
        while True:
            chunks = self.epoch(rng)
            for number, chunk in enumerate(chunks, start=1):
                yield chunk, epoch + number / len(chunks)
            epoch += 1

    def roles(self) -> set[str]:
        """The roles whose rows the chunks hold."""
        return {row.role for _, rows in self.episodes for row in rows}

    def epoch(self, rng: random.Random) -> Sequence[Chunk]:
        """One pass over the episodes."""
        if self.layout is Layout.TREE:
            return prefix_trees(self.episodes, self.chunk_tokens, rng)
        return row_batches([row for _, rows in self.episodes for row in rows], self.chunk_tokens, rng)


@dataclass(frozen=True, slots=True)
class _Trees(Sequence[PrefixTree]):
    """Trees that are built when they are asked for, since all trees of an epoch would take gigabytes."""

    packs: list[tuple[TokenRow, ...]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.packs)

    def __getitem__(self, index: Any) -> Any:
        tree = PrefixTree()
        for row in self.packs[index]:
            tree.add(row)
        return tree


def prefix_trees(episodes: Sequence[EpisodeRows], limit: int, rng: random.Random) -> Sequence[PrefixTree]:
    """One pass over the episodes, shuffled: trees of at most `limit` tokens, whose episodes share a catalogue.

    An episode longer than that is a tree of its own.
    """
    order = list(episodes)
    rng.shuffle(order)
    by_catalogue: dict[str, list[tuple[TokenRow, ...]]] = {}
    for catalogue, rows in order:
        if rows:
            by_catalogue.setdefault(catalogue, []).append(rows)
    packs = [pack for group in by_catalogue.values() for pack in _packed(group, limit)]
    rng.shuffle(packs)
    return _Trees(packs)


def _packed(group: Iterable[tuple[TokenRow, ...]], limit: int) -> Iterator[tuple[TokenRow, ...]]:
    tree, pack = PrefixTree(), list[TokenRow]()
    for rows in group:
        longest = max(rows, key=lambda row: len(row.tokens))
        if pack and len(tree) + tree.growth((longest,)) > limit:
            yield tuple(pack)
            tree, pack = PrefixTree(), []
        for row in rows:
            tree.add(row)
        pack += rows
    if pack:
        yield tuple(pack)
