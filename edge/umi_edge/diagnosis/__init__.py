"""What `umi doctor` looks at: small checks, each with what it found and how to mend it.

A check never raises, touches nothing but scratch files, and prints no value (I8): findings hold names, paths, times
and counts. What leaves the device is a handshake, a health request and one empty request, which carry nothing.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from umi_edge.diagnosis.checks import Check, checks_for
from umi_edge.diagnosis.finding import Finding, Status, run_check

__all__ = ["Check", "Finding", "Status", "checks_for", "run_check"]
