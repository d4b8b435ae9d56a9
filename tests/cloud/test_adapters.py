"""PEFT adapters as GGUF: shown right against a forward pass of our own, in Hugging Face's layout."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from umi_cloud.adapters import gguf_to_peft, peft_to_gguf
from umi_cloud.cli import umi_cloud
from umi_cloud.config import CloudConfig, VllmSettings
from umi_shared.errors import ModelError

pytest.importorskip("gguf")
from tests.reference_llama import TEXT, NumpyLlama

pytestmark = pytest.mark.model


def native_logits(model: Path, adapter: Path | None) -> tuple[list[int], np.ndarray]:
    from umi_shared.llama import Sequence, Weights

    weights = Weights.load(model)
    sequence = Sequence(
        weights, context_tokens=256, adapter=weights.adapter(adapter) if adapter is not None else None
    )
    try:
        tokens = weights.tokenize(TEXT, special=False)
        sequence.read(tokens)
        return tokens, sequence.logits().copy()
    finally:
        sequence.close()
        weights.close()


def test_a_gguf_adapter_changes_llama_cpp_as_the_peft_adapter_changes_the_model(smollm2, make_peft, tmp_path):
    peft = make_peft(tmp_path / "peft", seed=7, strength=0.05)
    peft_to_gguf(peft, smollm2, tmp_path / "adapter.gguf")
    tokens, base = native_logits(smollm2, None)
    _, adapted = native_logits(smollm2, tmp_path / "adapter.gguf")
    model = NumpyLlama(smollm2)
    expected_base = model.logits(tokens)
    model.merge(peft)
    expected = model.logits(tokens)
    assert np.corrcoef(base, expected_base)[0, 1] > 0.99  # our forward pass is the model's
    # What the adapter does, apart from what the model does anyway; activations are quantized in llama.cpp.
    assert np.abs(expected - expected_base).max() > 2
    assert np.corrcoef(adapted - base, expected - expected_base)[0, 1] > 0.98


def test_half_precision_halves_the_file_and_changes_little(smollm2, make_peft, tmp_path):
    peft = make_peft(tmp_path / "peft", seed=7, strength=0.05)
    whole, half = tmp_path / "whole.gguf", tmp_path / "half.gguf"
    peft_to_gguf(peft, smollm2, whole)
    peft_to_gguf(peft, smollm2, half, half=True)
    assert half.stat().st_size < 0.55 * whole.stat().st_size
    _, base = native_logits(smollm2, None)
    changes = [native_logits(smollm2, path)[1] - base for path in (whole, half)]
    assert np.corrcoef(*changes)[0, 1] > 0.98  # activations are rounded, too


@pytest.mark.parametrize("option", ["use_dora", "modules_to_save", "alpha_pattern"])
def test_what_llama_cpp_cannot_do_is_refused(smollm2, make_peft, tmp_path, option):
    peft = make_peft(tmp_path / "peft", seed=1, **{option: ["lm_head"]})
    with pytest.raises(ModelError, match=option):
        peft_to_gguf(peft, smollm2, tmp_path / "adapter.gguf")
    assert not list(tmp_path.glob("*.gguf*"))


def test_an_adapter_of_another_model_is_refused_and_leaves_no_file(smollm2, tmp_path):
    from safetensors.numpy import save_file

    (tmp_path / "adapter_config.json").write_text('{"r": 4, "lora_alpha": 8}')
    save_file(
        {"base_model.model.model.layers.31.self_attn.q_proj.lora_A.weight": np.zeros((4, 576), np.float32)},
        tmp_path / "adapter_model.safetensors",
    )
    with pytest.raises(ModelError, match=r"layers\.31"):
        peft_to_gguf(tmp_path, smollm2, tmp_path / "adapter.gguf")
    assert not list(tmp_path.glob("*.gguf*"))


def test_a_folder_that_is_no_adapter_is_refused(smollm2, tmp_path):
    with pytest.raises(ModelError, match="adapter_config"):
        peft_to_gguf(tmp_path, smollm2, tmp_path / "adapter.gguf")


def test_a_base_that_is_no_gguf_is_refused(make_peft, tmp_path):
    peft = make_peft(tmp_path / "peft", seed=1)
    (tmp_path / "base.gguf").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"base\.gguf"):
        peft_to_gguf(peft, tmp_path / "base.gguf", tmp_path / "adapter.gguf")


def test_an_adapter_comes_back_from_gguf_as_it_went(smollm2, make_peft, tmp_path):
    from safetensors.numpy import load_file

    peft = make_peft(tmp_path / "peft", seed=3)
    peft_to_gguf(peft, smollm2, tmp_path / "adapter.gguf")
    gguf_to_peft(tmp_path / "adapter.gguf", smollm2, tmp_path / "back")
    one, two = (load_file(folder / "adapter_model.safetensors") for folder in (peft, tmp_path / "back"))
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    config = json.loads((tmp_path / "back" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (4, 8)
    assert config["target_modules"] == sorted(
        json.loads((peft / "adapter_config.json").read_text())["target_modules"]
    )


def test_a_folder_of_hugging_face_will_do_as_the_base(smollm2, make_peft, tmp_path):
    """Its configuration says all that is needed; the adapter is the same, byte for byte."""
    base = tmp_path / "base"
    base.mkdir()
    config = {
        "model_type": "llama",
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
    }
    (base / "config.json").write_text(json.dumps(config))
    peft = make_peft(tmp_path / "peft", seed=3)
    for name, source in {"one": smollm2, "two": base}.items():
        peft_to_gguf(peft, source, tmp_path / f"{name}.gguf", half=True)
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()


def test_what_is_no_gguf_adapter_is_refused_and_leaves_no_folder(smollm2, tmp_path):
    (tmp_path / "adapter.gguf").write_bytes(b"not an adapter")
    with pytest.raises(ModelError, match=r"adapter\.gguf is not a GGUF adapter"):
        gguf_to_peft(tmp_path / "adapter.gguf", smollm2, tmp_path / "peft")
    assert not (tmp_path / "peft").exists()


def test_an_adapter_of_a_deeper_model_is_refused(smollm2, make_peft, tmp_path):
    peft_to_gguf(make_peft(tmp_path / "peft", seed=3), smollm2, tmp_path / "adapter.gguf")
    base = tmp_path / "base"
    base.mkdir()
    config = {
        "model_type": "llama",
        "num_hidden_layers": 12,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
    }
    (base / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="of 12 blocks"):
        gguf_to_peft(tmp_path / "adapter.gguf", base, tmp_path / "back")


def test_adapters_are_written_for_vllm_with_a_configuration_that_names_them(smollm2, gguf_adapters, tmp_path):
    """The base is a folder here: making one of a GGUF needs torch, and is tested with vLLM."""
    base, given, out = tmp_path / "base", tmp_path / "given", tmp_path / "out"
    base.mkdir()
    given.mkdir()
    config = {
        "model_type": "llama",
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
    }
    (base / "config.json").write_text(json.dumps(config))
    for role in ("planner", "summarizer"):
        shutil.copy(gguf_adapters[role], given / f"{role}.gguf")
    arguments = ["adapters", "vllm", str(out), "--base", str(base), "--adapters", str(given)]
    result = CliRunner().invoke(umi_cloud, arguments)
    assert result.exit_code == 0, result.output
    settings = CloudConfig.read(out / "cloud.yaml").engine
    assert isinstance(settings, VllmSettings)
    assert settings.dialect == "umi"
    assert all(
        (settings.adapters[role] / "adapter_config.json").exists() for role in ("planner", "summarizer")
    )
    (given / "planner.gguf").unlink()
    assert "no adapter for the planner" in str(CliRunner().invoke(umi_cloud, arguments).exception)
