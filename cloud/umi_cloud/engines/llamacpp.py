"""The embedded engine: one GGUF in this process, and a scheduler of batches for each adapter.

One thread decodes: with few cores one batch at a time is fastest, and contexts that one thread drives share its
OpenMP threads. The schedulers take turns, a batch each. A second thread compiles grammars, while the first reads
prompts and writes for others.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from umi_cloud.engines.adapter_scheduler import AdapterScheduler
from umi_cloud.engines.errors import EngineDeadError, PromptTooLongError, UnknownAdapterError
from umi_cloud.engines.job import Job
from umi_shared.engine import Chunk, Finished, Generation
from umi_shared.errors import LimitError
from umi_shared.llama import Adapter, Weights
from umi_shared.llama.guide import Guide
from umi_shared.prefix import shared_prefix

__all__ = ["LlamaCppEngine", "LlamaCppOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCppOptions:
    """How much of the machine the engine takes."""

    context_tokens: int = 4096
    """The longest prompt with its output."""
    threads: int = 0
    """0 chooses by the number of cores."""
    sequences_per_adapter: int = 8
    """Generations in one batch, and sessions whose prompts stay cached, per adapter."""
    cache_tokens: int = 0
    """Tokens that all sequences of an adapter may hold together, which sets its memory; 0: twice `context_tokens`."""
    queued: int = 256
    """The most generations that may wait. This is a second bound, behind admission control."""
    gpu_layers: int = 0
    """How many layers of the model run on the GPU."""


class LlamaCppEngine:
    """Implements `umi_shared.engine.Engine` on llama.cpp. All native calls are made by one thread."""

    def __init__(self, worker: "_Worker") -> None:
        self._worker = worker

    @classmethod
    def load(cls, model: Path, adapters: Mapping[str, Path], options: LlamaCppOptions) -> Self:
        """Load the model and its adapters; takes seconds, so call it in a thread.

        Raises `ModelError` for a file that is missing, not a GGUF, truncated, or an adapter of another model.
        """
        weights = Weights.load(model, gpu_layers=options.gpu_layers)
        try:
            loaded = {name: weights.adapter(path) for name, path in adapters.items()}
            _ = weights.guide_tokenizer  # takes up to a second: better now than in the first request
            # Every adapter gets its scheduler now, so that a lack of memory fails the start and not a request.
            worker = _Worker(weights, loaded, options)
        except BaseException:
            weights.close()
            raise
        worker.start()
        return cls(worker)

    @property
    def running(self) -> int:
        """How many generations the model works on now, without those that wait."""
        return self._worker.running

    @property
    def batches(self) -> int:
        """How many batches the model has decoded."""
        return self._worker.batches

    async def generate(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        """Stream one generation; closing it stops the decoding within a token.

        Raises `PromptTooLongError`, `UnknownAdapterError`, `LimitError` when too many wait, and `ModelError`.
        """
        job = Job(generation, asyncio.get_running_loop())
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
            self._worker.cancel(job)

    async def close(self) -> None:
        """Stop decoding and free the model; generations under way end with `EngineDeadError`."""
        await asyncio.to_thread(self._worker.stop)


class _Worker(threading.Thread):
    """The only thread that calls llama.cpp; it gives the schedulers turns."""

    def __init__(self, weights: Weights, adapters: Mapping[str, Adapter], options: LlamaCppOptions) -> None:
        super().__init__(name="llama.cpp", daemon=True)
        self._weights = weights
        self._adapters = adapters
        self._options = options
        self._context_tokens = min(options.context_tokens, weights.trained_context)
        # By adapter, not by role: roles whose adapter is one file share one KV cache, so that the summarizer finds
        # what the planner has read of the session.
        self._schedulers: dict[Adapter | None, AdapterScheduler] = {}
        self._wake = threading.Condition()
        self._waiting: deque[Job] = deque()  # guarded by _wake
        self._stopping = False  # guarded by _wake
        self._news = False  # guarded by _wake: something has changed for a job that waits
        self._grammars = ThreadPoolExecutor(1, thread_name_prefix="grammars")
        try:
            for adapter in adapters.values() or [None]:
                self._scheduler(adapter)
        except BaseException:
            self._close_schedulers()
            raise

    def _scheduler(self, adapter: Adapter | None) -> AdapterScheduler:
        """The adapter's scheduler; that of the base model is made at its first use."""
        if adapter not in self._schedulers:
            self._schedulers[adapter] = AdapterScheduler(
                self._weights,
                adapter,
                context_tokens=self._context_tokens,
                cache_tokens=max(
                    self._options.cache_tokens or 2 * self._context_tokens, self._context_tokens
                ),
                sequences=self._options.sequences_per_adapter,
                threads=self._options.threads,
            )
        return self._schedulers[adapter]

    @property
    def running(self) -> int:
        return sum(len(scheduler.jobs) for scheduler in tuple(self._schedulers.values()))

    @property
    def batches(self) -> int:
        return sum(scheduler.batches for scheduler in tuple(self._schedulers.values()))

    def submit(self, job: Job) -> None:
        if job.generation.adapter and job.generation.adapter not in self._adapters:
            raise UnknownAdapterError(job.generation.adapter)
        with self._wake:
            if self._stopping:
                raise EngineDeadError("the engine is closed")
            if sum(not other.cancelled() for other in self._waiting) >= self._options.queued:
                raise LimitError(f"{self._options.queued} generations are waiting already")
            if job.generation.constraint is not None:
                job.guide = self._grammars.submit(
                    Guide, self._weights.guide_tokenizer, job.generation.constraint
                )
            self._waiting.append(job)
            self._news = True
            self._wake.notify()
        if job.guide is not None:
            job.guide.add_done_callback(lambda _: self._tell())

    def cancel(self, job: Job) -> None:
        job.cancelled.set()
        if job.guide is not None:
            job.guide.cancel()
        self._tell()

    def _tell(self) -> None:
        with self._wake:
            self._news = True
            self._wake.notify()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()
        for scheduler in tuple(self._schedulers.values()):
            scheduler.halt.set()  # aborts a decode under way
            for job in scheduler.jobs:
                job.cancelled.set()
        self.join()
        self._grammars.shutdown(cancel_futures=True)

    def run(self) -> None:
        """The thread: begin waiting jobs, let each scheduler decode a batch, sleep when there is nothing to decode."""
        try:
            while self._has_work():
                self._begin()
                busy = [scheduler for scheduler in self._schedulers.values() if scheduler.jobs]
                decoded = [self._take_turn(scheduler, alone=len(busy) == 1) for scheduler in busy]
                if busy and not any(decoded):
                    self._await_news()
        finally:
            self._end_all()
            self._close_schedulers()
            self._weights.close()

    def _has_work(self) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._stopping or self._waiting or self.running)
            return not self._stopping

    def _await_news(self) -> None:
        """Sleep until a grammar is compiled, or a job comes or is cancelled."""
        with self._wake:
            self._wake.wait_for(lambda: self._stopping or self._news)

    def _begin(self) -> None:
        """Give sequences to waiting jobs, in their order; a job whose adapter is full lets jobs of others pass."""
        with self._wake:
            waiting, self._waiting = self._waiting, deque()
            self._news = False
        left: deque[Job] = deque()
        full: set[Adapter | None] = set()
        for job in waiting:
            adapter = self._adapters.get(job.generation.adapter)
            if job.cancelled():
                continue
            try:
                if adapter in full or not self._begun(job):
                    full.add(adapter)
                    left.append(job)
            except Exception as error:  # it concerns this request, and must not end the thread
                job.send(error)
        with self._wake:
            self._waiting.extendleft(reversed(left))

    def _begun(self, job: Job) -> bool:
        if not job.tokens:
            job.tokens = self._weights.prompt_tokens(job.generation.prompt)
            if len(job.tokens) >= self._context_tokens:
                raise PromptTooLongError(len(job.tokens), self._context_tokens)
            if job.generation.common is not None:
                job.common = shared_prefix(job.tokens, self._weights.prompt_tokens(job.generation.common))
        return self._scheduler(self._adapters.get(job.generation.adapter)).begin(job)

    def _take_turn(self, scheduler: AdapterScheduler, *, alone: bool) -> bool:
        try:
            return scheduler.step(alone=alone)
        except Exception as error:  # a failed batch must not end the thread that serves the others
            scheduler.fail(error)
            return True

    def _end_all(self) -> None:
        with self._wake:
            self._stopping = True
            jobs = [job for scheduler in self._schedulers.values() for job in scheduler.jobs] + list(
                self._waiting
            )
        for job in jobs:
            job.send(EngineDeadError("the engine is closed"))

    def _close_schedulers(self) -> None:
        for scheduler in self._schedulers.values():
            scheduler.close()
