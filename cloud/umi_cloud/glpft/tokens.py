"""Tokens: a row's text as the runtime's llama.cpp reads it, control tokens included."""

from dataclasses import dataclass
from typing import Any

from umi_cloud.glpft.prefix_tree import TokenRow

__all__ = ["Tokenizer"]


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A Hugging Face tokenizer, for rows of a dialect; the turn's end is part of the target."""

    inner: Any
    end_of_turn: str = "<|im_end|>"

    def ids(self, text: str) -> list[int]:
        """Token ids; nothing is added before or after."""
        found: list[int] = self.inner(text, add_special_tokens=False).input_ids
        return found

    def row(self, prompt: str, target: str, role: str) -> TokenRow:
        """Prompt and target tokenized apart, as they are when a model writes the target after the prompt."""
        before = self.ids(prompt)
        return TokenRow(
            tokens=(*before, *self.ids(target + self.end_of_turn)), prompt_length=len(before), role=role
        )
