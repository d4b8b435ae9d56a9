"""Layouts: trees and batches of rows are two ways to compute the same losses and gradients."""

import random
from pathlib import Path

import pytest

from umi_cloud.glpft.chunks import ChunkStream
from umi_cloud.glpft.prefix_tree import PrefixTree
from umi_cloud.glpft.recipe import Layout
from umi_cloud.glpft.row_batch import RowBatch, row_batches
from umi_cloud.glpft.token_row import TokenRow

pytestmark = pytest.mark.filterwarnings("ignore")


def row(text: str, prompt: int, role: str = "planner") -> TokenRow:
    return TokenRow(tokens=tuple(map(ord, text)), prompt_length=prompt, role=role)


ROWS = [
    row("tools: a b. hello PLAN", 16),
    row("tools: a b. hello PLAN call X{}", 27, "caller"),
    row("tools: a b. other Y", 18),
]


@pytest.fixture
def model(tiny_base: Path):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_base, attn_implementation="sdpa")


def tree_of(*rows: TokenRow) -> PrefixTree:
    tree = PrefixTree()
    for one in rows:
        tree.add(one)
    return tree


def test_losses_of_a_tree_and_of_a_batch_are_those_of_the_rows_one_by_one(model):
    from umi_cloud.glpft.forward_pass import target_losses

    alone = [loss for one in ROWS for loss in target_losses(model, RowBatch((one,))).tolist()]
    batch = RowBatch(tuple(ROWS))
    assert target_losses(model, batch).tolist() == pytest.approx(alone, abs=1e-4)
    assert batch.roles() == ["planner"] * 6 + ["caller"] * 4 + ["planner"]
    tree = tree_of(*ROWS)
    assert sorted(target_losses(model, tree).tolist()) == pytest.approx(sorted(alone), abs=1e-4)
    assert len(tree) < len(batch)


def test_gradients_of_a_tree_and_of_a_batch_are_the_same(model):
    from umi_cloud.glpft.forward_pass import target_losses

    found = []
    for chunk in (tree_of(*ROWS), RowBatch(tuple(ROWS))):
        model.zero_grad()
        target_losses(model, chunk).mean().backward()
        found.append(model.model.layers[0].self_attn.q_proj.weight.grad.clone())
    assert (found[0] - found[1]).abs().max() < 1e-4 * found[0].abs().max()


def test_batches_hold_rows_of_about_one_length_within_the_limit():
    rng = random.Random(1)
    rows = [row("x" * rng.randint(5, 200), 3) for _ in range(500)]
    batches = list(row_batches(rows, 800, rng))
    assert sorted(len(r.tokens) for batch in batches for r in batch.rows) == sorted(
        len(r.tokens) for r in rows
    )
    padded = [len(batch.rows) * max(len(r.tokens) for r in batch.rows) for batch in batches]
    assert max(padded) <= 800
    assert sum(map(len, batches)) > 0.95 * sum(padded)
    assert [len(b) for b in batches] != sorted(len(b) for b in batches)


def test_a_row_over_the_limit_is_a_batch_of_its_own():
    batches = list(row_batches([row("x" * 50, 3), row("y" * 5, 3)], 20, random.Random(1)))
    assert sorted(len(batch) for batch in batches) == [5, 50]


@pytest.mark.parametrize("layout", Layout)
def test_the_stream_is_the_same_for_the_same_seed_and_counts_epochs(layout: Layout):
    def taken(seed: str, count: int) -> list[tuple[list[int], float]]:
        episodes = [(str(i % 2), (row(f"tools {i}: go", 8), row(f"tools {i}: no", 8))) for i in range(20)]
        stream = ChunkStream(episodes=episodes, layout=layout, chunk_tokens=40, seed=seed)
        chunks = zip(range(count), stream, strict=False)
        return [(chunk.forward_pass().tokens.ravel().tolist(), epochs) for _, (chunk, epochs) in chunks]

    first = taken("a", 30)
    assert first == taken("a", 30)
    assert first != taken("b", 30)
    per_epoch = next(i for i, (_, epochs) in enumerate(first, start=1) if epochs == 1)
    assert first[per_epoch][1] > 1
    assert first[:per_epoch] != [(tokens, epochs - 1) for tokens, epochs in first[per_epoch : 2 * per_epoch]]
