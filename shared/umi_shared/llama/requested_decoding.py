"""From one request to its decoding: what the request says about its output, in terms of tokens."""

from umi_shared.engine import Generation, JsonSchema
from umi_shared.llama.constrained_decoding import MAX_DRAFT_TOKENS, ConstrainedDecoding
from umi_shared.llama.guide import Guide
from umi_shared.llama.weights import Weights
from umi_shared.llama.word_prior import WordPrior

__all__ = ["requested_decoding"]


def requested_decoding(
    generation: Generation,
    weights: Weights,
    prompt: list[int],
    held: int,
    context_tokens: int,
    guide: Guide | None,
) -> ConstrainedDecoding:
    """The decoding of a request, once `held` tokens of its prompt are in the KV cache.

    `guide` was compiled from the request's constraint. JSON is brought to its end before it runs out of tokens; and
    where the request says which words its output repeats, those are likelier.
    """
    return ConstrainedDecoding(
        vocabulary=weights,
        prompt=prompt,
        held=held,
        max_tokens=min(generation.max_tokens, context_tokens - len(prompt)),
        guide=guide,
        stop=generation.stop,
        closes=isinstance(generation.constraint, JsonSchema),
        likely=weights.tokenize(generation.likely_start, special=False),
        prior=WordPrior(generation.repeats, weights) if generation.repeats else None,
        draft_limit=0 if weights.recurrent else MAX_DRAFT_TOKENS,
    )
