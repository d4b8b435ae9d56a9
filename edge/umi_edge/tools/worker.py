"""The thread that a synchronous tool runs in."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_worker(call: Callable[[], T]) -> T:
    """Await `call()` in a thread of its own.

    Covered: a caller that gives up (timeout, cancellation) goes on at once, and a call that never
    ends cannot keep the program from ending, because the thread is a daemon. That is why this is
    not `asyncio.to_thread`, whose executor is joined at exit.
    Not covered: a thread cannot be killed, so an abandoned call runs on until it returns.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def deliver(result: T | None, error: Exception | None) -> None:
        if future.done():  # the caller gave up; nobody is told, and nothing is logged
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result: T | None = None
        error: Exception | None = None
        try:
            result = context.run(call)
        except StopIteration:
            error = RuntimeError("the call raised StopIteration")  # a future refuses to carry one
        except Exception as caught:
            error = caught
        except BaseException as caught:
            error = RuntimeError(f"the call raised {type(caught).__name__}")
        with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(deliver, result, error)

    threading.Thread(target=work, name="umi-tool", daemon=True).start()
    return await future
