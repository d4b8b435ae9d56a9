"""The text of an output as its tokens arrive: whole characters, and nothing of a stop string."""

import codecs
from dataclasses import dataclass, field

__all__ = ["OutputText"]


@dataclass(slots=True)
class OutputText:
    r"""Turns bytes into text that can be shown; holds back what may be the start of a stop string.

    >>> output = OutputText(stop=("END",))
    >>> [output.feed(piece) for piece in (b"caf\xc3", b"\xa9 E", b"NO EN", b"D more")]
    ['caf', 'é ', 'ENO ', '']
    >>> output.stopped, output.finish()
    (True, '')
    """

    stop: tuple[str, ...] = ()
    stopped: bool = False
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"), repr=False
    )
    _held: str = field(default="", repr=False)

    def feed(self, piece: bytes) -> str:
        """Take the next bytes; give the text that is now certain."""
        if self.stopped:
            return ""
        text = self._held + self._decoder.decode(piece)
        for word in self.stop:
            at = text.find(word)
            if at >= 0:
                self.stopped, self._held = True, ""
                return text[:at]
        keep = max((_overlap(text, word) for word in self.stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """The text that was held back and is now known to be text."""
        rest, self._held = self._held + self._decoder.decode(b"", final=True), ""
        return rest


def _overlap(text: str, word: str) -> int:
    """How many characters at the end of the text start the word."""
    return next((n for n in range(min(len(word) - 1, len(text)), 0, -1) if text.endswith(word[:n])), 0)
