"""One llama.cpp context: a KV cache for some sequences, and the batches that are decoded into it."""

import ctypes
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from umi_shared.cancellation import Cancellation
from umi_shared.errors import ModelError
from umi_shared.llama.spare_cores import SpareCores
from umi_shared.llama.threads import default_threads
from umi_shared.llama.weights import Adapter, Weights

__all__ = ["Cancelled", "Context", "Part"]

_ABORTED = 2
_libc: Any = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
_IS_SET = ctypes.cast(_libc.strlen, llama_cpp.ggml_abort_callback)
"""`bool is_set(void *flag)`: the length of the string of a `Cancellation` is 0 or 1.

llama.cpp asks after each node of its graph, some 900 times a token for the smallest model. A callback in Python would
take the GIL each time, and all threads of llama.cpp would wait for it.
"""
CPU_FLASH_ATTENTION = 0
"""Off. llama.cpp's takes each query of a batch below 64 by itself: measured on SmolLM2 with 1,024 tokens in the cache,
a batch of 4 took 2.7 times as long with it, and one token 1.6 times. The price: without it the logits of a token
decoded alone differ by a rounding (which quantized activations make visible) from those of the same token in a batch.
"""
_aside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="umi-grammar")


@dataclass(frozen=True, slots=True)
class Part:
    """One sequence's share of a batch."""

    sequence: int
    start: int
    """The position of the first token, which is how many tokens the sequence holds already."""
    tokens: list[int] = field(repr=False)
    rows: int = 0
    """How many rows of logits are wanted: one after each of the last `rows` tokens."""


class Cancelled(Exception):  # noqa: N818  # like asyncio's, it is not an error
    """The computation was cancelled; what it was done with stays usable."""


