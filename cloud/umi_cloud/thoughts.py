"""Thoughts: what a reasoning model writes before it speaks, between `<think>` and `</think>`. They go nowhere.

An endpoint that knows such a model sends them apart (`reasoning_content`), and no engine reads that field.
"""

from dataclasses import dataclass, field

__all__ = ["WithoutThoughts"]

_TAGS = {"<think>": "</think>", "<thinking>": "</thinking>"}


@dataclass(slots=True)
class WithoutThoughts:
    r"""Takes thoughts from the beginning of an output as it streams.

    Covered: one or more thoughts before the first word. Not covered: thoughts whose beginning the chat template has
    written, so that only their end shows; the `chat` dialect's decisions know that end, an answer does not.

    >>> output = WithoutThoughts()
    >>> [output.feed(piece) for piece in ("<th", "ink>He wants", " it.</thi", "nk>\n\nHe", "llo <think>")]
    ['', '', '', 'He', 'llo <think>']
    """

    _held: str = field(default="", repr=False)
    _until: str = ""
    """What ends the thought; empty outside of one."""
    _speaks: bool = False

    def feed(self, text: str) -> str:
        """Take the next piece of output; return what is certainly no thought."""
        if self._speaks:
            return text
        self._held += text
        while True:
            if self._until:
                _, ended, rest = self._held.partition(self._until)
                if not ended:
                    self._held = self._held[-len(self._until) :]
                    return ""
                self._held, self._until = rest, ""
            begun = self._held.lstrip()
            tag = next((tag for tag in _TAGS if begun.startswith(tag)), "")
            if not tag:
                break
            self._held, self._until = begun.removeprefix(tag), _TAGS[tag]
        if any(tag.startswith(begun) for tag in _TAGS):
            return ""
        self._speaks = True
        return begun

    def finish(self) -> str:
        """What was held back and is no thought after all."""
        return "" if self._speaks or self._until else self._held.lstrip()
