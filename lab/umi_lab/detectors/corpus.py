"""The corpus: sentences whose private spans somebody has labelled.

One JSON object a line: `text`, and `spans` with `start`, `end` (characters) and `type`; `known` on a span says that
the device's contacts have that person or company. `language` (ISO 639-1), `class`, `region` (ISO 3166 alpha-2, of the
locale of a device on which somebody would write it) and `split` may be left out.

The shipped corpus has 22 languages. All its people, numbers and keys are invented; what has check digits has right
ones. Which half a sentence is in follows from its text (`half_of`), so that nobody can choose.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

from umi_shared.errors import ConfigError

__all__ = ["ADDRESS_BOOK", "Half", "LabelledSpan", "Sentence", "half_of", "read_corpus", "shipped_files"]

_DATA = Path(__file__).parent / "data"
ADDRESS_BOOK = _DATA / "contacts"
"""The folder of vCards that a device of the shipped corpus has: the names that it knows."""
_OPTIONAL = ("language", "class", "region", "split")


class Half(StrEnum):
    """The two halves: one to work with, one that nobody reads while they do."""

    DEVELOPMENT = "development"
    HELD_OUT = "held-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSpan:
    """Something private in a sentence."""

    start: int
    end: int
    type: str
    known: bool = False
    """Whether the device's contacts have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A labelled sentence; its text may be a user's own (I8)."""

    text: str = field(repr=False)
    spans: tuple[LabelledSpan, ...]
    language: str = ""
    kind: str = ""
    """Its class: what is hard about it, or what it tempts a detector to where nothing is private (`clean…`)."""
    region: str = ""
    half: Half | None = None
    """None where a file does not say: the sentence then counts in both halves."""


def half_of(text: str) -> Half:
    """The half that a text belongs to.

    >>> half_of("Set a timer for 12 minutes and 30 seconds.")
    <Half.HELD_OUT: 'held-out'>
    """
    odd = hashlib.sha256(text.encode()).digest()[0] % 2
    return Half.HELD_OUT if odd else Half.DEVELOPMENT


def shipped_files() -> tuple[Path, ...]:
    """The files of the shipped corpus: a folder for each half, in it a file a language."""
    return tuple(sorted(path for half in Half for path in (_DATA / half).glob("*.jsonl")))


def read_corpus(files: Iterable[Path]) -> tuple[Sentence, ...]:
    """All sentences of some files. Raises `ConfigError` with the line of a mistake, and without its text (I8)."""
    sentences = tuple(sentence for file in files for sentence in _sentences(file))
    if not sentences:
        raise ConfigError("there is no sentence to score", fix="name a file of labelled sentences")
    return sentences


def _sentences(file: Path) -> Iterator[Sentence]:
    try:
        lines = file.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file} cannot be read ({type(error).__name__})", fix="name a UTF-8 text file"
        ) from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            problem = ""
            try:
                yield _sentence(json.loads(line))
            except json.JSONDecodeError:
                problem = "this line is not JSON"
            except _MalformedError as error:
                problem = str(error)
            if problem:  # outside of the handler, so that it has no `__context__`
                raise ConfigError(
                    f"{file}:{number}: {problem}",
                    fix='write one object a line: {"text": "…", "spans": [{"start": 0, "end": 3, "type": "person"}]}',
                )


class _MalformedError(Exception):
    """What is wrong with a line, in words that quote nothing of it."""


def _sentence(row: Any) -> Sentence:
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise _MalformedError("it has no `text`")
    text = row["text"]
    if any(not isinstance(row.get(name, ""), str) for name in _OPTIONAL):
        raise _MalformedError(f"{', '.join(_OPTIONAL)} are texts")
    if row.get("split", "") not in ("", *Half):
        raise _MalformedError(f"`split` is one of: {', '.join(Half)}")
    spans = row.get("spans")
    if not isinstance(spans, list):
        raise _MalformedError("it has no list of `spans`; an empty one says that nothing is private")
    labelled = tuple(sorted((_span(span, len(text)) for span in spans), key=lambda span: span.start))
    if any(left.end > right.start for left, right in pairwise(labelled)):
        raise _MalformedError("two spans overlap")
    return Sentence(
        text=text,
        spans=labelled,
        language=row.get("language", ""),
        kind=row.get("class", "") or ("" if labelled else "clean"),
        region=row.get("region", ""),
        half=Half(row["split"]) if row.get("split") else None,
    )


def _span(span: Any, length: int) -> LabelledSpan:
    if not isinstance(span, dict) or not isinstance(span.get("type"), str) or not span["type"]:
        raise _MalformedError("a span has no `type`")
    start, end, known = span.get("start"), span.get("end"), span.get("known", False)
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
        raise _MalformedError("a span's `start` and `end` are not places in the text")
    if not isinstance(known, bool):
        raise _MalformedError("a span's `known` is true or false")
    return LabelledSpan(start=start, end=end, type=span["type"], known=known)
