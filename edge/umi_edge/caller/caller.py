"""The caller: its model, driven from one worker thread. Importing this loads no machine code.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeVar

from umi_edge.caller.config import CallerConfig
from umi_edge.caller.turns import Turns
from umi_edge.caller.written_call import WrittenCall
from umi_shared.cancellation import Cancellation
from umi_shared.dialects import Dialect
from umi_shared.errors import ModelError
from umi_shared.models import check_gguf
from umi_shared.released import Released
from umi_shared.transcript import Plan, View

if TYPE_CHECKING:
    from umi_edge.caller.model import CallerModel

__all__ = ["Caller", "NoCaller"]

T = TypeVar("T")


class Caller:
    """Turns the view of a plan into a call that its tool's schema admits.

    The model loads on the worker from the start; whatever is asked meanwhile waits for it, and gets its
    `ModelError` where it cannot be loaded. It keeps what it has read: a later step of a session costs its new
    tokens only, also where other sessions had their turns between. One thing at a time; cancelling stops the model
    within a token, and so does another session's call while it only reads ahead.
    """

    def __init__(self, config: CallerConfig, dialect: Dialect) -> None:
        self._config = config
        self._dialect = dialect
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="umi-caller")
        self._loading: Future[CallerModel] = self._worker.submit(_load, config, dialect)
        self._keeping: set[asyncio.Future[object]] = set()
        self._turns = Turns()
        self._reading: tuple[View, Cancellation] | None = None
        """What is being read ahead, and what stops that."""

    @classmethod
    def opening(cls, config: CallerConfig, dialect: Dialect) -> Self:
        """A caller at once, whose model is being loaded.

        Raises `ModelError` for a file that is missing or not a GGUF; other faults show at the first request.
        """
        check_gguf(config.model)
        if config.adapter:
            check_gguf(config.adapter, adapter=True)
        return cls(config, dialect)

    @classmethod
    async def open(cls, config: CallerConfig, dialect: Dialect) -> Self:
        """A caller whose model is loaded. Raises `ModelError`."""
        caller = cls.opening(config, dialect)
        try:
            await asyncio.wrap_future(caller._loading)
        except BaseException:
            caller._worker.shutdown(wait=False)
            raise
        return caller

    async def warm(self, catalogue: Released[View]) -> None:
        """Hold what every session with these tools begins with: from the disk where it was kept before.

        The entries of `catalogue` are not looked at. What is kept is written while others work.
        """
        async with self._turns.take(waited_for=False):
            keep = await self._work(lambda model, cancelled: model.warm(catalogue, cancelled), Cancellation())
        if keep is not None:
            writing = asyncio.ensure_future(asyncio.to_thread(keep))
            self._keeping.add(writing)
            writing.add_done_callback(self._keeping.discard)

    async def prefill(self, view: View) -> None:
        """Read what is certain of the coming call's prompt, so that writing it can start at once.

        The view's last entry may be a plan that is still being said, up to a whole word and without a tool; or a
        guess at the whole of it. What was read and then differs is read again. A call of another session cuts it
        short.
        """
        async with self._turns.take(waited_for=False):
            cancelled = Cancellation()
            self._reading = view, cancelled
            try:
                await self._work(lambda model, stopped: model.prefill(view, stopped), cancelled)
            finally:
                self._reading = None

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        """Write the call that the view's last plan asks for; `schemas` are those of `call_schemas`.

        Raises `MalformedError` when the call does not end within the limit, `ModelError` when the prompt does
        not fit the context.
        """
        held = self._loading.result().held() if _loaded(self._loading) else []
        if self._reading is not None and not _go_on_alike(self._reading[0], view):
            self._reading[1].set()
        async with self._turns.take(waited_for=True):
            return await self._work(
                lambda model, cancelled: model.call(view, schemas, held, cancelled), Cancellation()
            )

    async def _work(self, job: "Callable[[CallerModel, Cancellation], T]", cancelled: Cancellation) -> T:
        """Run a job on the worker; a cancelled await stops the job and waits until it has stopped."""
        future = asyncio.get_running_loop().run_in_executor(
            self._worker, lambda: job(self._loading.result(), cancelled)
        )
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            cancelled.set()
            future.add_done_callback(_expected)
            await asyncio.shield(asyncio.wait([future]))
            raise

    async def close(self) -> None:
        """Free the model, once it has loaded and what was to be kept is written."""
        if self._keeping:
            await asyncio.wait(self._keeping)
        await asyncio.get_running_loop().run_in_executor(self._worker, self._free)
        self._worker.shutdown()

    def _free(self) -> None:
        if _loaded(self._loading):
            self._loading.result().close()


class NoCaller(Caller):
    """For a laptop whose calls other programs write: no model is looked for, and none is loaded."""

    def __init__(self) -> None:
        """Nothing is to be made ready."""

    async def warm(self, catalogue: Released[View]) -> None:
        """Raises `ModelError`."""
        raise self._nobody()

    async def prefill(self, view: View) -> None:
        """Raises `ModelError`."""
        raise self._nobody()

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        """Raises `ModelError`."""
        raise self._nobody()

    @staticmethod
    def _nobody() -> ModelError:
        return ModelError("no caller was started: other programs write the calls here")

    async def close(self) -> None:
        """Nothing was loaded."""


def _load(config: CallerConfig, dialect: Dialect) -> "CallerModel":
    from umi_edge.caller.model import CallerModel  # noqa: PLC0415  # machine code, and a slow import

    return CallerModel.load(config, dialect)


def _expected(future: "asyncio.Future[Any]") -> None:
    """Look at the outcome of a job that was cancelled, so that asyncio does not log it."""
    if not future.cancelled():
        future.exception()


def _loaded(loading: "Future[CallerModel]") -> bool:
    return loading.done() and loading.exception() is None


def _go_on_alike(reading: View, asked: View) -> bool:
    """Whether a call may be the one that is being read ahead: a plan at its end may have been a guess."""
    guess = bool(reading.entries) and isinstance(reading.entries[-1], Plan)
    known = reading.entries[:-1] if guess else reading.entries
    return known == asked.entries[: len(known)]
