"""What a client is shown of what umi does: beside the answer, in it, or nothing."""

from dataclasses import dataclass, field

from umi_edge.doors.run import Called, Failed, Piece, Returned, Said, Thought

__all__ = ["Reasoning", "Spoken", "in_words"]

Reasoning = str
"""Where that stands: `field` (beside the answer), `think` (in the answer), or `none`."""

_PLAIN = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "`": "'", "!": "."})
"""What the planner thinks, without what could open a tag or a link that the answer goes on with."""


def in_words(piece: Thought | Called | Returned) -> str:
    """A step in a few words, for a client that draws no calls."""
    match piece:
        case Thought(text):
            return text
        case Called(tool):
            return f"→ {tool} "
        case Returned(done=True):
            return "✓\n"
        case Returned(told=told, made=made):
            return "✗\n" if made else f"✗ {told}\n"


@dataclass(slots=True)
class Spoken:
    """The pieces of one answer as a client wants them; a failure is told as part of the answer."""

    reasoning: Reasoning = field(default="field", repr=False)
    _thinking: bool = False
    _said: bool = False

    def of(self, piece: Piece) -> list[Piece]:
        """What is shown for a piece."""
        match piece:
            case Thought() | Called() | Returned():
                return self._steps(piece)
            case Failed():
                piece = Said(f"\n\n{piece.text}" if self._said else piece.text)
        rest = self.rest() if isinstance(piece, Said) else []
        self._said = self._said or isinstance(piece, Said)
        return [*rest, piece]

    def _steps(self, piece: Thought | Called | Returned) -> list[Piece]:
        if self.reasoning == "field":
            return [piece]
        if self.reasoning == "none" or self._said:
            return []
        begun, self._thinking = self._thinking, True
        plain = in_words(piece).translate(_PLAIN)
        return [Said(plain if begun else f"<think>\n{plain}")]

    def rest(self) -> list[Piece]:
        """What closes the thoughts, where they stand in the answer."""
        was, self._thinking = self._thinking, False
        return [Said("\n</think>\n\n")] if was else []
