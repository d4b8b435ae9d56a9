"""Token rows: training rows as the runtime's engines read them, control tokens included."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_cloud.episodes import TrainingRow
from umi_shared.errors import ConfigError

__all__ = ["TokenRow", "Tokenizer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One training row as tokens."""

    tokens: Sequence[int] = field(repr=False)
    """The tokens of the prompt, then those of the target."""
    prompt_length: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """A Hugging Face tokenizer, for rows of a dialect; the turn's end is part of the target."""

    inner: Any
    end_of_turn: str
    max_tokens: int = 0
    """The most tokens in one row, whose beginning is cut off as the paper's trainer does; 0 for no limit."""

    def __post_init__(self) -> None:
        if len(self._ids([self.end_of_turn])[0]) != 1:
            raise ConfigError(
                f"the base model has no token {self.end_of_turn!r}, with which the dialect ends a turn",
                fix="choose the dialect that the base was made for: umi for ChatML, alpha-umi for Llama",
            )

    def rows(self, rows: Sequence[TrainingRow], role: str) -> tuple[TokenRow, ...]:
        """The rows with prompt and target tokenized separately, as when a model writes the target after the prompt."""
        if not rows:
            return ()
        start = self._ids([""], add_special_tokens=True)[0]  # the model's own beginning, if it has one
        prompts = self._ids([row.input for row in rows])
        targets = self._ids([row.target + self.end_of_turn for row in rows])
        return tuple(
            self._row([*start, *prompt], target, role)
            for prompt, target in zip(prompts, targets, strict=True)
        )

    def _row(self, prompt: list[int], target: list[int], role: str) -> TokenRow:
        cut = max(0, len(prompt) + len(target) - self.max_tokens) if self.max_tokens else 0
        prompt_length = max(1, len(prompt) - cut)  # the first target needs a token before it
        tokens = array("i", [*prompt, *target][cut:])
        return TokenRow(tokens=tokens, prompt_length=prompt_length, role=role)

    def _ids(self, texts: list[str], *, add_special_tokens: bool = False) -> list[list[int]]:
        found: list[list[int]] = self.inner(texts, add_special_tokens=add_special_tokens).input_ids
        return found
