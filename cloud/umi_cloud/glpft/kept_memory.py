"""Memory that jemalloc keeps: given back at once where a training run holds too much of it.

A run is quickest where jemalloc keeps every page (`dirty_decay_ms:-1`): what was given back has to be had anew, and a
virtual machine's host is slow to give it. But tensors of ever other sizes let it hold ever more.
"""

import ctypes
import os
import sys
from pathlib import Path

__all__ = ["give_back_above", "half_of_memory"]

_ALL_ARENAS = b"arena.4096.purge"
"""With `MALLCTL_ARENAS_ALL` of jemalloc's header."""


def half_of_memory() -> int:
    """Half of the machine's memory, in bytes; 0 where the system does not tell (Windows)."""
    if sys.platform == "win32":
        return 0
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def give_back_above(limit: int) -> bool:
    """Give all back that jemalloc keeps, where this process holds more than `limit` bytes; whether that was done.

    Without jemalloc, and where the system does not tell what a process holds, nothing is.
    """
    held = Path("/proc/self/statm")
    purge = getattr(ctypes.CDLL(None), "mallctl", None) if held.exists() else None
    if purge is None or int(held.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") <= limit:
        return False
    return bool(purge(_ALL_ARENAS, None, None, None, ctypes.c_size_t(0)) == 0)
