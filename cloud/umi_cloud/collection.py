"""How often the process looks for garbage that refers to itself.

A front makes some thousands of short-lived objects a plan, and has imported some hundred thousand that stay: by
Python's defaults, looking through them again and again takes an eighth of its time.
"""

import gc

__all__ = ["collect_rarely"]

_THRESHOLDS = (20_000, 20, 20)
"""Objects made before the young are looked through, and how often that is before the older are."""


def collect_rarely() -> None:
    """Look no more at what is there now, which stays, and seldom at the rest. For the end of a server's start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
