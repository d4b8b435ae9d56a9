"""Calls that begin and end at the same moment go to the registry together: one transaction at a time, for all who wait.

While one is under way, and for some milliseconds after it began, the next group gathers. A call that comes alone goes
at once, and waits for nothing. An end that nobody waits for goes with the next call that begins, which is accounted for
after it.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from umi_cloud.auth.call_operations import BegunCall, EndedCall, LetIn, Verdict
from umi_cloud.auth.store import RegistryUnavailableError
from umi_shared.errors import RefusedError

__all__ = ["CallGroups"]

GROUP_MAX = 256
"""Calls in one transaction."""

APART_SECONDS = 0.005
"""The least time between the beginnings of two transactions."""

PATIENCE_SECONDS = 0.02
"""How long an end that nobody waits for waits for a call that begins."""

Run = Callable[[Sequence[BegunCall], Sequence[EndedCall]], Awaitable[list[Verdict]]]
"""Accounts for calls in one transaction; a verdict for each that begins."""


class CallGroups:
    """Gathers calls for `run`. For one event loop."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._waiting: list[tuple[BegunCall | EndedCall, asyncio.Future[LetIn | None]]] = []
        self._working: asyncio.Task[None] | None = None
        self._hurried = asyncio.Event()
        """Set while somebody waits for one of those that wait here."""
        self._patience = PATIENCE_SECONDS
        self._began_at = -math.inf

    async def begin(self, begun: BegunCall) -> LetIn:
        """Let a call in. Raises RefusedError, and what `run` raises."""
        verdict = await self._joined(begun)
        assert verdict is not None  # noqa: S101  # of a call that begins
        return verdict

    async def end(self, ended: EndedCall, *, patient: bool = False) -> None:
        """Account for a call that is over; a `patient` end goes with the next call that begins, or somewhat later.

        Raises what `run` raises.
        """
        await self._joined(ended, patient=patient)

    async def settle(self) -> None:
        """Wait until nothing is under way; from now on no end is patient."""
        self._patience = 0.0
        self._hurried.set()
        while self._working is not None and not self._working.done():
            await asyncio.wait((self._working,))

    def _joined(self, one: BegunCall | EndedCall, *, patient: bool = False) -> asyncio.Future[LetIn | None]:
        future: asyncio.Future[LetIn | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, future))
        if not patient:
            self._hurried.set()
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self._hurried.wait()
            if (wait := self._began_at + APART_SECONDS - loop.time()) > 0:
                await asyncio.sleep(wait)
            self._began_at = loop.time()
            group = [(one, future) for one, future in self._waiting[:GROUP_MAX] if not future.cancelled()]
            del self._waiting[:GROUP_MAX]
            if not self._waiting:
                self._hurried.clear()
            if group:
                await self._account(group)

    async def _account(self, group: list[tuple[BegunCall | EndedCall, asyncio.Future[LetIn | None]]]) -> None:
        begun = [one for one, _ in group if isinstance(one, BegunCall)]
        ended = [one for one, _ in group if isinstance(one, EndedCall)]
        try:
            verdicts = iter(await self._run(begun, ended))
        except BaseException as error:
            if isinstance(error, RegistryUnavailableError):
                # A registry that hangs takes seconds to say so: once for all who wait, not for each group in turn.
                group, self._waiting = [*group, *self._waiting], []
            for _, future in group:
                if not future.done():
                    future.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
            if not isinstance(error, Exception):
                raise
            return
        for one, future in group:
            verdict = next(verdicts) if isinstance(one, BegunCall) else None
            if future.done():
                continue
            if isinstance(verdict, RefusedError):
                future.set_exception(verdict)
            else:
                future.set_result(verdict)
