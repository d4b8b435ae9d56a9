"""The embedded engine: one GGUF in this process, one context per sequence, one thread that decodes.

With few cores one decode at a time is fastest, so a single worker thread takes turns among the generations: a
token (or a slice of a prompt) each. Several sequences in one batch are issue 5's: `_Worker` is what it replaces.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from umi_cloud.engines.errors import EngineDeadError, PromptTooLongError, UnknownAdapterError
from umi_cloud.engines.sequence_pool import SequencePool, Slot
from umi_shared.engine import Chunk, Finished, Generation
from umi_shared.errors import LimitError, ModelError
from umi_shared.llama import Adapter, Cancelled, Sequence, Weights

__all__ = ["LlamaCppEngine", "LlamaCppOptions"]

_BATCH_TOKENS = 512
_SLICE_TOKENS = 128
"""Of a prompt, before others get their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCppOptions:
    """How much of the machine the engine takes."""

    context_tokens: int = 4096
    threads: int = 0
    """0 chooses by the number of cores."""
    sequences_per_adapter: int = 2
    """Sessions whose prompts stay cached, per adapter; each costs the memory of one context."""
    queued: int = 256
    """Generations that may wait; admission control is in front, so this is a second line."""
    gpu_layers: int = 0


@dataclass(slots=True, eq=False)
class _Job:
    """One generation on its way between the event loop and the worker."""

    generation: Generation = field(repr=False)
    loop: asyncio.AbstractEventLoop = field(repr=False)
    chunks: asyncio.Queue[Chunk | Exception] = field(default_factory=asyncio.Queue, repr=False)
    cancelled: threading.Event = field(default_factory=threading.Event, repr=False)
    tokens: list[int] = field(default_factory=list, repr=False)

    def send(self, item: Chunk | Exception) -> None:
        """Hand a chunk, or the failure that ends the stream, to the event loop."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self.chunks.put_nowait, item)


class LlamaCppEngine:
    """Implements `umi_shared.engine.Engine` on llama.cpp. All native calls are made by one thread."""

    def __init__(self, worker: "_Worker") -> None:
        self._worker = worker

    @classmethod
    def load(cls, model: Path, adapters: Mapping[str, Path], options: LlamaCppOptions) -> Self:
        """Load the model and its adapters; takes seconds, so call it in a thread.

        Raises `ModelError` for a file that is missing, no GGUF, truncated, or of another model.
        """
        weights = Weights.load(model, gpu_layers=options.gpu_layers)
        try:
            loaded = {name: weights.adapter(path) for name, path in adapters.items()}
            _ = weights.guide_tokenizer  # takes up to a second: now, not in the first request
            # One sequence per adapter at once: no memory for it is an error of the start, not of a request.
            worker = _Worker(weights, loaded, options)
        except BaseException:
            weights.close()
            raise
        worker.start()
        return cls(worker)

    @property
    def running(self) -> int:
        """Generations that the model works on now, those that wait not included."""
        return self._worker.running

    async def generate(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        """Stream one generation; closing it stops the decoding within a token.

        Raises `PromptTooLongError`, `UnknownAdapterError`, `LimitError` when too many wait, and `ModelError`.
        """
        job = _Job(generation, asyncio.get_running_loop())
        self._worker.submit(job)
        try:
            while True:
                item = await job.chunks.get()
                if isinstance(item, Exception):
                    raise item
                yield item
                if isinstance(item, Finished):
                    return
        finally:
            job.cancelled.set()

    async def close(self) -> None:
        """Stop decoding and free the model; generations under way end with `EngineDeadError`."""
        await asyncio.to_thread(self._worker.stop)


class _Worker(threading.Thread):
    """Takes turns among jobs; the only thread that touches llama.cpp."""

    def __init__(self, weights: Weights, adapters: Mapping[str, Adapter], options: LlamaCppOptions) -> None:
        super().__init__(name="llama.cpp", daemon=True)
        self._weights = weights
        self._adapters = adapters
        self._options = options
        self._pool: SequencePool[Sequence] = SequencePool(self._sequence, options.sequences_per_adapter)
        for name in adapters or [""]:
            self._pool.warm(name)
        self._wake = threading.Condition()
        self._waiting: deque[_Job] = deque()  # guarded by _wake
        self._stopping = False  # guarded by _wake
        self._active: list[tuple[_Job, Slot[Sequence], Iterator[Chunk | None]]] = []

    @property
    def running(self) -> int:
        return len(self._active)

    def submit(self, job: _Job) -> None:
        if job.generation.adapter and job.generation.adapter not in self._adapters:
            raise UnknownAdapterError(job.generation.adapter)
        with self._wake:
            if self._stopping:
                raise EngineDeadError("the engine is closed")
            if len(self._waiting) >= self._options.queued:
                raise LimitError(f"{self._options.queued} generations wait already")
            self._waiting.append(job)
            self._wake.notify()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()
        for job, _, _ in tuple(self._active):
            job.cancelled.set()  # aborts a decode under way
        self.join()

    def run(self) -> None:
        """The thread: start what can start, let each take a turn, sleep when there is nothing."""
        try:
            while self._has_work():
                self._begin()
                for turn in tuple(self._active):
                    self._take_turn(*turn)
        finally:
            self._end_all()
            self._pool.close()
            self._weights.close()

    def _has_work(self) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._stopping or self._active or self._waiting)
            return not self._stopping

    def _begin(self) -> None:
        """Give sequences to waiting jobs, in their order; one whose adapter is busy lets others pass."""
        with self._wake:
            waiting, self._waiting = self._waiting, deque()
        left: deque[_Job] = deque()
        for job in waiting:
            if job.cancelled.is_set():
                continue
            try:
                slot = self._slot(job)
            except Exception as error:  # whatever it is, it belongs to this request and not to the thread
                job.send(error)
                continue
            if slot is None:
                left.append(job)
            else:
                self._active.append((job, slot, self._steps(job, slot.sequence)))
        with self._wake:
            self._waiting.extendleft(reversed(left))

    def _slot(self, job: _Job) -> Slot[Sequence] | None:
        if not job.tokens:
            job.tokens = self._weights.prompt_tokens(job.generation.prompt)
            room = min(self._options.context_tokens, self._weights.trained_context)
            if len(job.tokens) >= room:
                raise PromptTooLongError(len(job.tokens), room)
        return self._pool.take(job.generation.adapter, job.generation.session, job.tokens)

    def _sequence(self, adapter: str) -> Sequence:
        return Sequence(
            self._weights,
            context_tokens=self._options.context_tokens,
            threads=self._options.threads,
            adapter=self._adapters.get(adapter),
            batch_tokens=_BATCH_TOKENS,
        )

    def _steps(self, job: _Job, sequence: Sequence) -> Iterator[Chunk | None]:
        """The turns of one job: slices of its prompt while others wait for theirs, then its tokens."""
        kept = min(sequence.shared_prefix(job.tokens), len(job.tokens) - 1)
        end = kept
        while len(job.tokens) - end > _SLICE_TOKENS and len(self._active) > 1:
            end += _SLICE_TOKENS
            sequence.read(job.tokens[:end], job.cancelled.is_set)
            yield None
        for chunk in sequence.generate(job.generation, job.cancelled):
            if isinstance(chunk, Finished):
                yield Finished(chunk.finish, replace(chunk.usage, cached_tokens=kept))
            else:
                yield chunk

    def _take_turn(self, job: _Job, slot: Slot[Sequence], steps: Iterator[Chunk | None]) -> None:
        finish = self._pool.give
        try:
            if job.cancelled.is_set():
                raise Cancelled  # the same end as when llama.cpp noticed
            chunk = next(steps)
            if chunk is not None:
                job.send(chunk)
            if not isinstance(chunk, Finished):
                return
        except Cancelled:
            if self._stopping:
                job.send(EngineDeadError("the engine is closed"))
        except ModelError as error:  # the sequence has put itself in order
            job.send(error)
        except Exception as error:  # a failed sequence must not end the thread that serves the others
            job.send(error)
            finish = self._pool.drop
        self._active = [turn for turn in self._active if turn[0] is not job]
        finish(slot)

    def _end_all(self) -> None:
        with self._wake:
            self._stopping = True
            jobs = [job for job, _, _ in self._active] + list(self._waiting)
        for job in jobs:
            job.send(EngineDeadError("the engine is closed"))
