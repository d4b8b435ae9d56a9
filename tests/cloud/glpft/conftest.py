"""A base model of a few thousand parameters, and episodes for it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from umi_cloud.episodes import Episode, write_episodes
from umi_shared.handles import Handle
from umi_shared.transcript import Answer, Call, Instruction, Next, Observation, Plan, ToolCard

collect_ignore = ["sharded.py"]
"""A program for two processes, which imports PyTorch: no module to look for doctests in."""

WORDS = ("Oslo", "Rome", "Lima", "Cairo", "Quito", "Delhi")
CARD = ToolCard(
    name="weather",
    description=("Forecast.",),
    input_schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def episode(word: str, number: int) -> Episode:
    """Two steps and an answer, one of them with a handle."""
    return Episode(
        catalogue=(CARD,),
        turns=(
            Instruction((f"Weather in {word} for ", Handle("person", number), "?")),
            Plan((f"To look at {word}, use weather.",), Next.CALLER, "weather"),
            Call("weather", (json.dumps({"city": word}, separators=(",", ":")),)),
            Observation("weather", ('"rain"',)),
            Plan(("That is all.",), Next.SUMMARIZER),
            Answer((f"Rain in {word}, ", Handle("person", number), ".")),
        ),
        source="test",
        licence="CC0-1.0",
    )


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama with a byte tokenizer, as a Hugging Face folder."""
    torch = pytest.importorskip("torch", reason="training needs PyTorch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("base")
    special = ["<|im_start|>", "<|im_end|>", "</s>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({token: i for i, token in enumerate([*alphabet, *special])}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(special)
    transformers.PreTrainedTokenizerFast(tokenizer_object=inner).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=264,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        initializer_range=0.2,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def small_episodes(tmp_path: Path) -> Path:
    """A file of a dozen episodes."""
    path = tmp_path / "episodes.jsonl"
    write_episodes(path, [episode(word, number) for number in (1, 2) for word in WORDS])
    return path


@pytest.fixture
def write_recipe(tiny_base: Path, small_episodes: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes a recipe over the tiny base; keywords change or add settings."""
    from ruamel.yaml import YAML

    def write(**changes: Any) -> Path:
        document = {
            "name": "tiny",
            "base": str(tiny_base),
            "episodes": str(small_episodes),
            "output": str(tmp_path / "out"),
            "rank": 4,
            "chunk_tokens": 500,
            "warmup_steps": 2,
            "threads": 1,
            "stages": [
                {
                    "name": "all",
                    "roles": ["planner", "caller", "summarizer"],
                    "learning_rate": 0.02,
                    "tokens": 20_000,
                },
                {"name": "caller", "start": "all", "roles": ["caller"], "learning_rate": 0.01, "epochs": 2},
            ],
        }
        path = tmp_path / "recipe.yaml"
        with path.open("w") as file:
            YAML().dump(document | changes, file)
        return path

    return write
