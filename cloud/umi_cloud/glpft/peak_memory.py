"""Peak memory: the most that this process has held so far."""

import sys

__all__ = ["peak_memory_bytes"]


def peak_memory_bytes() -> int:
    """The peak of the GPU's memory, without one the process's; 0 where the system does not tell (Windows)."""
    import torch  # noqa: PLC0415  # training only

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    if sys.platform == "win32":
        return 0
    import resource  # noqa: PLC0415  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
