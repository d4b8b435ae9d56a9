"""One training example."""

from dataclasses import dataclass, field

__all__ = ["TrainingRow"]


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A prompt, and the text that the model should write after it (the end-of-turn token not included)."""

    input: str = field(repr=False)
    target: str = field(repr=False)
