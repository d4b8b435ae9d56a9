"""The losses under a frozen head are those that PyTorch computes from all logits, and so are the gradients."""

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from tests.cloud.glpft.adapted_model import adapted_model  # noqa: E402
from tests.cloud.glpft.test_layouts import ROWS  # noqa: E402
from umi_cloud.glpft import head_losses as module  # noqa: E402
from umi_cloud.glpft.forward_pass import target_losses  # noqa: E402
from umi_cloud.glpft.head_losses import frozen_head, head_losses  # noqa: E402
from umi_cloud.glpft.row_batch import RowBatch  # noqa: E402


def adapted(*given: Any, **more: Any) -> Any:
    """A model whose adapter changes something already."""
    model = adapted_model(*given, **more)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize("targets", [1, 7, 8, 9, 30])
def test_blocks_give_the_losses_and_gradients_of_all_logits(
    targets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK_TARGETS", 8)
    torch.manual_seed(targets)
    weight, labels = torch.randn(50, 16), torch.randint(50, (targets,))
    found = []
    for losses in (
        head_losses,
        lambda h, w, y: torch.nn.functional.cross_entropy(h @ w.T, y, reduction="none"),
    ):
        torch.manual_seed(2)
        hidden = torch.randn(targets, 16, requires_grad=True)
        told = losses(hidden, weight, labels)
        (told * torch.linspace(-1, 2, targets)).sum().backward()
        found.append((told.detach(), hidden.grad))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_an_adapter_learns_the_same_as_from_all_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted()
    trained = [one for one in model.parameters() if one.requires_grad]
    found = []
    for _ in range(2):
        losses = target_losses(model, RowBatch(tuple(ROWS)))
        found.append((losses.detach(), *torch.autograd.grad(losses.mean(), trained)))
        monkeypatch.setattr("umi_cloud.glpft.forward_pass.frozen_head", lambda _: None)
    for one, other in zip(*found, strict=True):
        assert one.abs().max() > 0
        assert torch.allclose(one, other, atol=1e-5)


def test_a_head_that_is_trained_or_not_all_that_makes_the_logits_is_left_to_the_model() -> None:
    assert frozen_head(adapted()) is not None
    assert frozen_head(adapted().get_base_model()) is None
    assert frozen_head(adapted(targets=("q_proj", "lm_head"))) is None
    assert frozen_head(adapted("gemma2", head_dim=8, final_logit_softcapping=30.0)) is None


def test_an_evaluation_keeps_no_gradient() -> None:
    with torch.no_grad():
        assert not target_losses(adapted(), RowBatch(tuple(ROWS))).requires_grad
