"""What a person is told beside the values of a call that they are asked about, wherever they are asked.

I2: docs/design.md#i2-fail-closed
"""

from dataclasses import dataclass, field
from enum import StrEnum

from umi_edge.session.consent import ConsentRequest
from umi_shared.screen.text import one_line

__all__ = ["Note", "Tone", "notes_of", "origin_of", "title_of"]


class Tone(StrEnum):
    """How loud a note is."""

    QUIET = "quiet"
    CAREFUL = "careful"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know before a yes."""

    words: str = field(repr=False)
    tone: Tone


def title_of(request: ConsentRequest) -> str:
    """The question."""
    return request.question or f"May {one_line(request.tool)} do this?"


def notes_of(request: ConsentRequest) -> list[Note]:
    """Why it is asked, whether the values leave, and what of them the user did not decide."""
    notes = [Note(f"Asked because: {reason}", Tone.QUIET) for reason in request.reasons]
    if request.leaves_device:
        notes.append(Note("These values will leave this device.", Tone.CAREFUL))
    if strangers := request.from_strangers:
        names = ", ".join(strangers)
        notes.append(Note(f"Not decided by you, but by a text of somebody else: {names}", Tone.BAD))
    return notes


def origin_of(request: ConsentRequest, name: str) -> str:
    """Where an argument's value came from."""
    known = request.provenance.get(name)
    return "; ".join(known.said) if known else "of unknown origin"
