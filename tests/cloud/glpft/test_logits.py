"""transformers over the dequantized base with a PEFT adapter, held to the reference: what trains is what runs.

llama.cpp is held to the same reference in `tests/cloud/test_adapters.py`, vLLM in `tests/cloud/test_vllm.py`.
"""

from pathlib import Path

import numpy as np
import pytest

from umi_cloud.glpft import Recipe, Stage
from umi_cloud.glpft.base_model import load_tokenizer, load_trainee

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("gguf")
pytestmark = [pytest.mark.model, pytest.mark.timeout(400), pytest.mark.filterwarnings("ignore")]


def test_what_is_trained_computes_as_the_reference_does(smollm2: Path, make_peft, tmp_path: Path):
    import torch

    from tests.reference_llama import TEXT, NumpyLlama

    peft = make_peft(tmp_path / "peft", seed=7, strength=0.05)
    stage = Stage(name="planner", roles=(), learning_rate=1e-3, epochs=1)
    recipe = Recipe(name="x", base=str(smollm2), episodes=tmp_path, output=tmp_path, stages=(stage,))
    tokens = load_tokenizer(smollm2)(TEXT, add_special_tokens=False).input_ids
    model = load_trainee(smollm2, recipe, peft).model
    with torch.no_grad():
        found = {"adapted": model(input_ids=torch.tensor([tokens])).logits[0, -1].numpy()}
        with model.disable_adapter():
            found["base"] = model(input_ids=torch.tensor([tokens])).logits[0, -1].numpy()
    reference = NumpyLlama(smollm2)
    base = reference.logits(tokens)
    assert np.abs(found["base"] - base).max() < 0.01
    reference.merge(peft)
    adapted = reference.logits(tokens)
    assert np.abs(adapted - base).max() > 2
    assert np.abs(found["adapted"] - adapted).max() < 0.01
