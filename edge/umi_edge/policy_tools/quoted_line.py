"""A line of a policy as it may be shown: without what a detector looks for, or a filter compares with.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re

from umi_edge.policy.paths import shown_path

__all__ = ["quoted"]


def quoted(lines: list[str], line: int) -> str:
    """A line of a policy, by its number; empty where there is none. Without what a detector looks for, or a filter."""
    if not 0 < line <= len(lines):
        return ""
    text = lines[line - 1].strip()
    if not _of_a_detector(lines, line):
        return shown_path(text)
    shown = _SHOWN_OF_A_DETECTOR.match(text)
    head = shown[0] if shown else ""
    return text if head == text else f"{head.rstrip(' ,')} ..."


_SHOWN_OF_A_DETECTOR = re.compile(
    r"(?:- *)?\{?(?:(?:type|parts|incomplete|region|plugin|language|threshold): *[A-Za-z0-9_.-]+(?:, *|\}|$)"
    r"|pattern: *builtin(?::[a-z_]+)?(?:, *|\}|$)|values_from: *\{[^{}]*\}(?:, *|\}|$))*"
)
"""The words of a detector's line that are the language's own; values, patterns and remarks may be private."""


def _of_a_detector(lines: list[str], line: int) -> bool:
    """Whether a line stands below `detect:` or `detect_also:`."""
    above = (text for text in reversed(lines[:line]) if text[:1].strip() and text[0] not in "#-")
    return next(above, "").startswith(("detect:", "detect_also:"))
