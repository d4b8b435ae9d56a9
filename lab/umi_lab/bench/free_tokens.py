"""Free tokens: those of an output that its grammar leaves open, which the model must be asked for."""

import json
from collections.abc import Mapping
from typing import Any

import llguidance

from umi_shared.llama import Weights

__all__ = ["free_tokens"]


def free_tokens(weights: Weights, schema: Mapping[str, Any], text: str) -> tuple[int, int]:
    """How many tokens of a compact JSON text are free, and how many it has.

    A token is forced when its bytes are all that the grammar admits at its place. An output that is cut off is
    counted as far as it goes.
    """
    grammar = llguidance.LLMatcher.grammar_from_json_schema(
        json.dumps(schema), overrides={"whitespace_flexible": False}
    )
    matcher = llguidance.LLMatcher(weights.guide_tokenizer, grammar, log_level=0)
    tokens = weights.tokenize(text, special=False)
    free, forced = 0, b""
    for token in tokens:
        piece = weights.piece(token)
        forced = forced or matcher.compute_ff_bytes()
        if forced.startswith(piece):
            forced = forced[len(piece) :]
        else:
            free, forced = free + 1, b""
        if not matcher.consume_token(token):
            break
    return free, len(tokens)
