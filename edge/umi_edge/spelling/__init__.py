"""Spelling of what the user types: a mistyped word of a request is mended where it is sure what was meant."""

from umi_edge.spelling.mending import Mend, mended, mends

__all__ = ["Mend", "mended", "mends"]
