"""The reader's model: a GGUF in a thread of its own, loaded when something is first read with it.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from umi_edge.reading.reading import Scored
from umi_shared.cancellation import Cancellation
from umi_shared.errors import ModelError
from umi_shared.models import check_gguf

if TYPE_CHECKING:
    from umi_shared.llama import Weights
    from umi_shared.llama.likelihood import Likelihoods

__all__ = ["ReadingModel"]


class ReadingModel:
    """Says how probable its model finds questions after texts; `scores` is the `Scorer` of a `Reading`."""

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        """`threads` 0 chooses by the machine. Raises `ModelError` for a file that is missing or no GGUF."""
        check_gguf(path)
        self._path = path
        self._threads = threads
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="umi-reader")
        self._weights: Weights | None = None
        self._likelihoods: Likelihoods | None = None

    async def scores(self, scored: Sequence[Scored]) -> list[float]:
        """The natural logarithm of the probability of each text after what is before it.

        Raises `ModelError`, which quotes neither (I8). Cancelling stops the model within a batch.
        """
        cancelled = Cancellation()
        work = asyncio.get_running_loop().run_in_executor(self._worker, self._scores, scored, cancelled)
        try:
            found = await asyncio.shield(work)
        except asyncio.CancelledError:
            cancelled.set()
            await asyncio.wait([work])
            raise
        if found is None:  # outside of any handler, so that it has no `__context__`
            raise ModelError(
                "the reader's model could not read the text", fix="choose another `reader.model`"
            )
        return found

    def _scores(self, scored: Sequence[Scored], cancelled: Cancellation) -> list[float] | None:
        from umi_shared.llama import Cancelled, Weights  # noqa: PLC0415  # machine code, and a slow import
        from umi_shared.llama.likelihood import Continuation, Likelihoods  # noqa: PLC0415

        try:
            if self._likelihoods is None:
                self._weights = Weights.load(self._path)
                self._likelihoods = Likelihoods(self._weights, threads=self._threads)
            return self._likelihoods.of([Continuation(one.before, one.text) for one in scored], cancelled)
        except (Cancelled, ModelError):
            return None

    async def close(self) -> None:
        """Free the model, if it was loaded."""
        await asyncio.get_running_loop().run_in_executor(self._worker, self._free)
        self._worker.shutdown()

    def _free(self) -> None:
        if self._likelihoods is not None:
            self._likelihoods.close()
        if self._weights is not None:
            self._weights.close()
