"""Bars: which tools may not be given what a rule says `never_to` or `only_to` of; they ride along in labels.

>>> never, only = Bar("p.yaml:4", ("mail.send", "web.*")), Bar("p.yaml:5", ("files.write",), only=True)
>>> never.admits("web.search"), never.admits("notes.create"), only.admits("files.write"), only.admits("mail.send")
(False, True, True, False)
"""

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Bar", "NO_BARS", "meant_by", "unbarred"]


class Bar(NamedTuple):
    """One rule's word on the tools that may be given a value, and what is made of it."""

    rule: str
    """The rule, with file and line."""
    tools: tuple[str, ...]
    """Tools' names, each of which may end in `*`."""
    only: bool = False
    """Whether these are the tools that may be given it, and all others may not."""

    def admits(self, tool: str) -> bool:
        """Whether a tool may be given the value."""
        return any(meant_by(name, tool) for name in self.tools) is self.only

    def __str__(self) -> str:
        """As the policy says it: `never_to: mail.send, web.*`."""
        return f"{'only_to' if self.only else 'never_to'}: {', '.join(self.tools)}"


NO_BARS: frozenset[Bar] = frozenset()


def meant_by(pattern: str, name: str) -> bool:
    """Whether a pattern means all tools that a name, or another pattern, does.

    >>> meant_by("web.*", "web.search"), meant_by("web.*", "web.s*"), meant_by("web.s*", "web.*")
    (True, True, False)
    """
    return pattern == name or (pattern.endswith("*") and name.removesuffix("*").startswith(pattern[:-1]))


def unbarred(bars: Iterable[Bar], elsewhere: Iterable[Bar]) -> tuple[Bar, ...]:
    """Those of the bars that other bars, at another place, do not make good for: some tool would be let in there.

    >>> here, there = Bar("a", ("mail.send", "web.search")), [Bar("b", ("mail.*",)), Bar("c", ("web.*",))]
    >>> unbarred([here], there), unbarred([here], there[:1]) == (here,)
    ((), True)
    """
    there = tuple(elsewhere)
    return tuple(sorted(bar for bar in bars if not _made_good(bar, there)))


def _made_good(bar: Bar, there: tuple[Bar, ...]) -> bool:
    if bar.only:
        return any(
            all(any(meant_by(mine, name) for mine in bar.tools) for name in other.tools)
            if other.only
            else "*" in other.tools
            for other in there
        )
    return all(any(_keeps_out(other, name) for other in there) for name in bar.tools)


def _keeps_out(bar: Bar, pattern: str) -> bool:
    """Whether a bar keeps out every tool that a pattern means."""
    if bar.only:
        return not any(meant_by(name, pattern) or meant_by(pattern, name) for name in bar.tools)
    return any(meant_by(name, pattern) for name in bar.tools)
