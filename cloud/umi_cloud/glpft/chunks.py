"""Chunks: episodes packed into prefix trees of about one size, so that no token of padding is computed."""

import random
from collections.abc import Iterable, Iterator, Sequence

from umi_cloud.episodes import Episode, Role, training_rows
from umi_cloud.glpft.prefix_tree import PrefixTree, TokenRow
from umi_cloud.glpft.tokens import Tokenizer
from umi_shared.dialects import Dialect

__all__ = ["EpisodeRows", "chunks", "episode_rows"]

EpisodeRows = tuple[str, tuple[TokenRow, ...]]
"""A word for the catalogue, and the rows of one episode."""


def episode_rows(
    episode: Episode, dialect: Dialect, roles: Iterable[Role], tokenizer: Tokenizer
) -> EpisodeRows:
    """The rows of an episode for some roles."""
    rows = tuple(
        tokenizer.row(row.input, row.target, role)
        for role in roles
        for row in training_rows([episode], dialect=dialect, role=role)
    )
    return "\n".join(card.name for card in episode.catalogue), rows


def chunks(episodes: Sequence[EpisodeRows], limit: int, rng: random.Random) -> Iterator[PrefixTree]:
    """One pass over the episodes, shuffled: trees of at most `limit` tokens, whose episodes share a catalogue.

    An episode that is longer by itself is a tree of its own.
    """
    order = list(episodes)
    rng.shuffle(order)
    by_catalogue: dict[str, list[tuple[TokenRow, ...]]] = {}
    for catalogue, rows in order:
        if rows:
            by_catalogue.setdefault(catalogue, []).append(rows)
    trees = [tree for group in by_catalogue.values() for tree in _packed(group, limit)]
    rng.shuffle(trees)
    yield from trees


def _packed(group: Iterable[tuple[TokenRow, ...]], limit: int) -> Iterator[PrefixTree]:
    tree = PrefixTree()
    for rows in group:
        longest = max(rows, key=lambda row: len(row.tokens))
        if len(tree) and len(tree) + tree.growth((longest,)) > limit:
            yield tree
            tree = PrefixTree()
        for row in rows:
            tree.add(row)
    if len(tree):
        yield tree
