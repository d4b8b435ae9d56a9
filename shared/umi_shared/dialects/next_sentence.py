"""Reads a planner's output that ends in a sentence with `Next: …`, while it streams."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from umi_shared.errors import MalformedError
from umi_shared.transcript import Decision

__all__ = ["NextSentenceReader"]

_MARK = " Next:"


@dataclass(slots=True)
class NextSentenceReader:
    """A `DecisionReader` that holds back what may be the start of the last sentence."""

    sentence: re.Pattern[str] = field(repr=False)
    """Finds the last sentence; its first group is the word after `Next:`."""
    decide: Callable[[str, str], Decision] = field(repr=False)
    """The decision that this word makes after the whole rationale; raises `MalformedError`."""
    _text: str = field(default="", repr=False)
    _given: int = 0

    def feed(self, text: str) -> str:
        """Take output; return the rationale that can no longer be part of the last sentence."""
        self._text += text
        start = self._text.rfind(_MARK)
        certain = start if start >= 0 else len(self._text) - len(_MARK) + 1
        piece = self._text[self._given : certain] if certain > self._given else ""
        self._given += len(piece)
        return piece

    def asked(self) -> str:
        """Nothing: these dialects ask the user nothing."""
        return ""

    def finish(self) -> tuple[str, Decision]:
        """The rest of the rationale, and the decision. Raises `MalformedError` when there is no decision."""
        match = self.sentence.search(self._text)
        if match is None:
            raise MalformedError("the planner's output ends without saying whose turn is next")
        return self._text[self._given : match.start()], self.decide(match[1], self._text[: match.start()])