class Context:
    """A native context with at most one adapter. Not thread-safe: one thread at a time uses it."""

    def __init__(
        self,
        weights: Weights,
        *,
        cache_tokens: int,
        sequences: int = 1,
        batch_tokens: int = 512,
        batch_rows: int,
        threads: int = 0,
        polite: bool = False,
        adapter: Adapter | None = None,
    ) -> None:
        """Allocate the KV cache and the batch.

        The sequences share `cache_tokens` cells of the cache. A batch has at most `batch_tokens` tokens, with logits
        after at most `batch_rows` of them. A `polite` context leaves cores that other programs use to them.
        Raises `ModelError` when there is no memory for that.
        """
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = cache_tokens
        params.n_batch = params.n_ubatch = batch_tokens
        params.n_outputs_max = batch_rows  # else as many as tokens: 100 MB of logits for 512 of a small model
        params.n_seq_max = sequences
        params.kv_unified = True  # a prefix that two sequences share is held once
        self._threads = threads or default_threads()
        self._cores = SpareCores(self._threads) if polite else None
        params.n_threads = params.n_threads_batch = self._threads
        params.no_perf = True
        if not weights.gpu_layers:
            params.flash_attn_type = CPU_FLASH_ATTENTION
        self.native: Any = llama_cpp.llama_init_from_model(weights.model, params)
        if not self.native:
            raise ModelError(
                f"no memory for a context of {cache_tokens} tokens", fix="lower `context_tokens`"
            )
        self._memory = llama_cpp.llama_get_memory(self.native)
        self._vocabulary_size = weights.vocabulary_size
        self._batch = _Batch(batch_tokens)
        self._watched: Any = None
        if adapter is not None:
            self._use(adapter)

    def _use(self, adapter: Adapter) -> None:
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter.pointer)
        scales = (ctypes.c_float * 1)(1.0)
        if llama_cpp.llama_set_adapters_lora(self.native, adapters, 1, scales) != 0:
            raise ModelError(f"the adapter {adapter.path} cannot be used")

    def decode(
        self,
        parts: Iterable[Part],
        cancelled: Cancellation | Callable[[], bool],
        meanwhile: Callable[[], None] | None = None,
    ) -> list[NDArray[np.float32]]:
        """Have the model read the parts in one batch; `meanwhile` runs at the same time, in another thread.

        Gives each part's logits, `(rows, vocabulary_size)`, as views that are valid until the next decode. Raises
        `Cancelled`, `ModelError`, or what `meanwhile` raises. After an error some of the tokens may be in the cache:
        `forget` them.
        """
        self._choose_threads()
        ends = self._batch.fill(parts)
        self._watch(cancelled)
        aside = _aside.submit(meanwhile) if meanwhile else None
        status = llama_cpp.llama_decode(self.native, self._batch.native)  # without the GIL
        if aside:
            aside.result()
        if status == 0:
            return [self._rows(end, rows) for end, rows in ends]
        if status == _ABORTED or cancelled():
            raise Cancelled
        raise ModelError(f"llama.cpp could not decode (status {status})", fix="raise `context_tokens`")

    def _choose_threads(self) -> None:
        count = self._cores.threads() if self._cores else self._threads
        if count != self._threads:
            self._threads = count
            llama_cpp.llama_set_n_threads(self.native, count, count)

    def _watch(self, cancelled: Cancellation | Callable[[], bool]) -> None:
        """Have llama.cpp stop when it is cancelled. What it looks at is kept alive until the next decode."""
        if isinstance(cancelled, Cancellation):
            asked, data = _IS_SET, ctypes.c_void_p(cancelled.address)
        else:
            asked, data = llama_cpp.ggml_abort_callback(lambda _: cancelled()), ctypes.c_void_p(0)
        llama_cpp.llama_set_abort_callback(self.native, asked, data)
        self._watched = (cancelled, asked)

    def _rows(self, end: int, count: int) -> NDArray[np.float32]:
        """The logits of the batch's tokens `end - count` to `end`; llama.cpp holds them side by side, in order."""
        if count == 0:
            return np.empty((0, self._vocabulary_size), np.float32)
        first = llama_cpp.llama_get_logits_ith(self.native, end - count)
        return np.ctypeslib.as_array(first, shape=(count, self._vocabulary_size))

    def logits(self) -> NDArray[np.float32]:
        """The logits after the last token of the last batch, `(vocabulary_size,)`; valid until the next decode."""
        pointer = llama_cpp.llama_get_logits_ith(self.native, -1)
        return np.ctypeslib.as_array(pointer, shape=(self._vocabulary_size,))

    def forget(self, sequence: int, keep: int) -> int:
        """Forget all but the first `keep` tokens of a sequence; returns how many it holds then."""
        if llama_cpp.llama_memory_seq_rm(self._memory, sequence, keep, -1):
            return keep
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)  # a recurrent model keeps no prefix
        return 0

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Have `target` hold the tokens of `source` at these places, and nothing else; the cache holds them once."""
        llama_cpp.llama_memory_seq_rm(self._memory, target, -1, -1)
        self.add(source, target, start, end)

    def add(self, source: int, target: int, start: int, end: int) -> None:
        """Have `target` hold the tokens of `source` at these places, too."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, start, end)

    def state(self, sequence: int) -> "ctypes.Array[ctypes.c_uint8]":
        """A copy of what the cache holds of a sequence; empty if that is nothing."""
        size = llama_cpp.llama_state_seq_get_size(self.native, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = llama_cpp.llama_state_seq_get_data(self.native, buffer, size, sequence)
        return buffer if written == size else (ctypes.c_uint8 * 0)()

    def put_back(self, sequence: int, state: "bytes | ctypes.Array[ctypes.c_uint8]") -> bool:
        """Have a sequence hold what a copy has, and nothing else; False where llama.cpp refuses it.

        It trusts the bytes; check them before.
        """
        whole = ctypes.c_char_p(state) if isinstance(state, bytes) else state  # not copied
        source = ctypes.cast(whole, ctypes.POINTER(ctypes.c_uint8))
        return bool(llama_cpp.llama_state_seq_set_data(self.native, source, len(state), sequence) != 0)

    def clear(self) -> None:
        """Forget all sequences."""
        llama_cpp.llama_memory_clear(self._memory, True)

    def close(self) -> None:
        """Free it; safe to call twice."""
        if self.native is not None:
            llama_cpp.llama_free(self.native)
            self.native = None


class _Batch:
    """A `llama_batch` over arrays of our own, used again and again."""

    def __init__(self, size: int) -> None:
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._counts = np.ones(size, np.int32)
        self._sequences = np.zeros(size, np.int32)
        self._wanted = np.zeros(size, np.int8)
        step, start = self._sequences.itemsize, self._sequences.ctypes.data
        self._pointers = np.arange(start, start + size * step, step, dtype=np.uintp)
        batch = llama_cpp.llama_batch
        self.native = batch()
        for name, array in (
            ("token", self._tokens),
            ("pos", self._positions),
            ("n_seq_id", self._counts),
            ("seq_id", self._pointers),
            ("logits", self._wanted),
        ):
            kind = type(getattr(self.native, name))
            setattr(self.native, name, ctypes.cast(array.ctypes.data, kind))

    def fill(self, parts: Iterable[Part]) -> list[tuple[int, int]]:
        """Lay the parts side by side; gives for each where it ends, and how many rows of logits it wants."""
        at, ends = 0, []
        for part in parts:
            end = at + len(part.tokens)
            self._tokens[at:end] = part.tokens
            self._positions[at:end] = np.arange(part.start, part.start + len(part.tokens))
            self._sequences[at:end] = part.sequence
            self._wanted[at:end] = 0
            self._wanted[end - part.rows : end] = 1
            ends.append((end, part.rows))
            at = end
        self.native.n_tokens = at
        return ends
