"""Unknown names: capitalised words that look like somebody's name and that no detector has found.

Covered: scripts with capitals (Latin, Cyrillic, Greek). A word counts where a sentence does not begin with it, or where
another name or what people do follows; in German, which gives every thing a capital, after a title or a word for
speaking to somebody. Not covered: scripts without capitals, texts in small letters, and any word of the lists of
everyday words, months, places, languages and products: this marks what to look at, and is no detector.
"""

import re
from collections.abc import Iterator

from umi_edge.policy.person_names.flat import flat, script_of
from umi_edge.policy.person_names.words import context, is_listed

__all__ = ["KEPT", "unknown_names"]

KEPT = "\ufffc"
"""Stands, in the text, for what stays anyway."""

_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_ENDS = re.compile(r"(?:^|[.!?:;…\n\r•*>\"“”„«(\[¿¡–—]|(?:^|\s)[-#]+)\s*$")
_SCRIPTS = frozenset(("LATIN", "CYRILLIC", "GREEK"))
_SHORTEST = 3
_REACH = 24
_PARTICLE = re.compile(r" (?:de|da|di|del|van|von|der|den|la|le|al|bin|ibn|dos|du)(?: (?:der|den|la))? ")


def unknown_names(text: str) -> Iterator[tuple[int, int]]:
    """Where such names stand, in order.

    >>> text = "Ask Brightmoor and Tove Lind on Monday in Paris. Tell them."
    >>> [text[start:end] for start, end in unknown_names(text)]
    ['Brightmoor', 'Tove Lind']
    """
    words = [match for match in _WORD.finditer(text) if _could_be(text, match)]
    german = "ß" in text or not context("told of german").isdisjoint(flat(text).split())
    last: tuple[int, int] | None = None
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else None
        joined = last is not None and _joins(text[last[1] : word.start()])
        if not (joined or _is_name(text, word, following, german=german)):
            continue
        if joined and last is not None:
            last = (last[0], word.end())
            continue
        if last is not None:
            yield last
        last = word.span()
    if last is not None:
        yield last


def _joins(gap: str) -> bool:
    return gap == " " or _PARTICLE.fullmatch(gap) is not None


def _could_be(text: str, match: re.Match[str]) -> bool:
    """Whether it is written as a name, and no list has it."""
    word = match[0]
    if len(word) < _SHORTEST or script_of(word[0]) not in _SCRIPTS or not word[0].isupper():
        return False
    if not all(part[1:].islower() and len(part) > 1 for part in re.split(r"['’\-]", word)[-1:]):
        return False
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 2]
    if (before in tuple("/\\@#_.&") and before) or (after[:1] in tuple("/\\@_\u2122\u00ae") and after):
        return False  # a part of a path, an address, a tag, or a mark
    if (after[:1] in (".", " ") and after[1:].isdigit()) or (after[:1] == "." and after[1:].isalpha()):
        return False  # `Windows 11`, `Report.pdf`
    return not any(is_listed(flat(part).strip()) for part in (word, re.split(r"['’\-]", word)[-1]))


def _is_name(text: str, word: re.Match[str], following: re.Match[str] | None, *, german: bool) -> bool:
    before = text[max(0, word.start() - _REACH) : word.start()]
    last = flat(before).split()[-1:] if before.endswith(" ") else []
    titled = bool(last) and last[0] in context("titles") and last[0] not in context("particles")
    gap = text[word.end() : following.start()] if following is not None else ""
    beside = gap == " " or (not german and bool(gap) and _joins(gap))
    if german:
        return titled or beside or (bool(last) and last[0] in context("verbs before a name"))
    if not _ENDS.search(before):
        return True
    after = flat(text[word.end() : word.end() + _REACH]).split()[:1]
    return titled or beside or (bool(after) and after[0] in context("verbs after a name"))
