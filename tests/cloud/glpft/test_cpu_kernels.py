"""The kernels for training on a CPU give the losses and the gradients of the plain model."""

import shutil
from dataclasses import replace

import pytest

from umi_cloud.glpft.prefix_tree import PrefixTree
from umi_cloud.glpft.recipe import read_recipe
from umi_cloud.glpft.token_row import TokenRow

pytestmark = [
    pytest.mark.timeout(600),  # compiling takes a minute or more on a busy machine
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler"),
]


def long_tree() -> PrefixTree:
    """Longer than a block of attention, with branches that end and begin inside of blocks."""
    tree = PrefixTree()
    start = "tools: " + "a b c d e f g h. " * 8
    for number in range(9):
        text = f"{start}question {number} {'and more ' * number}PLAN {number}"
        tree.add(TokenRow(tokens=tuple(map(ord, text)), prompt_length=len(text) - 6, role="planner"))
    return tree


def test_losses_and_gradients_are_those_of_the_plain_model(write_recipe):
    import torch

    from umi_cloud.glpft.base_model import base_path, load_trainee
    from umi_cloud.glpft.forward_pass import target_losses

    recipe = read_recipe(write_recipe())
    tree = long_tree()
    assert len(tree) > 2 * 128
    found = []
    for kernels in (False, True):
        model = load_trainee(base_path(recipe.base), replace(recipe, cpu_kernels=kernels), None).model
        torch.manual_seed(1)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        for parameter in trained:  # PEFT starts with an adapter that does nothing
            torch.nn.init.normal_(parameter, std=0.2)
        losses = target_losses(model, tree)
        found.append((losses.detach(), torch.autograd.grad(losses.mean(), trained)))
    (plain, plain_gradients), (quick, quick_gradients) = found
    assert torch.allclose(plain, quick, atol=1e-4)
    assert len(plain_gradients) == 2 * 7 * 2
    for one, other in zip(plain_gradients, quick_gradients, strict=True):
        assert one.abs().max() > 0
        assert (one - other).abs().max() < 1e-3 * one.abs().max()
