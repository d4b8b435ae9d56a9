"""A small model with an adapter, of any architecture that transformers has."""

from typing import Any

__all__ = ["adapted_model"]


def adapted_model(
    architecture: str = "llama", targets: tuple[str, ...] = ("q_proj", "up_proj"), **more: Any
) -> Any:
    """A random model of two layers with a fresh adapter, and what else its configuration says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(1)
    config = AutoConfig.for_model(
        architecture,
        vocab_size=264,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        **more,
    )
    lora = LoraConfig(r=4, lora_alpha=8, target_modules=list(targets), task_type="CAUSAL_LM")
    return get_peft_model(AutoModelForCausalLM.from_config(config), lora)
