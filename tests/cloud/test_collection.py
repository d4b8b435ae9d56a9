"""What a server does about garbage at the end of its start; in a process of its own, since it holds for all of one."""

import subprocess
import sys

PROGRAM = """
import gc, weakref
from umi_cloud.collection import collect_rarely

class Node: ...

collect_rarely()
assert gc.get_freeze_count() > 1_000
assert gc.get_threshold()[0] > 700
node = Node()
node.itself = node
gone = weakref.ref(node)
del node
kept = [[] for _ in range(100_000)]  # such as a server makes
print(gone() is None)
"""


def test_what_stays_is_not_looked_through_again_and_circles_are_still_found():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
