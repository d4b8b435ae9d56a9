"""Standing: whether an everyday word that is somebody's name is one where it stands.

Where nothing tells, it is: a name that is masked for nothing costs less than one that leaves.
"""

from dataclasses import dataclass, field

from umi_edge.policy.person_names.flat import flat, script_of
from umi_edge.policy.person_names.unspaced import honorific_after
from umi_edge.policy.person_names.words import context, everyday_in_english_only, is_listed

__all__ = ["Place"]

_ENDS = frozenset('.!?:;\n\r•–—…"“„«»()[]>*¿¡。！？：；「」')

_TO = frozenset(("a", "an", "to", "al", "ao", "pra", "do", "para", "per", "aan"))
_SPEAKER = frozenset(
    map(flat, ("i", "me", "ich", "moi", "je", "yo", "io", "eu", "ja", "já", "я", "ben", "tôi"))
)
_AUXILIARY = ("will", "may")

_UNSPACED = ("HAN", "KANA", "HANGUL", "THAI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A word in its text."""

    before: tuple[str, ...] = field(repr=False)
    """The last two words before it, flat; fewer at the beginning."""
    after: str = field(repr=False)
    """The next word."""
    rest: tuple[str, ...] = field(repr=False)
    """The words after it, of its sentence, as far as it matters."""
    gap_before: str = field(repr=False)
    """What is between it and the word before."""
    gap_after: str = field(repr=False)
    word: str = field(repr=False)
    after_is_capital: bool
    second_is_capital: bool
    """Whether the word after the next has one."""
    english: bool
    german: bool
    """Whether a capital may say no more than that the word is a thing."""
    plain: bool
    """Whether the word is nobody's name but that of a card: a capital says little then."""
    hinted: bool
    """Whether the word is not quite a known name: the same."""

    def is_name_with_capital(self) -> bool:
        """Whether a capitalised everyday word stands for somebody here."""
        last = self.before[-1] if self.before else ""
        if self.gap_after[:1] in ("'", "’") or (
            last in context("titles") or self.after in context("titles after")
        ):
            return True
        if self.word in context("months") and self._is_month(last):
            return False
        if self.after in context("after a place's name") or (
            self.hinted and last in context("before a place") and not self._is_spoken_to(last)
        ):
            return False
        doubtful = self.plain or self.hinted
        if doubtful and (self.german or (self.plain and not self.english)):
            return self._is_spoken_to(last)
        starts = not self.before or not _ENDS.isdisjoint(self.gap_before)
        if starts:
            if doubtful:
                return self.hinted and not self.plain and self.after in context("verbs after a name")
            return self._starts_as_name()
        if self.english and self._goes_on(last):
            return False
        if last in context("determiners") and (self.english or last not in ("a", "an", "am", "no")):
            return False
        return not (
            len(self.before) > 1 and self.before[-2] in context("determiners") and _is_adjective(last)
        )

    def is_name_in_small_letters(self) -> bool:
        """Whether it stands for somebody in a text that has no capitals: beside what is done with people."""
        last = self.before[-1] if self.before else ""
        if self.word in context("particles"):
            return False
        if self._is_spoken_to(last):
            return not (self.word in _AUXILIARY and self.after in context("subjects") | {"be", "have"})
        if self.plain or self.hinted or self.word in context("months"):
            return False
        if self.gap_after[:1] in ("'", "’"):
            return True
        ends = not self.after or bool(self.gap_after.strip()) or self.after in context("after somebody")
        return (last in context("with somebody") and ends) or (
            last in context("asks of somebody") and len(self.before) == 1
        )

    def _goes_on(self, last: str) -> bool:
        """Whether it is the given name of somebody else, whose family name follows."""
        follows = self.after_is_capital and len(self.after) > 1 and not is_listed(self.after)
        return follows and not self._is_spoken_to(last)

    def _is_spoken_to(self, last: str) -> bool:
        """Whether what is done with people stands before it, with or without a small word (`llama a Pepe`)."""
        verbs = context("verbs before a name")
        return last in verbs or (
            last in _TO
            and not (self.english and last in ("a", "an"))
            and len(self.before) > 1
            and self.before[-2] in verbs
        )

    def _is_month(self, last: str) -> bool:
        return last in context("before a month") or last[-1:].isdigit() or self.after[:1].isdigit()

    def _starts_as_name(self) -> bool:
        if self.gap_after.strip() or not self.after:
            return True
        if self.after in context("joins two"):
            return (self.second_is_capital and not self.german) or any(
                word in _SPEAKER for word in self.rest[1:2]
            )
        if self.german and self.after_is_capital and self.word.endswith("s"):
            return True  # Müllers Hund
        if self.after in context("is") and any(word in context("determiners") for word in self.rest[1:2]):
            return False  # Koch ist ein Beruf
        if self.after in context("verbs after a name") or (
            self.after in context("verbs before a name") and not self.english
        ):
            return True
        if self.after in context("subjects"):
            return False
        if self.english:
            return self.after.endswith("ed")
        if not self.german and self.word in everyday_in_english_only():
            return True
        return any(word in context("does what people do") for word in self.rest)

    def is_name_without_capitals(self, text: str, start: int, end: int) -> bool:
        """The same in a script that has none: beside something that only names stand next to.

        `text` is the flat text in which the word is from `start` to `end`.
        """
        last = self.before[-1] if self.before else ""
        if self.word in context("months"):
            return not (any(word[-1:].isdigit() for word in self.before[-1:]) or self.after[:1].isdigit())
        if script_of(self.word[0]) in _UNSPACED:
            beside = context("beside unspaced names")
            if text[start - 1 : start] in beside:
                return True
            if honorific_after(text, start, end):
                return True
            begins = start == 0 or text[start - 1] == " "
            return any(text[end : end + size] in beside for size in (3, 2, 1)) and begins
        before = text[max(0, start - 2) : start]
        prefixed = before[-1:] not in ("", " ") and not before.endswith(("ה", "ال", "لل"))
        acts = context("does what people do")
        if before[-1:] in ("", " ") and (
            self.after in acts or (last in acts and script_of(self.word[0]) == "ARABIC")
        ):
            return True
        return prefixed or last in context("titles") or self.after in context("titles after")


def _is_adjective(word: str) -> bool:
    return word.endswith(("er", "e", "en", "es", "em"))
