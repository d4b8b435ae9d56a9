"""What words mean when they speak of time: one language's, from `words.yaml`."""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

__all__ = ["LANGUAGES", "Vocabulary", "Word", "normal"]

Word = tuple[str, Any]
"""A kind, such as `weekday`, and its value."""
Phrase = tuple[Word, ...]

_KINDS = {
    "units": "unit", "parts": "part", "relative": "relative", "days": "weekday", "months": "month",
    "numbers": "number", "ordinals": "ordinal", "day_names": "weekday", "short_day_names": "weekday",
    "month_names": "month", "every": "weekdays",
}  # fmt: skip
_SHORT = ("days", "short_day_names")
_DAY_NAMES = ("day_names", "short_day_names")
_TOKEN = re.compile(
    r"(\d+(?:[.,]\d+)?)(st|nd|rd|th|er|ere|e|º|ª|\.)?(?![^\W_])|(\d+)|([^\W\d_]+(?:['.][^\W\d_]+)*'?)|[^\s\w]"
)
_SKIPPED = frozenset(",;.!?")
_MOST_READINGS = 64
_LONGEST = 5


def normal(text: str) -> str:
    """Small letters without accents, hyphens as spaces, `a.m.` as `am`.

    >>> normal("Übermorgen, at 5 P.M.")
    'ubermorgen, at 5 pm'
    """
    folded = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    plain = "".join(character for character in folded if not unicodedata.combining(character))
    return re.sub(r"\b([ap])\.\s?m\b\.?", r"\1m", re.sub(r"\b([dl])'", r"\1' ", plain.replace("-", " ")))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One language."""

    language: str = field(repr=False)
    words: Mapping[tuple[str, ...], frozenset[Word]] = field(repr=False)
    tokens: frozenset[str] = field(repr=False)
    """Every word that stands in an entry."""
    half_before: bool
    """Whether half and an hour is half an hour before it, as in German."""

    def knows(self, text: str) -> bool:
        """Whether each token of a text is a number, or stands in some entry."""
        return all(kind != "text" or value in self.tokens for kind, value in _tokens(normal(text)))

    def readings(self, text: str) -> Iterator[Phrase]:
        """Everything that a text may say, word by word; nothing where a word of it is unknown."""
        tokens = list(_tokens(normal(text)))
        choices: list[frozenset[Word]] = []
        at = 0
        while at < len(tokens):
            for length in range(min(_LONGEST, len(tokens) - at), 0, -1):
                known = self._meaning(tokens[at : at + length])
                if known:
                    choices.append(known)
                    at += length
                    break
            else:
                return
        yield from itertools.islice(itertools.product(*map(sorted_words, choices)), _MOST_READINGS)

    def _meaning(self, tokens: list[Word]) -> frozenset[Word]:
        if len(tokens) == 1 and tokens[0][0] != "text":
            return frozenset(tokens)
        if all(kind == "text" for kind, _ in tokens):
            return self.words.get(tuple(value for _, value in tokens), frozenset())
        return frozenset()


def sorted_words(words: frozenset[Word]) -> list[Word]:
    """In one order on every machine."""
    return sorted(words, key=lambda word: (word[0], str(word[1])))


def _tokens(text: str) -> Iterator[Word]:
    for match in _TOKEN.finditer(text):
        number, suffix, bare, word = match.groups()
        if number and suffix and number.isdigit():
            yield "ordinal", int(number)
        elif number or bare:
            digits = (number or bare).replace(",", ".")
            yield "number", float(digits) if "." in digits else int(digits)
        elif word:
            yield "text", word
        elif match[0] not in _SKIPPED:
            yield "mark", match[0]


@cache
def _data() -> Mapping[str, Mapping[str, Any]]:
    text = (files("umi_edge.values.time_words") / "words.yaml").read_text("utf-8")
    data: Mapping[str, Mapping[str, Any]] = YAML(typ="safe").load(text)
    return data


@cache
def vocabulary(language: str, *, short_names: bool = True) -> Vocabulary:
    """The vocabulary of a language that `words.yaml` has.

    `short_names` are those of days: in another language than one's own they are other words (`Sam`, `do`, `mar`).
    """
    data = _data()[language]
    words: dict[tuple[str, ...], set[Word]] = {}

    def add(text: str, word: Word) -> None:
        words.setdefault(tuple(token for _, token in _tokens(normal(text))), set()).add(word)

    for key, entry in data.items():
        if key in _SHORT and not short_names:
            continue
        if isinstance(entry, Mapping):
            for value, texts in entry.items():
                for text in texts:
                    add(text, (_KINDS[key], value))
                    if key in _DAY_NAMES:
                        add(f"{text}{data.get('possessive', '')}", (_KINDS[key], value))
        elif isinstance(entry, list):
            for text in entry:
                add(text, (key, 1))
    return Vocabulary(
        language,
        words={text: frozenset(found) for text, found in words.items()},
        tokens=frozenset(token for text in words for token in text),
        half_before=bool(data.get("half_before")),
    )


LANGUAGES = ("en", "de", "fr", "es")
