"""The texts and their questions: YAML, one file a writer; a text and all its questions are in one half."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

__all__ = ["SHORT", "TEXTS", "Half", "Question", "Text", "half_of", "read_texts"]

Half = Literal["development", "held-out"]
TEXTS = Path(__file__).parent / "texts"
SHORT = 300
"""Words that a short text has at most."""
_HALVES: tuple[Half, ...] = ("development", "held-out")
_KINDS = ("note", "mail", "file")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a text."""

    asks: str
    answers: tuple[str, ...] = field(repr=False)
    """An answer that holds one of these is right; none where the text does not say."""

    def answered_by(self, answer: str) -> bool:
        """Whether an answer is right."""
        return any(_plain(one) in _plain(answer) for one in self.answers)


@dataclass(frozen=True, slots=True)
class Text:
    """A note, a mail or a file, and what is asked of it."""

    id: str
    kind: str
    text: str = field(repr=False)
    questions: tuple[Question, ...] = field(repr=False)

    @property
    def half(self) -> Half:
        """The half that it belongs to."""
        return half_of(self.id)

    @property
    def words(self) -> int:
        """How long it is."""
        return len(self.text.split())


def half_of(identity: str) -> Half:
    """The half that a text belongs to: chance, which nobody chose.

    >>> half_of("lemon-drizzle"), half_of("shed-padlock")
    ('held-out', 'development')
    """
    return _HALVES[hashlib.sha256(identity.encode()).digest()[0] % 2]


def read_texts(folder: Path = TEXTS) -> tuple[Text, ...]:
    """All texts, in the order of the files. Raises `ValueError`, with the id, for one that is not well formed."""
    return tuple(text for path in sorted(folder.glob("*.yaml")) for text in _read(path))


def _read(path: Path) -> Iterator[Text]:
    for entry in YAML(typ="safe").load(path.read_text(encoding="utf-8")):
        try:
            yield _text(entry)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path.name}: {entry.get('id', 'a text')}: {error}") from error


def _text(entry: Mapping[str, Any]) -> Text:
    if entry["kind"] not in _KINDS:
        raise ValueError("no such kind")
    text = str(entry["text"])
    return Text(entry["id"], entry["kind"], text, tuple(_questions(text, entry["ask"])))


def _questions(text: str, lines: str) -> Iterator[Question]:
    """Lines of `question => an answer | another`, with nothing behind the arrow where the text does not say."""
    for line in lines.strip().splitlines():
        asks, arrow, answers = line.partition("=>")
        found = tuple(one.strip() for one in answers.split(" | ") if one.strip())
        if not arrow or not asks.strip():
            raise ValueError(f"no question: {line}")
        for one in found:
            if _plain(one) not in _plain(text):
                raise ValueError(f"the answer does not stand in the text: {one}")
        yield Question(asks.strip(), found)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
