"""A GGUF model as a Hugging Face folder, for vLLM, which serves LoRA adapters over such folders only."""

import shutil
from pathlib import Path

from umi_shared.errors import ModelError

__all__ = ["write_hf_folder"]


def write_hf_folder(gguf: Path, out: Path) -> Path:
    """Write weights (float32), configuration, tokenizer and chat template of a Llama-like GGUF to `out`.

    The folder appears whole, or not at all; an existing one is used as it is. Needs torch and
    transformers. Raises `ModelError` when transformers cannot read the file.
    """
    if (out / "config.json").exists():
        return out
    draft = out.with_name(f".{out.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _write(gguf, draft)
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return out


def _write(gguf: Path, folder: Path) -> None:
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    try:
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"transformers cannot read {gguf}: {type(error).__name__}") from error
    config = read.config
    # The weights are plain numbers now; the note that they came quantized would make vLLM look for a GGUF.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.dtype = torch.float32
    plain = type(read)(config)
    plain.load_state_dict(read.state_dict())
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
