"""What the user repeats of what a model told them: an address that a model came up with is not theirs for being typed.

Covered: what an answer, a question or a plan spells, however it is set: with blanks and points in a number, in
Markdown, in entities, with characters that do not show, `at` for `@`. Not covered: an address that the user puts
together themselves from hints, and letters that only look like those that they type.

I3: docs/design.md#i3-noninterference
I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import html
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

import regex as re

from umi_edge.labelling.keeper import ENDS
from umi_edge.labelling.text import LabelledEntry, LabelledText, constant, handles_in
from umi_edge.labelling.vault import Vault
from umi_edge.session.own_words import stands_in, typed_words
from umi_edge.session.pending_question import bars_of
from umi_shared.bars import NO_BARS, Bar
from umi_shared.handles import unescape
from umi_shared.labels import Integrity, Label
from umi_shared.transcript import Answer, Plan

__all__ = ["Echoes"]

_OF_A_DAY = re.compile(r"\b(?:19|20)\d\d\b|\d\d?:\d\d(?::\d\d)?")
_HOST = re.compile(r"@|://|\bwww\.|\w\.[a-z]{2,}/")
_SPOKEN = re.compile(r"(?<=\W)(?:at|dot)(?=\W)|\p{Default_Ignorable_Code_Point}")
_GLUE = re.compile(r"[^\w@.+%/\s-]+")
"""What may stand between an address and the word beside it, without a blank."""
_FEWEST_DIGITS = 5
"""A shorter number reaches nobody."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a model told the user."""

    words: str = field(repr=False)
    strange: str = field(repr=False)
    """It as it is read aloud, without values that are trusted: those are the user's own data."""
    bars: frozenset[Bar] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Echoes:
    """What models have told the user, and what the user typed of themselves."""

    told: tuple[_Told, ...] = field(repr=False)
    typed: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, entries: Iterable[LabelledEntry], vault: Vault) -> "Echoes":
        """All that stands in a transcript, whose handles the vault knows."""
        entries = tuple(entries)
        said = (one.text for one in entries if isinstance(one.template, Answer | Plan))
        told = (
            _Told(_plain(one), _read_aloud(_plain(_not_trusted(one, vault))), bars_of(one)) for one in said
        )
        return cls(tuple(told), tuple(typed.casefold() for typed in typed_words(entries)))

    def label(self, text: str, label: Label) -> Label:
        """The label of a part of what the user types, which is `label` where it is their own.

        What they were told is barred as that was; and an address or a long number is not theirs then.
        """
        part = text.casefold()
        if any(stands_in(part, typed) for typed in self.typed):
            return label
        pieces = {piece.strip(ENDS) for piece in (part, *_GLUE.split(part)) if _reaches_somebody(piece)}
        spelled = [found for piece in pieces if (found := _spelled(piece)) is not None]
        strange = [one for one in self.told if any(found.search(one.strange) for found in spelled)]
        found = [*strange, *(one for one in self.told if stands_in(part, one.words))]
        label = label.with_bars(NO_BARS.union(*(one.bars for one in found))) if found else label
        return label.with_integrity(Integrity.UNTRUSTED) if strange else label


def _plain(text: LabelledText) -> str:
    """What was shown to the user."""
    return unescape("".join(span.clear for span in text)).casefold()


def _not_trusted(text: LabelledText, vault: Vault) -> LabelledText:
    """The text without the values that the vault trusts."""
    gap = constant("\n")
    return tuple(
        gap if any(one in vault and vault[one].label.trusted for one in handles_in([span])) else span
        for span in text
    )


def _read_aloud(text: str) -> str:
    seen = unicodedata.normalize("NFKC", html.unescape(unquote(text))).casefold()
    return str(_SPOKEN.sub("", seen))


def _spelled(part: str) -> "re.Pattern[str] | None":
    """Finds the letters and digits of a part, whatever stands between them; none where it has none."""
    letters = [re.escape(one) for one in _read_aloud(part) if one.isalnum()]
    return re.compile(r"(?<![a-z\d])" + r"[\W_]*+".join(letters) + r"(?![a-z\d])") if letters else None


def _reaches_somebody(part: str) -> bool:
    """Whether it is an address or the number of a phone or an account, and no day or time."""
    digits = sum(one.isdigit() for one in _OF_A_DAY.sub("", part))
    return _HOST.search(part) is not None or digits >= _FEWEST_DIGITS
