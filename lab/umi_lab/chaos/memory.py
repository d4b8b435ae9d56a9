"""What a process has of its own: the memory that it alone holds, and that no file backs.

Pages of a model's file, which the kernel takes and gives back as it likes, are no growth; pages in swap are.
"""

from pathlib import Path

import psutil

__all__ = ["own_bytes"]

_OWN = ("RssAnon:", "VmSwap:")


def own_bytes(process: psutil.Process) -> int:
    """Bytes of a process's own. Where the kernel does not tell them apart, all that is resident."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return int(process.memory_info().rss)
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(_OWN))
