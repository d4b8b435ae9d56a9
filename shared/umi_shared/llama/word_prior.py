"""The word prior: a word that begins like one of the request's is likelier to become that word (docs/adr/0010).

A small model copies a rare word in pieces ("Or", "chard"). Now and then it begins the word with another piece, or
leaves it halfway for a commoner one. This prior leaves it to the model which words to copy and where a value ends; it
only makes the tokens likelier that continue a word which has been begun, and the model can outweigh it.
"""

import re
from collections import defaultdict
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["BOOST", "Tokenizer", "WordPrior"]

BOOST = 3.0
"""How much is added to the logit of a token that continues a word."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_BEGUN = re.compile(r" ?[^\W\d_]+\Z")
_MAX_WORDS = 400
"""Only the first words of a text count: the four ways to write one take some 0.12 ms to tokenize."""


class Tokenizer(Protocol):
    """What the prior asks about the model's tokens."""

    def pieces(self, text: str) -> list[tuple[int, str]]:
        """The tokens of a text, each with its own text; none where they do not write exactly that text."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes of one token."""
        ...


class WordPrior:
    """The words of one text, for one output that has JSON in it; implements the decoding loop's `Prior`."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._next: defaultdict[str, set[int]] = defaultdict(set)
        """By how a word begins: the tokens that the tokenizer itself continues it with."""
        self._whole: set[str] = set()
        words = dict.fromkeys(word.lower() for word in _WORD.findall(text))
        for word in list(words)[:_MAX_WORDS]:
            for form in (word, word.capitalize(), f" {word}", f" {word.capitalize()}"):
                begun = ""
                for token, piece in tokenizer.pieces(form):
                    if begun or form[0] != " ":
                        self._next[begun].add(token)
                    begun += piece
                self._whole.add(begun)

    def applied(self, logits: NDArray[np.float32], written: str) -> NDArray[np.float32]:
        """The logits with the boost; as they are where the model is about to write anything but letters.

        A day or a number is worked out, not copied, and is no misspelt word.
        """
        likelier = self.likelier(written)
        if not likelier or not self._tokenizer.piece(int(np.argmax(logits))).strip()[:1].isalpha():
            return logits
        logits = logits.copy()
        logits[likelier] += BOOST
        return logits

    def likelier(self, written: str) -> list[int]:
        """The tokens that continue one of the words, or begin one, after the output so far.

        Words are begun only at the start of a JSON string that is a value: elsewhere the value may just as well end.

        >>> from types import SimpleNamespace
        >>> tokens = {"kayak": [(1, "k"), (2, "ayak")], "Kayak": [(3, "Kay"), (4, "ak")]}
        >>> prior = WordPrior("a kayak", SimpleNamespace(pieces=lambda form: tokens.get(form, []), piece=None))
        >>> [prior.likelier('{"arguments":{"query":"' + begun) for begun in ("", "k", "Kay", "Kayak", "y")]
        [[1, 3], [2], [4], [], []]
        """
        start = written.rfind('"')
        if start < 1 or written[start - 1] not in ":[":
            return []
        if start == len(written) - 1:
            return sorted(self._next[""])
        match = _BEGUN.search(written, start + 1)
        begun = match[0] if match else ""
        return sorted(self._next[begun]) if begun in self._next and begun not in self._whole else []
