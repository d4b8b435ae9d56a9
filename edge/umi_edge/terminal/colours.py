"""The colours that umi uses on a terminal."""

__all__ = ["BAD", "LEFT", "MODEL", "STAYED"]

STAYED, LEFT, MODEL, BAD = "green", "yellow", "cyan", "red"
