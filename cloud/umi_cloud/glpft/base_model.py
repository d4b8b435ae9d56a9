"""The base model: a GGUF file's own weights in PyTorch, and LoRA adapters on top of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umi_cloud.glpft.recipe import Recipe
from umi_cloud.glpft.tokens import Tokenizer
from umi_shared.errors import ModelError

__all__ = ["Trainee", "load_tokenizer", "load_trainee"]

_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Trainee:
    """A model with an adapter to train."""

    peft: Any
    """The `PeftModel`."""

    @property
    def body(self) -> Any:
        """Everything below the head: gives hidden states."""
        return self.peft.base_model.model.model

    @property
    def head(self) -> Any:
        """Hidden states to logits."""
        return self.peft.base_model.model.lm_head

    def parameters(self) -> list[Any]:
        """What is trained."""
        return [parameter for parameter in self.peft.parameters() if parameter.requires_grad]

    def save(self, folder: Path) -> None:
        """Write the adapter as PEFT does."""
        self.peft.save_pretrained(str(folder))


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer inside a GGUF file; takes seconds."""
    from transformers import AutoTokenizer  # noqa: PLC0415  # training only

    return Tokenizer(AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name))


def load_trainee(path: Path, recipe: Recipe, adapter: Path | None) -> Trainee:
    """The GGUF file's weights, dequantized: what the adapter is trained on is what it will run on.

    Raises `ModelError` when the file is no model that transformers can read.
    """
    import torch  # noqa: PLC0415  # training only
    from peft import LoraConfig, PeftModel, get_peft_model  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(path.parent),
            gguf_file=path.name,
            dtype=getattr(torch, recipe.precision),
            attn_implementation="sdpa",
        )
    except (OSError, ValueError, NotImplementedError) as error:
        raise ModelError(f"transformers cannot read {path}: {error}") from error
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # the weights are dequantized; PEFT would look for a quantizer
    model.requires_grad_(requires_grad=False)
    if adapter is not None:
        return Trainee(PeftModel.from_pretrained(model, str(adapter), is_trainable=True))
    torch.manual_seed(recipe.seed)
    lora = LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, target_modules=list(_LINEAR), task_type="CAUSAL_LM"
    )
    return Trainee(get_peft_model(model, lora))
