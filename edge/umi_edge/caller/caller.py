"""The caller's model: one sequence in llama.cpp, driven from one worker thread."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from umi_shared.dialects import Dialect
from umi_shared.engine import Delta, Generation
from umi_shared.errors import MalformedError, ModelError
from umi_shared.llama import Adapter, Cancelled, Sequence, Weights
from umi_shared.transcript import Usage, View

__all__ = ["Caller", "CallerConfig", "WrittenCall"]

T = TypeVar("T")

READING_TOKENS = 2048
"""The context of `Caller.read`: a part of a long text, not all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerConfig:
    """The model that writes calls."""

    model: Path
    adapter: Path | None = None
    context_tokens: int = 4096
    threads: int = 0
    """0 chooses by the machine's cores."""
    max_tokens: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCall:
    """A call as the model wrote it: handles unresolved, nothing checked but its grammar."""

    tool: str
    arguments: str = field(repr=False)
    """Compact JSON text of an object."""
    usage: Usage


class Caller:
    """Turns the view of a plan into a call that its tool's schema admits.

    The sequence keeps what it has read: a later step of a session costs its new tokens only. One call at a time;
    cancelling `call` stops the model within a token.
    """

    def __init__(self, sequence: Sequence, dialect: Dialect, config: CallerConfig) -> None:
        self._sequence = sequence
        self._dialect = dialect
        self._config = config
        self._reading: Sequence | None = None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="umi-caller")

    @classmethod
    def load(cls, config: CallerConfig, dialect: Dialect) -> Self:
        """Load the model and its adapter; takes a second or more, so call it off the event loop.

        Raises `ModelError`.
        """
        weights = Weights.load(config.model)
        adapter: Adapter | None = weights.adapter(config.adapter) if config.adapter else None
        sequence = Sequence(
            weights, context_tokens=config.context_tokens, threads=config.threads, adapter=adapter
        )
        return cls(sequence, dialect, config)

    @classmethod
    async def open(cls, config: CallerConfig, dialect: Dialect) -> Self:
        """Load without blocking the event loop."""
        return await asyncio.to_thread(cls.load, config, dialect)

    async def prefill(self, view: View) -> None:
        """Read what is known of the coming call's prompt, so that writing it can start at once.

        `view` may end before the plan does; what was read and then differs is read again.
        """
        await self._work(lambda cancelled: self._prefill(view, cancelled))

    def _prefill(self, view: View, cancelled: threading.Event) -> None:
        tokens = self._sequence.weights.prompt_tokens(self._dialect.call(view).prompt)
        self._sequence.read(tokens, cancelled.is_set)

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        """Write the call that the view's last plan asks for; `schemas` are those of `call_schemas`.

        Raises `MalformedError` when the call does not end within the limit, `ModelError` when the prompt does
        not fit the context.
        """
        return await self._work(lambda cancelled: self._call(view, schemas, cancelled))

    def _call(
        self, view: View, schemas: Mapping[str, Mapping[str, Any]], cancelled: threading.Event
    ) -> WrittenCall:
        asked = self._dialect.call(view)
        generation = Generation(
            prompt=asked.prompt,
            constraint=self._dialect.call_constraint(schemas),
            stop=asked.stop,
            max_tokens=self._config.max_tokens,
        )
        text, usage = "", Usage()
        for chunk in self._sequence.generate(generation, cancelled):
            if isinstance(chunk, Delta):
                text += chunk.text
            else:
                usage = chunk.usage
        tool, arguments = self._dialect.read_call(text)
        if tool not in schemas:
            raise MalformedError("the caller names a tool that is not in the catalogue")
        return WrittenCall(tool=tool, arguments=arguments, usage=usage)

    async def read(self, generation: Generation) -> str:
        """Answer another prompt than a call's, without the adapter and on a sequence of its own.

        So what the caller has read of the session stays read. The first use allocates that sequence. Raises
        `ModelError`, which quotes neither the prompt nor the constraint: both may hold private values (I8).
        """
        return await self._work(lambda cancelled: self._read(generation, cancelled))

    def _read(self, generation: Generation, cancelled: threading.Event) -> str:
        try:
            if self._reading is None:
                self._reading = Sequence(
                    self._sequence.weights,
                    context_tokens=READING_TOKENS,
                    threads=self._config.threads,
                )
            chunks = list(self._reading.generate(generation, cancelled))
        except ModelError:
            failed = True
        else:
            failed = False
        if failed:  # outside of the handler, so that it has no `__context__`
            raise ModelError(
                "the model on this device could not read the text", fix="ask about a shorter one"
            )
        return "".join(chunk.text for chunk in chunks if isinstance(chunk, Delta))

    async def _work(self, job: Callable[[threading.Event], T]) -> T:
        """Run a job on the worker; a cancelled await stops the job and waits until it has stopped."""
        cancelled = threading.Event()
        future = asyncio.get_running_loop().run_in_executor(self._worker, job, cancelled)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            cancelled.set()
            try:
                await asyncio.shield(asyncio.wait([future]))
            finally:
                if future.done() and not future.cancelled():
                    future.exception()  # Cancelled, and expected
            raise
        except Cancelled as error:  # pragma: no cover - only a cancelled await sets the event
            raise asyncio.CancelledError from error

    async def close(self) -> None:
        """Free the model."""
        await asyncio.get_running_loop().run_in_executor(self._worker, self._free)
        self._worker.shutdown()

    def _free(self) -> None:
        if self._reading is not None:
            self._reading.close()
        self._sequence.close()
        self._sequence.weights.close()
