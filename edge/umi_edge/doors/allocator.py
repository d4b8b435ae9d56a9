"""The C library's allocator, told to give back at once what large pieces leave behind.

glibc raises the size from which it maps pieces by themselves with each that is freed, up to 32 MB: what loading a model
and reading a large text took stays with the process, in between what lives. A daemon lives long.
"""

import ctypes
import sys
from typing import Any

__all__ = ["give_back_early"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h; mallopt(3)
_BYTES = 128 * 1024
"""glibc's own first value; that it is set keeps it from being raised."""


def give_back_early() -> None:
    """Do so in this process, where its C library is glibc."""
    mallopt: Any = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _BYTES)
        mallopt(_M_TRIM_THRESHOLD, _BYTES)
