"""Runs what has processes and mounts of its own, so that they end with it when it is told to end."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["run"]

T = TypeVar("T")
_SIGNALS = ("SIGTERM", "SIGHUP")
"""Those that end a program, beside Ctrl-C; Windows has no SIGHUP."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, which SIGTERM or a terminal that closes ends as Ctrl-C does: what is open is closed first.

    Raises SystemExit then. Not covered: SIGKILL.
    """
    came: list[int] = []

    async def heeded() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101  # it runs in one

        def end(number: int) -> None:
            if not came:  # what closes is not to be ended in its turn
                task.cancel()
            came.append(number)

        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None:
                with suppress(NotImplementedError):  # Windows' event loop has none
                    loop.add_signal_handler(number, end, number)
        return await work

    try:
        return asyncio.run(heeded())
    except asyncio.CancelledError:
        if not came:
            raise
        raise SystemExit(128 + came[0]) from None
