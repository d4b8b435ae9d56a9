"""The prefix tree: rows merged by their beginnings."""

import numpy as np

from umi_cloud.glpft.prefix_tree import PrefixTree
from umi_cloud.glpft.token_row import TokenRow


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
