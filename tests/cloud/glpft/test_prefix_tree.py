"""The prefix tree: rows merged by their beginnings, and the model's losses on them unchanged."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from umi_cloud.glpft.prefix_tree import PrefixTree, TokenRow


def row(tokens: str, prompt: int, role: str = "planner") -> TokenRow:
    return TokenRow(tokens=tuple(map(ord, tokens)), prompt_length=prompt, role=role)


def tree_of(*rows: TokenRow) -> PrefixTree:
    tree = PrefixTree()
    for one in rows:
        tree.add(one)
    return tree


def test_a_common_beginning_is_kept_once():
    tree = tree_of(row("abcX", 3), row("abcYZ", 3), row("abd", 2))
    assert "".join(map(chr, tree.tokens)) == "abcXYZd"
    assert tree.depths == [0, 1, 2, 3, 3, 4, 2]


def test_a_token_attends_to_its_own_row_and_to_no_other():
    tree = tree_of(row("abX", 2), row("abYZ", 2))
    seen = {
        chr(tree.tokens[i]): "".join(chr(tree.tokens[j]) for j in np.flatnonzero(mask))
        for i, mask in enumerate(tree.mask())
    }
    assert seen == {"a": "a", "b": "ab", "X": "abX", "Y": "abY", "Z": "abYZ"}


def test_what_one_row_predicts_may_be_the_prompt_of_the_next():
    tree = tree_of(row("abCD", 2), row("abCDeF", 5, "caller"))
    assert len(tree) == 6
    assert [chr(tree.tokens[target]) for _, target in tree.targets("planner")] == ["C", "D"]
    assert [chr(tree.tokens[target]) for _, target in tree.targets("caller")] == ["F"]
    assert tree.roles() == ["planner", "planner", "caller"]


def test_the_same_row_twice_adds_nothing():
    tree = tree_of(row("abC", 2))
    assert tree.growth([row("abC", 2)]) == 0
    assert tree.growth([row("abD", 2), row("xyz", 1)]) == 4
    tree.add(row("abC", 2))
    assert len(tree) == 3
    assert len(tree.targets()) == 1


@dataclass
class SmallModel:
    """A Llama of a few thousand parameters, in the shape that the trainer wants."""

    body: Any
    head: Any


@pytest.fixture
def small_model() -> SmallModel:
    torch = pytest.importorskip("torch", reason="training needs PyTorch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=128,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        attn_implementation="sdpa",
    )
    model = transformers.LlamaForCausalLM(config).eval()
    return SmallModel(model.model, model.lm_head)


def test_losses_on_the_tree_are_those_of_the_rows_one_by_one(small_model: SmallModel):
    from umi_cloud.glpft.trainer import tree_losses

    rows = [
        row("tools: a b. hello PLAN", 16),
        row("tools: a b. hello PLAN call X{}", 27),
        row("tools: a b. other Y", 18),
    ]
    together = tree_of(*rows)
    losses = tree_losses(small_model, together)  # type: ignore[arg-type]
    by_target = dict(zip(together.targets(), losses.tolist(), strict=True))
    alone = [loss for one in rows for loss in tree_losses(small_model, tree_of(one)).tolist()]  # type: ignore[arg-type]
    assert sorted(by_target.values()) == pytest.approx(sorted(alone), abs=1e-5)
