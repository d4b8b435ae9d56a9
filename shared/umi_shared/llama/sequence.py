"""One sequence in one llama.cpp context: what it has read stays in the KV cache and is not read again.

Of several conversations that take turns each finds what was read of it before: the one that has the turn in the
context, the others beside it (`kept_states`), all over the beginning that they share.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from umi_shared.cancellation import Cancellation
from umi_shared.engine import Chunk, Generation
from umi_shared.errors import ModelError
from umi_shared.llama.constrained_decoding import MAX_DRAFT_TOKENS, Effort
from umi_shared.llama.context import Cancelled, Context, Part
from umi_shared.llama.guide import Guide
from umi_shared.llama.kept_states import LEAST, KeptState, KeptStates
from umi_shared.llama.requested_decoding import requested_decoding
from umi_shared.llama.weights import Adapter, Weights
from umi_shared.prefix import shared_prefix

__all__ = ["Sequence"]

Asked = Callable[[], bool]
"""Says whether a computation should stop. A `Cancellation` is better: llama.cpp reads it without waiting for Python."""
_NEVER = Cancellation()
_ASIDE = 1
"""The sequence of the context that holds nothing, but while a state is taken out or put back."""
_GPU_BATCH = 512
_CPU_BATCH = 64 + MAX_DRAFT_TOKENS
"""A CPU reads no faster in larger batches (SmolLM2, 1,400 tokens: 10.5 s of processor time in batches of 96 to 512),
and llama.cpp's working memory grows with them. Small batches also keep more of a text whose reading is cancelled.
"""


class Sequence:
    """A context with one sequence and at most one adapter. Not thread-safe: one thread at a time uses it.

    `tokens` is what the KV cache holds. Every reading starts from the longest common prefix with it, so a prompt
    that grows by a step costs only its new tokens. What a prompt would push out is kept beside, up to `kept_tokens`.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        context_tokens: int = 4096,
        threads: int = 0,
        polite: bool = False,
        adapter: Adapter | None = None,
        batch_tokens: int = 0,
        kept_tokens: int = 0,
    ) -> None:
        """`batch_tokens` are read at once; 0 chooses by the device. A recurrent model keeps nothing beside.

        Raises `ModelError` when there is no memory.
        """
        self.weights = weights
        self.context_tokens = min(context_tokens, weights.trained_context)
        self.tokens: list[int] = []
        self.effort = Effort()
        """What the last generation took."""
        self._kept = KeptStates(0 if weights.recurrent else kept_tokens)
        self._batch_tokens = batch_tokens or (_GPU_BATCH if weights.gpu_layers else _CPU_BATCH)
        self._context = Context(
            weights,
            cache_tokens=self.context_tokens,
            sequences=_ASIDE + 1,
            batch_tokens=self._batch_tokens,
            batch_rows=MAX_DRAFT_TOKENS + 1,
            threads=threads,
            polite=polite,
            adapter=adapter,
        )

    def shared_prefix(self, tokens: list[int]) -> int:
        """How many tokens of a prompt the KV cache already holds."""
        return shared_prefix(self.tokens, tokens)

    def held(self) -> list[list[int]]:
        """What has been read and need not be again, of each conversation; may be asked from another thread."""
        return [list(self.tokens), *self._kept.held()]

    def read(self, tokens: list[int], cancelled: Asked = _NEVER) -> int:
        """Make the cache hold exactly these tokens; returns how many it held before.

        The last token is always decoded, so that its logits are there. Raises `Cancelled`, `ModelError`.
        """
        kept = self._keep(tokens, cancelled)
        self._read(tokens, len(tokens), cancelled)
        return kept

    def state(self) -> bytes:
        """A copy of the KV cache, for `restore` with the same model, adapter and llama.cpp; empty if it has none."""
        return bytes(self._context.state(0))

    def restore(self, tokens: list[int], state: bytes) -> bool:
        """Hold what a sequence held that had read exactly these tokens, and nothing else.

        False when llama.cpp refuses the state: then the cache is empty. It trusts the bytes; check them before.
        """
        self._set_aside(0)
        self._rewind(0)
        if len(tokens) >= self.context_tokens or not self._context.put_back(0, state):
            self._context.clear()
            return False
        self.tokens = list(tokens)
        return True

    def generate(self, generation: Generation, cancelled: Asked = _NEVER) -> Iterator[Chunk]:
        """Stream one generation, greedily decoded; the adapter is the sequence's own.

        Raises `Cancelled` within a token of `cancelled` turning true, `ModelError` when the prompt does not fit, or
        the constraint does not compile.
        """
        prompt = self.weights.prompt_tokens(generation.prompt)
        kept = self._keep(prompt, cancelled)
        rest = (len(prompt) - kept - 1) % (
            self._batch_tokens - MAX_DRAFT_TOKENS
        ) + 1  # goes with the first draft
        constraint = generation.constraint
        guide = Guide(self.weights.guide_tokenizer, constraint) if constraint else None
        decoding = requested_decoding(
            generation, self.weights, prompt, len(prompt) - rest, self.context_tokens, guide
        )
        self.effort = decoding.effort
        self._read(prompt, len(prompt) - rest, cancelled)
        while decoding.finish is None:
            tokens = decoding.feed()
            masks = decoding.compute_masks if guide else None
            logits = self._decode(tokens, decoding.rows, cancelled, masks)
            yield from decoding.take(logits)
            self._rewind(len(self.tokens) - decoding.rejected)
        yield decoding.finished(kept)

    def logits(self) -> NDArray[np.float32]:
        """The logits after the last token, `(vocabulary_size,)`; valid until the next decode."""
        return self._context.logits()

    def _keep(self, prompt: list[int], cancelled: Asked) -> int:
        """Forget what is not a prefix of the prompt, which leaves a token to decode; returns what was kept."""
        if len(prompt) >= self.context_tokens:
            raise ModelError(
                f"the prompt has {len(prompt)} tokens, and the context holds {self.context_tokens}",
                fix="raise `context_tokens`, or offer fewer tools",
            )
        better = self._kept.best(prompt, self.tokens)
        if better is not None:
            self._put_back(better, cancelled)
            if better.is_used_up(prompt):
                self._kept.drop(better)
        else:
            self._set_aside(self.shared_prefix(prompt))
        self._rewind(min(self.shared_prefix(prompt), len(prompt) - 1))
        return len(self.tokens)

    def _set_aside(self, start: int) -> None:
        """Keep what was read from a place on, if that is worth it: it is about to be forgotten."""
        if not self._kept.most_tokens or len(self.tokens) - start < LEAST:
            return
        self._context.copy(0, _ASIDE, start, len(self.tokens))
        state = self._context.state(_ASIDE)
        self._context.forget(_ASIDE, 0)
        self._kept.keep(KeptState(tokens=list(self.tokens), start=start, state=state))

    def _put_back(self, kept: KeptState, cancelled: Asked) -> None:
        """Hold what a kept conversation had read, over as much of its beginning as is here."""
        shared = min(self.shared_prefix(kept.tokens), kept.start)
        self._set_aside(shared)
        self._rewind(shared)
        self._read(kept.tokens, kept.start, cancelled)
        if self._context.put_back(_ASIDE, kept.state):
            self._context.add(_ASIDE, 0, kept.start, len(kept.tokens))
            self.tokens = list(kept.tokens)
        else:
            self._kept.drop(kept)
        self._context.forget(_ASIDE, 0)

    def _read(self, prompt: list[int], end: int, cancelled: Asked) -> None:
        """Read the prompt up to `end`, a batch at a time."""
        step = self._batch_tokens - MAX_DRAFT_TOKENS
        for start in range(len(self.tokens), end, step):
            self._decode(prompt[start : min(start + step, end)], 1, cancelled)

    def _decode(
        self,
        tokens: list[int],
        rows: int,
        cancelled: Asked,
        meanwhile: Callable[[], None] | None = None,
    ) -> NDArray[np.float32]:
        if cancelled():
            raise Cancelled
        part = Part(0, len(self.tokens), tokens, rows)
        try:
            (logits,) = self._context.decode([part], cancelled, meanwhile)
        except BaseException:
            self._rewind(len(self.tokens))  # what was half read goes
            raise
        self.tokens += tokens
        return logits

    def _rewind(self, count: int) -> None:
        """Forget all but the first `count` tokens."""
        del self.tokens[self._context.forget(0, count) :]

    def close(self) -> None:
        """Free the context; safe to call twice."""
        self._context.close()
