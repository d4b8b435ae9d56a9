"""Passages: the sentences, items and rows of a text, each with the headings that it stands under.

A passage is a span of the text, word for word, and short enough to be an answer.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["MAX_WORDS", "Passage", "passages_of"]

MAX_WORDS = 40
"""A longer sentence is cut where a clause ends."""
_HEADING_WORDS, _HEADING_LENGTH = 10, 200
_WRAPPED = 50
"""Characters of a line that may go on in the next: rows of a list are shorter."""
_LEAD = re.compile(r"\s*(?:[-*•]\s+|\d{1,3}[.)]\s+)?\*\*(?P<lead>[^*\n]{1,60})\*\*[.:]?\s*")
"""The words in bold that a paragraph begins with: its heading."""
_LINE = re.compile(r"[^\n]+")
_ITEM = re.compile(r"\s*(?:[-*•+]\s|\d{1,3}[.)]\s|#|\*\*|[^\W\d_][\w ]{0,30}:\s)")
_HEADING = re.compile(r"\s*#+\s*(?P<marked>.+)|\s*\*\*(?P<bold>[^*]+)\*\*\s*|(?P<named>[^.!?]+):\s*")
_ABBREVIATED = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|no|nos|prof|rev|sr|jr|str|vs|approx|e\.g|i\.e|incl|tel|z\.b|ca|nr|hr|fr|\w)\.)$",
    re.IGNORECASE,
)
_ABBREVIATION = 8
"""Characters that an abbreviation has at most."""
_SENTENCE_END = re.compile(r"[.!?]+[\"')\]*»”]*\s+(?=[\"'(\[*«„“]*[\w£$€@])|;\s+")
_CLAUSE_END = re.compile(r"[,:]\s+|\s[-–—]+\s")


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a text that can be an answer."""

    start: int
    end: int
    about: str = field(repr=False)
    """The text's first line and the headings that the passage stands under."""
    before: str = field(repr=False)
    """The passage before it in the same paragraph; empty for the first."""


def passages_of(text: str) -> tuple[Passage, ...]:
    r"""All of them, in order; together they hold every word of the text but those of headings.

    >>> text = "# Bread\n\nKnead it. Bake it for 40 minutes."
    >>> [text[one.start : one.end] for one in passages_of(text)], passages_of(text)[1].about
    (['Knead it.', 'Bake it for 40 minutes.'], 'Bread')
    """
    found: list[Passage] = []
    title, heading = "", ""
    for number, paragraph in enumerate(_paragraphs(text)):
        before = ""
        for start, end in paragraph:
            short = end - start <= _HEADING_LENGTH
            named = _HEADING.fullmatch(text, start, end) if short else None
            if named and len(text[start:end].split()) <= _HEADING_WORDS:
                heading = str(named["marked"] or named["bold"] or named["named"]).strip()
                title = title or heading
                continue
            lead = _LEAD.match(text, start, end)
            heading = lead["lead"].strip(" .:") if lead else heading
            first = lead.end() if lead else start
            if number == 0 and not title and len(text[first:end].split()) <= _HEADING_WORDS:
                title = text[first:end].strip()
            about = " - ".join(dict.fromkeys(filter(None, (title, heading))))
            for one_start, one_end in _sentences(text, first, end):
                words = text[one_start:one_end]
                found.append(Passage(one_start, one_end, about, before))
                before = words
    return tuple(found)


def _paragraphs(text: str) -> Iterator[list[tuple[int, int]]]:
    """The lines of each paragraph; what was wrapped is one line again."""
    lines = [(found.start(), found.end()) for found in _LINE.finditer(text) if found[0].strip()]
    width = max((end - start for start, end in lines), default=0)
    paragraph: list[tuple[int, int]] = []
    for start, end in lines:
        if paragraph and "\n\n" in re.sub(r"[ \t]+", "", text[paragraph[-1][1] : start]):
            yield paragraph
            paragraph = []
        if paragraph and _is_wrapped(text, paragraph[-1], start, end, width):
            paragraph[-1] = (paragraph[-1][0], end)
        else:
            paragraph.append((start, end))
    if paragraph:
        yield paragraph


def _is_wrapped(text: str, last: tuple[int, int], start: int, end: int, width: int) -> bool:
    """Whether a line goes on in the next one: its first word had no room any more, or the sentence is not over."""
    short = last[1] - last[0] <= width
    if _ITEM.match(text, start, end) or (short and _HEADING.fullmatch(text, *last)):
        return False
    line = last[1] - (text.rfind("\n", 0, last[1]) + 1)
    first = text[start:end].split(maxsplit=1)[0]
    no_room = line + 1 + len(first) > width - 12
    return line >= _WRAPPED and (no_room or text[last[1] - 1] not in ".!?:;")


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    at = start
    for found in _SENTENCE_END.finditer(text, start, end):
        dot = found.start()
        if text[dot] == "." and _ABBREVIATED.search(text, max(at, dot - _ABBREVIATION), dot + 1):
            continue
        yield from _clauses(text, at, found.end())
        at = found.end()
    yield from _clauses(text, at, end)


def _clauses(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentence, cut in the middle as often as it is too long."""
    trimmed = text[start:end].strip()
    if not trimmed:
        return
    start += text[start:end].index(trimmed)
    end = start + len(trimmed)
    ends = [found.end() for found in _CLAUSE_END.finditer(text, start + 20, end - 10)]
    if len(trimmed.split()) <= MAX_WORDS or not ends:
        yield start, end
        return
    middle = min(ends, key=lambda one: abs(2 * one - start - end))
    yield from _clauses(text, start, middle)
    yield from _clauses(text, middle, end)
