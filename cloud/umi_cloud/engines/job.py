"""One generation on its way between the event loop and the thread that decodes."""

import asyncio
import contextlib
from concurrent.futures import Future
from dataclasses import dataclass, field

from umi_shared.cancellation import Cancellation
from umi_shared.engine import Chunk, Generation
from umi_shared.llama.guide import Guide

__all__ = ["Job"]


@dataclass(slots=True, eq=False)
class Job:
    """One request for a generation, and the stream that answers it."""

    generation: Generation = field(repr=False)
    loop: asyncio.AbstractEventLoop = field(repr=False)
    chunks: asyncio.Queue[Chunk | Exception] = field(default_factory=asyncio.Queue, repr=False)
    cancelled: Cancellation = field(default_factory=Cancellation, repr=False)
    tokens: list[int] = field(default_factory=list, repr=False)
    """The tokens of the prompt."""
    common: int = 0
    """How many of them other namespaces may reuse, where they call them common, too."""
    guide: Future[Guide] | None = field(default=None, repr=False)
    """The grammar of the constraint; it compiles in another thread, since that can take a second."""

    @property
    def may_write(self) -> bool:
        """Whether writing can begin: no grammar is asked for, or it has compiled or failed to."""
        return self.guide is None or self.guide.done()

    def send(self, item: Chunk | Exception) -> None:
        """Hand a chunk, or the failure that ends the stream, to the event loop."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self.chunks.put_nowait, item)
