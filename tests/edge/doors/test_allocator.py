"""A daemon's memory goes back to the machine when it is freed."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from umi_edge.doors.allocator import give_back_early

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

if sys.argv[1] == "early":
    give_back_early()
del (first := [bytearray(2_000_000)])[:]  # from here on glibc would keep pieces of this size
before, pieces, between = resident(), [], []
for number in range(50):
    pieces.append(bytearray(b"x" * 1_000_000))
    between.append(bytearray(b"y" * 100_000))
full = resident()
pieces.clear()
print(before, full, resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_large_pieces_leave_behind_is_given_back():
    kept = {}
    for how in ("early", "late"):
        ran = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        before, full, after = map(float, ran.stdout.split())
        assert full - before > 45
        kept[how] = after - before
    assert kept["early"] < 15  # 5 MB live on
    assert kept["late"] > 45
