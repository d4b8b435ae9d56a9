"""Threads that share a busy machine.

llama.cpp's OpenMP threads spin while they wait for each other. Beside any other busy process they then wait for a
thread that is not running: measured here, decoding fell from 84 to 5 tokens a second. Waiting passively costs
nothing that could be measured on the same machine.

Contexts that are driven by one thread share one team of OpenMP threads. Two driving threads have two teams, which do
not spin, but take the cores from each other. So a process drives all of its contexts from one thread: the caller has
two of them, and the embedded engine one for each adapter. (`llama_attach_threadpool` does not help: llama-cpp-python
does not bind it, and in a build with OpenMP its pool has no threads.)
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["cpu_quota", "default_threads", "passive_waiting", "physical_cores"]

_MOST = 8
_VARIABLE = "OMP_WAIT_POLICY"


@contextmanager
def passive_waiting() -> Iterator[None]:
    """Make OpenMP wait passively, for a block that loads the native library: only then does it read its environment.

    A value that the user has set stays, and child processes do not inherit ours.
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
    """Threads for one decode: the physical cores that this process may use, at most 8; hyper-threads do not help."""
    return max(1, min(_MOST, physical_cores(), *cpu_quota()))


def physical_cores(cpus: Path = Path("/sys/devices/system/cpu")) -> int:
    """How many physical cores this process may run on.

    On Linux the kernel lists them, and on a Mac the fast ones count. Elsewhere it is a guess: half of the logical
    cores, where there are more than two.
    """
    if sys.platform == "darwin":
        counts = (_sysctl(name) for name in (b"hw.perflevel0.physicalcpu", b"hw.physicalcpu"))
        return next(filter(None, counts), 0) or (os.cpu_count() or 1)
    if sys.platform == "linux":
        with suppress(OSError):
            siblings = (f"cpu{cpu}/topology/thread_siblings_list" for cpu in os.sched_getaffinity(0))
            return len({(cpus / path).read_text() for path in siblings})
    logical = os.cpu_count() or 1
    return logical if logical <= 2 else logical // 2


def cpu_quota(limit: Path = Path("/sys/fs/cgroup/cpu.max")) -> list[int]:
    """The whole CPUs that a container may use, where it has a limit; threads beyond them only wait."""
    try:
        quota, period = limit.read_text().split()
    except (OSError, ValueError):
        return []
    return [] if quota == "max" else [max(1, int(quota) // int(period))]


def _sysctl(name: bytes) -> int:
    value, size = ctypes.c_int(0), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
    failed = ctypes.CDLL(None).sysctlbyname(name, ctypes.byref(value), ctypes.byref(size), None, 0)
    return 0 if failed else value.value
