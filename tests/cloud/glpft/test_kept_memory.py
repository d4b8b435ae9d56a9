"""What jemalloc keeps is given back above a limit, and nothing happens without jemalloc."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from umi_cloud.glpft.kept_memory import give_back_above, half_of_memory

JEMALLOC = next(Path("/usr/lib").glob("*/libjemalloc.so.2"), None)
KEEP = "oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1"
HOLD = """
import os
from pathlib import Path
from umi_cloud.glpft.kept_memory import give_back_above

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

bytearray(os.urandom(1) * (400 << 20))
before = held()
assert not give_back_above(1 << 40)
assert held() > before - 20
assert give_back_above(50 << 20)
print(before - held())
"""


@pytest.mark.skipif(JEMALLOC is None, reason="needs jemalloc (Debian: apt install libjemalloc2)")
def test_what_was_freed_is_given_back_above_the_limit_only() -> None:
    given = {**os.environ, "LD_PRELOAD": str(JEMALLOC), "MALLOC_CONF": KEEP, "PYTHONMALLOC": "malloc"}
    done = subprocess.run(
        [sys.executable, "-c", HOLD], env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 350


def test_without_jemalloc_nothing_is_done() -> None:
    assert half_of_memory() > 0
    assert not give_back_above(0)
