"""Guided decoding with llguidance: the tokens that a constraint allows next."""

import json
from collections.abc import Sequence as Tokens
from functools import lru_cache

import llguidance
import llguidance.numpy
import numpy as np
from numpy.typing import NDArray

from umi_shared.engine import Constraint, JsonSchema, Lark, Regex
from umi_shared.errors import ModelError

__all__ = ["Guide"]


@lru_cache(maxsize=64)
def _grammar(kind: str, text: str) -> str:
    match kind:
        case "regex":
            return llguidance.LLMatcher.grammar_from_regex(text)
        case "lark":
            return llguidance.LLMatcher.grammar_from_lark(text)
    return llguidance.LLMatcher.grammar_from_json_schema(text, overrides={"whitespace_flexible": False})


def _grammar_of(constraint: Constraint) -> str:
    match constraint:
        case Regex(pattern):
            return _grammar("regex", pattern)
        case Lark(grammar):
            return _grammar("lark", grammar)
        case JsonSchema(schema):
            return _grammar("json", json.dumps(schema))


class Guide:
    """Walks one output through its constraint."""

    def __init__(self, tokenizer: llguidance.LLTokenizer, constraint: Constraint) -> None:
        self._matcher = llguidance.LLMatcher(tokenizer, _grammar_of(constraint), log_level=0)
        if self._matcher.is_error():
            # llguidance may quote the grammar, which holds names of the catalogue but never values.
            raise ModelError(f"the constraint does not compile: {self._matcher.get_error()[:300]}")
        self._mask = llguidance.numpy.allocate_token_bitmask(1, tokenizer.vocab_size)

    def allowed(self) -> NDArray[np.intp]:
        """The ids of the tokens that may come next, in ascending order."""
        llguidance.numpy.fill_next_token_bitmask(self._matcher, self._mask, 0)
        return np.flatnonzero(np.unpackbits(self._mask.view(np.uint8), bitorder="little"))

    def choose(self, logits: NDArray[np.float32], prefer: NDArray[np.bool_] | None = None) -> int:
        """The likeliest allowed token; of those in `prefer`, a mask over the vocabulary, where any is allowed."""
        allowed = self.allowed()
        if allowed.size == 0:
            raise ModelError(f"no token can continue the output: {self._matcher.get_error()[:300]}")
        if prefer is not None and (preferred := allowed[prefer[allowed]]).size:
            allowed = preferred
        return int(allowed[np.argmax(logits[allowed])])

    def take(self, tokens: Tokens[int]) -> None:
        """Advance over chosen tokens."""
        if not self._matcher.consume_tokens(list(tokens)):
            raise ModelError(f"the constraint refuses the output: {self._matcher.get_error()[:300]}")

    @property
    def done(self) -> bool:
        """Whether nothing more may come."""
        return self._matcher.is_stopped()
