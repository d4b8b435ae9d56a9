"""The guide through a constraint: which tokens it allows next, by llguidance.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
from functools import lru_cache

import llguidance
import numpy as np
from numpy.typing import NDArray

from umi_shared.engine import Constraint, JsonSchema, Lark, Regex
from umi_shared.errors import ModelError
from umi_shared.llama.schema_parts import with_shared_parts

__all__ = ["SLICES", "Guide", "Mask", "likeliest"]

Mask = NDArray[np.uint8]
"""One bit for each token of the vocabulary, the lowest first; a token may come next if its bit is set."""


SLICES = [r'[^"\\\x00-\x1F\x7F<]{1,30}']
"""Sets of tokens for which llguidance prepares masks: pieces of JSON strings in which no handle can start.

The sets that llguidance has by default contain `<`. Our strings treat that character apart (`umi_edge.caller.schemas`),
so the default sets never matched, and the masks of one call took four times as long. A second and a third set (up to 10
letters, any number of letters) made no call faster and took 3 MB each.
"""


@lru_cache(maxsize=16)
def _compiled(tokenizer: llguidance.LLTokenizer, kind: str, text: str) -> llguidance.LLMatcher:
    """A matcher at its start; takes milliseconds for a tool and up to a second for a large catalogue."""
    match kind:
        case "regex":
            grammar = llguidance.LLMatcher.grammar_from_regex(text)
        case "lark":
            grammar = llguidance.LLMatcher.grammar_from_lark(text)
        case _:
            schema = json.dumps(with_shared_parts(json.loads(text)))
            grammar = llguidance.LLMatcher.grammar_from_json_schema(
                schema, overrides={"whitespace_flexible": False}
            )
    return llguidance.LLMatcher(tokenizer, grammar, log_level=0)


def _matcher(tokenizer: llguidance.LLTokenizer, constraint: Constraint) -> llguidance.LLMatcher:
    match constraint:
        case Regex(pattern):
            return _compiled(tokenizer, "regex", pattern).deep_copy()
        case Lark(grammar):
            return _compiled(tokenizer, "lark", grammar).deep_copy()
        case JsonSchema(schema):
            return _compiled(tokenizer, "json", json.dumps(schema)).deep_copy()


class Guide:
    """Walks one output through its constraint."""

    def __init__(self, tokenizer: llguidance.LLTokenizer, constraint: Constraint) -> None:
        self._matcher = _matcher(tokenizer, constraint)
        if self._matcher.is_error():
            # llguidance may quote the grammar, which holds names of the catalogue but never values.
            raise ModelError(f"the constraint does not compile: {self._matcher.get_error()[:300]}")
        self._mask_bytes = (tokenizer.vocab_size + 31) // 32 * 4

    def forced(self, after: list[int]) -> list[int]:
        """The tokens of the text that must follow some valid ones, as the tokenizer writes it; empty at a choice.

        The model may still put the bounds of these tokens elsewhere, above all the last one.
        """
        for token in after:
            self._matcher.consume_token(token)
        forced = self._matcher.compute_ff_tokens()
        self._go_back(len(after))
        return forced

    def valid(self, tokens: list[int]) -> list[int]:
        """The longest prefix of the tokens that the constraint allows."""
        return tokens[: self._matcher.validate_tokens(tokens)] if tokens else []

    def masks(self, tokens: list[int]) -> list[Mask]:
        """The mask of what may come next, then the mask after each of the tokens, which must be valid.

        Ends early at a token after which nothing more may come.
        """
        masks, taken = [self._mask()], 0
        for token in tokens:
            self._matcher.consume_token(token)
            taken += 1
            if self._matcher.is_stopped():
                break
            masks.append(self._mask())
        self._go_back(taken)
        return masks

    def _go_back(self, tokens: int) -> None:
        if tokens and not self._matcher.rollback(tokens):
            raise ModelError("the constraint cannot go back")

    def _mask(self) -> Mask:
        mask = np.empty(self._mask_bytes, np.uint8)
        self._matcher.unsafe_compute_mask_ptr(mask.ctypes.data, mask.nbytes)
        return mask

    def take(self, token: int) -> None:
        """Advance over a chosen token."""
        if not self._matcher.consume_token(token):
            raise ModelError("the constraint refuses the output")  # llguidance would quote it (I8)

    @property
    def done(self) -> bool:
        """Whether nothing more may come."""
        return self._matcher.is_stopped()


def likeliest(logits: NDArray[np.float32], mask: Mask, prefer: NDArray[np.bool_] | None = None) -> int:
    """The likeliest token that the mask allows; of those in `prefer`, a mask over the vocabulary, where any is.

    Raises `ModelError` when the mask allows none.
    """
    best = int(np.argmax(logits))
    if prefer is None and mask[best >> 3] >> (best & 7) & 1:
        return best  # what the model wants is allowed: mostly
    allowed = np.flatnonzero(np.unpackbits(mask, count=logits.size, bitorder="little").view(np.bool_))
    if allowed.size == 0:
        raise ModelError("no token can continue the output")
    if prefer is not None and (preferred := allowed[prefer[allowed]]).size:
        allowed = preferred
    return int(allowed[np.argmax(logits[allowed])])
