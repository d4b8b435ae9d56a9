"""A built-in pattern: what a kind of private value looks like in a projected text, and a check of what matches.

Every pattern runs on RE2, so none can hang; what a pattern can't tell (checksums, whether an address parses)
is decided afterwards in Python on a bounded piece of text.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from umi_edge.policy.regexes import Regex, compile_own

__all__ = ["BuiltinPattern", "Check", "Found", "Regions", "trimmed"]

Found = tuple[int, int]
"""Where a thing starts and ends in the projected text."""

_REACH = 160
Regions = tuple[str, ...]
"""Where a number without a country code may be from: ISO 3166 alpha-2, the likeliest first."""

Check = Callable[[str, int, int, Regions], Iterator[Found]]
"""Takes a text, where a match starts and ends in it, and regions."""


@dataclass(frozen=True, slots=True)
class BuiltinPattern:
    """A quick test that most texts fail, patterns, and a check of each match that yields what it accepts."""

    needs: re.Pattern[str]
    """Without a match of this there is nothing to find: it keeps the cost of a text without findings low."""
    patterns: tuple[Callable[[], str], ...]
    """Made when first needed: those with long lists of words take a while. A match's last group is what is found."""
    check: Check | None = None
    whole: bool = True
    """Whether a finding may not be part of a longer word."""

    def find(self, text: str, plain: str, regions: Regions = ()) -> Iterator[Found]:
        """Findings in a projected text, which `plain` is in the patterns' alphabet (`reduced`)."""
        if self.needs.search(text) is None:
            return
        for pattern in self.patterns:
            regex = compile_own(pattern())
            for match in regex.finditer(plain):
                start, end = _found(match)
                yield from self._checked(text, start, end, regions)
                if match.end() > end and (found := _next_to(plain, regex, end, match.end())):
                    yield from self._checked(text, *found, regions)

    def _checked(self, text: str, start: int, end: int, regions: Regions) -> Iterator[Found]:
        if self.check is None:
            yield start, end
        else:
            yield from self.check(text, start, end, regions)


def _next_to(plain: str, regex: Regex, end: int, taken: int) -> Found | None:
    """What begins in the characters behind a finding that its match has taken along."""
    match = regex.search(plain[end : end + _REACH])
    if match is None or end + match.start() >= taken:
        return None
    start, stop = _found(match)
    return end + start, end + stop


def _found(match: "re.Match[str]") -> Found:
    group = match.lastindex or 0
    return match.span(group)


def trimmed(text: str, start: int, end: int, _regions: Regions) -> Iterator[Found]:
    """Without the punctuation of the sentence around it."""
    kept = text[start:end].rstrip(".,;:!?'\")]}>。、，！？»”“ ")
    if kept:
        yield start, start + len(kept)
