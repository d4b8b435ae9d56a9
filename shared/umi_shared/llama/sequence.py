"""One sequence in one llama.cpp context: what it has read stays in the KV cache and is not read again."""

import ctypes
import threading
from collections.abc import Callable, Iterator
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from umi_shared.engine import Chunk, Constraint, Delta, Finish, Finished, Generation, JsonSchema
from umi_shared.errors import ModelError
from umi_shared.llama.guide import Guide
from umi_shared.llama.output import OutputText
from umi_shared.llama.threads import default_threads
from umi_shared.llama.weights import Adapter, Weights
from umi_shared.transcript import Usage

__all__ = ["Cancelled", "Sequence"]

_ABORTED = 2


def _must_close(constraint: Constraint | None, written: int, room: int) -> bool:
    """Whether a JSON output is to be brought to its end: it would be cut off, and so be no JSON at all."""
    return isinstance(constraint, JsonSchema) and written >= room // 2


class Cancelled(Exception):  # noqa: N818  # like asyncio's, it is not an error
    """The generation was cancelled; the sequence stays usable."""


class Sequence:
    """A context with one sequence and at most one adapter. Not thread-safe: one thread at a time uses it.

    `tokens` is what the KV cache holds. Every reading starts from the longest common prefix with it, so a prompt
    that grows by a step costs only its new tokens.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        context_tokens: int = 4096,
        threads: int = 0,
        adapter: Adapter | None = None,
        batch_tokens: int = 512,
    ) -> None:
        self.weights = weights
        self.context_tokens = min(context_tokens, weights.trained_context)
        self.tokens: list[int] = []
        self._batch_tokens = batch_tokens
        self._cancelled: Callable[[], bool] = lambda: False
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = self.context_tokens
        params.n_batch = params.n_ubatch = batch_tokens
        params.n_threads = params.n_threads_batch = threads or default_threads()
        params.no_perf = True
        self._context: Any = llama_cpp.llama_init_from_model(weights.model, params)
        if not self._context:
            raise ModelError(
                f"no memory for a context of {self.context_tokens} tokens", fix="lower `context_tokens`"
            )
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._abort = llama_cpp.ggml_abort_callback(lambda _: self._cancelled())
        llama_cpp.llama_set_abort_callback(self._context, self._abort, ctypes.c_void_p(0))
        if adapter is not None:
            self._use(adapter)

    def _use(self, adapter: Adapter) -> None:
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter.pointer)
        scales = (ctypes.c_float * 1)(1.0)
        if llama_cpp.llama_set_adapters_lora(self._context, adapters, 1, scales) != 0:
            raise ModelError(f"the adapter {adapter.path} cannot be used")

    def shared_prefix(self, tokens: list[int]) -> int:
        """How many tokens of a prompt the KV cache already holds."""
        count = 0
        for ours, theirs in zip(self.tokens, tokens, strict=False):
            if ours != theirs:
                break
            count += 1
        return count

    def read(self, tokens: list[int], cancelled: Callable[[], bool] = lambda: False) -> int:
        """Make the cache hold exactly these tokens; returns how many it held before.

        The last token is always decoded, so that its logits are there. Raises `Cancelled`, `ModelError`.
        """
        if len(tokens) >= self.context_tokens:
            raise ModelError(
                f"the prompt has {len(tokens)} tokens, and the context holds {self.context_tokens}",
                fix="raise `context_tokens`, or offer fewer tools",
            )
        kept = min(self.shared_prefix(tokens), len(tokens) - 1)
        self._rewind(kept)
        for start in range(kept, len(tokens), self._batch_tokens):
            self._decode(tokens[start : start + self._batch_tokens], cancelled)
        return kept

    def state(self) -> bytes:
        """A copy of the KV cache, for `restore` with the same model, adapter and llama.cpp; empty if it has none."""
        size = llama_cpp.llama_state_seq_get_size(self._context, 0)
        buffer = (ctypes.c_uint8 * size)()
        written = llama_cpp.llama_state_seq_get_data(self._context, buffer, size, 0)
        return bytes(memoryview(buffer)[:written])

    def restore(self, tokens: list[int], state: bytes) -> bool:
        """Hold what a sequence held that had read exactly these tokens, and nothing else.

        False when llama.cpp refuses the state: then the cache is empty. It trusts the bytes; check them before.
        """
        self._rewind(0)
        source = ctypes.cast(ctypes.c_char_p(state), ctypes.POINTER(ctypes.c_uint8))  # not copied
        fits = len(tokens) < self.context_tokens
        if not fits or llama_cpp.llama_state_seq_set_data(self._context, source, len(state), 0) == 0:
            llama_cpp.llama_memory_clear(self._memory, True)
            return False
        self.tokens = list(tokens)
        return True

    def generate(
        self, generation: Generation, cancelled: Callable[[], bool] | threading.Event = lambda: False
    ) -> Iterator[Chunk]:
        """Stream one generation, greedily decoded; the adapter is the sequence's own.

        Raises `Cancelled` within a token of `cancelled` turning true, `ModelError` when the prompt does not fit.
        """
        stop_asked = cancelled.is_set if isinstance(cancelled, threading.Event) else cancelled
        prompt = self.weights.prompt_tokens(generation.prompt)
        kept = self.read(prompt, stop_asked)
        output = OutputText(generation.stop)
        guide = self._guide(generation.constraint)
        room = min(generation.max_tokens, self.context_tokens - len(prompt))
        written, finish = 0, Finish.LENGTH
        while written < room:
            token = self._choose(guide, closing=_must_close(generation.constraint, written, room))
            if self.weights.ends(token):
                finish = Finish.STOP
                break
            written += 1
            if text := output.feed(self.weights.piece(token)):
                yield Delta(text)
            if guide:
                guide.take([token])
            if output.stopped or (guide and guide.done):
                finish = Finish.STOP
                break
            if written < room:
                self._decode([token], stop_asked)
        if text := output.finish():
            yield Delta(text)
        usage = Usage(prompt_tokens=len(prompt), cached_tokens=kept, completion_tokens=written)
        yield Finished(finish, usage)

    def logits(self) -> NDArray[np.float32]:
        """The logits after the last token, `(vocabulary_size,)`; valid until the next decode."""
        pointer = llama_cpp.llama_get_logits_ith(self._context, -1)
        return np.ctypeslib.as_array(pointer, shape=(self.weights.vocabulary_size,))

    def _choose(self, guide: Guide | None, *, closing: bool) -> int:
        if guide is None:
            return int(np.argmax(self.logits()))
        return guide.choose(self.logits(), self.weights.closing_tokens if closing else None)

    def _guide(self, constraint: Constraint | None) -> Guide | None:
        return Guide(self.weights.guide_tokenizer, constraint) if constraint else None

    def _decode(self, tokens: list[int], cancelled: Callable[[], bool]) -> None:
        if cancelled():
            raise Cancelled
        array = (llama_cpp.llama_token * len(tokens))(*tokens)  # the batch points into it: it must outlive it
        batch = llama_cpp.llama_batch_get_one(array, len(tokens))
        self._cancelled = cancelled
        status = llama_cpp.llama_decode(self._context, batch)
        if status == 0:
            self.tokens += tokens
            return
        self._rewind(len(self.tokens))  # what was half read goes
        if status == _ABORTED or cancelled():
            raise Cancelled
        raise ModelError(f"llama.cpp could not decode (status {status})", fix="raise `context_tokens`")

    def _rewind(self, count: int) -> None:
        """Forget all but the first `count` tokens."""
        if not llama_cpp.llama_memory_seq_rm(self._memory, 0, count, -1):
            llama_cpp.llama_memory_clear(self._memory, True)  # a recurrent model keeps no prefix
            count = 0
        del self.tokens[count:]

    def close(self) -> None:
        """Free the context; safe to call twice."""
        if self._context is not None:
            llama_cpp.llama_free(self._context)
            self._context = None
