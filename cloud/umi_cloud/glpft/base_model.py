"""The base model: a GGUF file's own weights in PyTorch, or a Hugging Face folder; tuned whole, or with an adapter."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umi_cloud.glpft.adapted_linear import fuse_adapters
from umi_cloud.glpft.cpu_kernels import use_cpu_kernels
from umi_cloud.glpft.recipe import Recipe, Tuning
from umi_shared.errors import ModelError
from umi_shared.models import ModelStore

__all__ = ["Trainee", "base_path", "load_tokenizer", "load_trainee"]

_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Trainee:
    """What is trained."""

    model: Any
    """A `PeftModel`, or a Hugging Face model that is tuned whole."""

    def save(self, folder: Path, state: Any = None) -> None:
        """Write the adapter as PEFT does, or the model as transformers does; `state` is that of a sharded model."""
        self.model.save_pretrained(str(folder), state_dict=state)


def base_path(spec: str) -> Path:
    """The file or folder of a base model. Raises `ModelError` when it is missing, `ConfigError` for a bad spec."""
    path = ModelStore.local().path_of(spec)
    if not path.exists():
        raise ModelError(f"there is no base model at {path}", fix="name a GGUF file or a Hugging Face folder")
    return path


def load_tokenizer(base: Path) -> Any:
    """The tokenizer of a base; one inside a GGUF file takes seconds to load. Raises `ModelError`."""
    from transformers import AutoTokenizer  # noqa: PLC0415  # training only

    try:
        return AutoTokenizer.from_pretrained(**_source(base))
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"transformers finds no tokenizer in {base}: {error}") from error


def load_trainee(base: Path, recipe: Recipe, start: Path | None, *, sharded: bool = False) -> Trainee:
    """A fresh trainee, or one that starts from what a stage or a checkpoint saved.

    The weights of a GGUF file are dequantized, so that an adapter is trained on the very weights it will run on.
    A model that is `sharded` over processes computes its adapter as PEFT does, which gathers what others hold.

    Raises `ModelError` when transformers cannot read the base.
    """
    if recipe.tuning is Tuning.FULL:
        model = _load(start or base, "float32")  # the optimizer's steps are too small for bfloat16
    else:
        model = _with_adapter(_load(base, recipe.precision), recipe, start)
        if not sharded:
            fuse_adapters(model)
        if recipe.cpu_kernels:
            use_cpu_kernels(model)
    if recipe.recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return Trainee(model.train())


def _load(path: Path, precision: str) -> Any:
    import torch  # noqa: PLC0415  # training only
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    try:
        model = AutoModelForCausalLM.from_pretrained(
            **_source(path), dtype=getattr(torch, precision), attn_implementation="sdpa"
        )
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise ModelError(f"transformers cannot read {path}: {error}") from error
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # the weights are dequantized; PEFT would look for a quantizer
    return model


def _source(path: Path) -> dict[str, str]:
    """How transformers wants a folder or a GGUF file named."""
    if path.is_dir():
        return {"pretrained_model_name_or_path": str(path)}
    return {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}


def _with_adapter(model: Any, recipe: Recipe, start: Path | None) -> Any:
    import torch  # noqa: PLC0415  # training only
    from peft import LoraConfig, PeftModel, get_peft_model  # noqa: PLC0415

    model.requires_grad_(requires_grad=False)
    if start is not None:
        return PeftModel.from_pretrained(model, str(start), is_trainable=True)
    torch.manual_seed(recipe.seed)
    lora = LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, target_modules=list(_LINEAR), task_type="CAUSAL_LM"
    )
    return get_peft_model(model, lora)
