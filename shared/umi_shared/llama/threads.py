"""Threads that share a busy machine.

llama.cpp's OpenMP threads spin while they wait for each other. Beside any other busy process they then wait for a
thread that is not running: measured here, decoding fell from 84 to 5 tokens a second. Waiting passively costs
nothing that could be measured on the same machine.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["default_threads", "passive_waiting"]

_VARIABLE = "OMP_WAIT_POLICY"


@contextmanager
def passive_waiting() -> Iterator[None]:
    """While the native library is loaded: OpenMP reads its environment then, and only then.

    Whoever has set the variable keeps their choice, and child processes do not inherit ours.
    """
    if _VARIABLE in os.environ:
        yield
        return
    os.environ[_VARIABLE] = "passive"
    try:
        yield
    finally:
        del os.environ[_VARIABLE]


def default_threads() -> int:
    """Threads for one decode: half the logical cores where there are many, since hyper-threads do not help."""
    cores = os.cpu_count() or 1
    return cores if cores <= 2 else min(8, cores // 2)
