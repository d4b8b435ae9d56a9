"""Layouts: trees and batches of rows are two ways to compute the same losses and gradients."""

import random
from pathlib import Path

import pytest

from tests.cloud.glpft.adapted_model import adapted_model
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


def _as_strict_kernels_do(module, query, key, value, attention_mask, scaling, is_causal=None, **_):
    """Attention as the definition has it: a token that attends to nothing gives what is not a number."""
    import torch

    groups = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    length = query.shape[2]
    seen = torch.ones(length, length, dtype=torch.bool).tril() if attention_mask is None else attention_mask
    scores = (query @ key.transpose(2, 3) * scaling).masked_fill(~seen, float("-inf"))
    return (scores.softmax(-1) @ value).transpose(1, 2).contiguous(), None


@pytest.mark.parametrize("chunk", [tree_of(*ROWS), RowBatch(tuple(ROWS))], ids=["tree", "rows"])
def test_no_token_attends_to_nothing_which_is_not_a_number_in_kernels_that_follow_the_definition(
    model, chunk
):
    import torch
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    from umi_cloud.glpft.forward_pass import target_losses

    expected = target_losses(model, chunk)
    AttentionInterface.register("strict", _as_strict_kernels_do)
    AttentionMaskInterface.register("strict", sdpa_mask)
    model.set_attn_implementation("strict")
    losses = target_losses(model, chunk)
    assert torch.allclose(losses, expected, atol=1e-4)
    losses.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_a_batch_needs_no_mask_which_would_grow_with_the_square_of_its_length():
    batch = RowBatch(tuple(ROWS)).forward_pass()
    assert batch.mask is None
    assert batch.positions.tolist() == [list(range(len(ROWS[1].tokens)))] * 3


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_adapters_compute_in_one_step_what_peft_computes_with_and_without_a_bias(architecture: str):
    torch = pytest.importorskip("torch", reason="training needs PyTorch")
    from umi_cloud.glpft.adapted_linear import fuse_adapters
    from umi_cloud.glpft.forward_pass import target_losses

    model = adapted_model(architecture)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in [*trained, *(p for name, p in model.named_parameters() if name.endswith("bias"))]:
        torch.nn.init.normal_(parameter, std=0.2)
    found = []
    for _ in range(2):
        losses = target_losses(model, RowBatch(tuple(ROWS)))
        found.append((losses.detach(), torch.autograd.grad(losses.mean(), trained)))
        fuse_adapters(model)
    (plain, plain_gradients), (fused, fused_gradients) = found
    assert torch.allclose(plain, fused, atol=1e-4)
    for one, other in zip(plain_gradients, fused_gradients, strict=True):
        assert one.abs().max() > 0
        assert (one - other).abs().max() < 1e-3 * one.abs().max()


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
