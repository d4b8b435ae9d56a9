"""Runs a module so that its memory can be told: on SIGUSR1 it collects its garbage and gives back what is free.

    python -m umi_lab.chaos.tidied MODULE ARGUMENTS

What is garbage waits for its collection, a server's for long, and what is free stays in the allocator's hands: both
look like growth, and are none.
"""

import ctypes
import gc
import runpy
import signal
import sys

__all__ = ["PLAIN", "TIDIED"]

PLAIN = (sys.executable, "-m")
"""What runs a module as it is."""
TIDIED = (*PLAIN, "umi_lab.chaos.tidied")


def tidy(_signal: int, _frame: object) -> None:
    """Collect, and give back where the C library can (glibc's `malloc_trim`)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, tidy)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
