"""The events of one instruction as an async iterator: for a program that has umi inside it."""

import asyncio
from collections.abc import AsyncGenerator

from umi_edge.ledger import Ledger
from umi_edge.session.events import Event
from umi_edge.session.report import Report
from umi_edge.session.session import Session

__all__ = ["event_stream"]


async def event_stream(
    session: Session, instruction: str, ledger: Ledger
) -> AsyncGenerator[Event | Report, None]:
    """Carry out one instruction, and yield its events as they happen; the last thing yielded is the report.

    A failure is the report's ending, so no `UmiError` is raised. A slow reader holds nothing up: events wait in
    memory, and the limits of the policy and of `CloudConfig` bound how many there can be.

    Leaving early, by closing the iterator or by cancelling the task that reads it, stops the instruction as cancelling
    `Session.ask` does, and waits until it has stopped. After a `break` Python closes the iterator a little later;
    `contextlib.aclosing` closes it at once.
    """
    waiting: asyncio.Queue[Event | None] = asyncio.Queue()
    observe = session.observe

    def both(event: Event) -> None:
        observe(event)
        waiting.put_nowait(event)

    session.observe = both
    work = asyncio.create_task(Report.of(session, instruction, ledger))
    work.add_done_callback(lambda _: waiting.put_nowait(None))
    try:
        while (event := await waiting.get()) is not None:
            yield event
        yield work.result()
    finally:
        session.observe = observe
        work.cancel()
        await asyncio.wait([work])
