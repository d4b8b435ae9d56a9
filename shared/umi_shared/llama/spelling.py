"""Spelling: a word that is begun like one of the request's is likelier to be that word, in that word's own tokens.

A small model copies a rare word in pieces ("Or", "chard") and at times begins it with another piece, or leaves it
halfway for a commoner one. Which words it copies is its own choice, and so is where a value ends; only the tokens that
go on towards a word are made likelier, as a prior that the model can outweigh.
"""

import re
from collections import defaultdict
from collections.abc import Callable

__all__ = ["Spelling"]

_WORD = re.compile(r"[^\W\d_]{3,}")
_BEGUN = re.compile(r" ?[^\W\d_]+\Z")
_MOST_WORDS = 400
"""Of a text, the first ones: each is written as four sequences of tokens, some 0.12 ms in all."""

Tokenize = Callable[[str], list[tuple[int, str]]]
"""The tokens of a text that is written anew, each with its own text."""


class Spelling:
    """The words of one text, for one output that is JSON."""

    def __init__(self, text: str, tokenize: Tokenize) -> None:
        self._next: defaultdict[str, set[int]] = defaultdict(set)
        self._whole: set[str] = set()
        words = dict.fromkeys(word.lower() for word in _WORD.findall(text))
        for word in list(words)[:_MOST_WORDS]:
            for form in (word, word.capitalize(), f" {word}", f" {word.capitalize()}"):
                begun = ""
                for token, piece in tokenize(form):
                    if begun or form[0] != " ":
                        self._next[begun].add(token)
                    begun += piece
                self._whole.add(begun)

    def likelier(self, written: str) -> list[int]:
        """The tokens that go on towards one of the words, or begin one, after the output so far.

        Words are begun at the start of a string value only: elsewhere the value may end as well.

        >>> tokens = {"kayak": [(1, "k"), (2, "ayak")], "Kayak": [(3, "Kay"), (4, "ak")]}
        >>> spelling = Spelling("a kayak", lambda form: tokens.get(form, []))
        >>> [spelling.likelier('{"arguments":{"query":"' + begun) for begun in ("", "k", "Kay", "Kayak", "y")]
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
