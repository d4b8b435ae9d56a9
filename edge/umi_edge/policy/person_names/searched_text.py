"""A text in which names are looked for: its words and their neighbours, its languages, and how its capitals stand.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import islice, pairwise, zip_longest

from umi_edge.policy.person_names.endings import ALWAYS, ENDINGS, Ending, languages_of
from umi_edge.policy.person_names.flat import flattened, script_of
from umi_edge.policy.person_names.respelling import syllables
from umi_edge.policy.person_names.romanised import sound
from umi_edge.policy.person_names.standing import Place
from umi_edge.policy.person_names.words import context, english_words, plain
from umi_edge.policy.projection import Projection, projected

__all__ = ["SearchedText", "is_link"]

_INITIALS_BEFORE = re.compile(r"(?<![^\W_])(?:[^\W\d_](?:[.׳]|(?<=[א-ת])')[ -]?){1,3}$")
_INITIALS_AFTER = re.compile(r",? (?:[^\W\d_]\.[ -]?){0,2}[^\W\d_]\.(?![^\W_])|,? [A-HJ-Z]\b(?![.'’]\w)")
_I = re.compile(r"(?<![^\W_])I(?![^\W_])")
_PARTICLE_BEFORE = re.compile(r"(?<![^\W_])(?:de|di|da|del|della|van|von|der|den|la|le|el|al|dos|du|d)[ '’]$")
_FAMILY_PARTICLES = ("vd", "vande", "van", "der", "von")
_SPELT = re.compile(r"(?<![^ ])\w(?: \w){2,}(?![^ ])")
_CONJUNCTIONS = ("and", "und")
_JOINS = tuple("_@#/.-\\0123456789")
_FEW_LETTERS = 4


def is_link(word: str) -> bool:
    """Whether a word stands between the words of one name, and not between two names."""
    return word in context("particles") and word not in _CONJUNCTIONS


class SearchedText:
    """One text, with what is asked of it more than once."""

    def __init__(self, text: str, view: Projection) -> None:
        self._text = text
        self.view = view
        self.flat = flattened(view.text)

    @cached_property
    def words(self) -> list[tuple[int, int, str]]:
        """The words of the flat text."""
        return [(match.start(), match.end(), match[0]) for match in re.finditer(r"[^ ]+", self.flat)]

    @cached_property
    def parted(self) -> list[tuple[int, int, str]]:
        """The same with joined words apart, and two that a hyphen or a blank parts in one, too (`Mei-ling`)."""
        apart: list[tuple[int, int, str]] = []
        if self.spread is not None:
            flat_text, places = self.spread
            apart = [
                (places[match.start()], places[match.end() - 1] + 1, match[0])
                for match in re.finditer(r"[^ ]+", flat_text)
            ]
        return [*dict.fromkeys((*self.words, *apart, *self.pairs))]

    @cached_property
    def pairs(self) -> list[tuple[int, int, str]]:
        """Two words that a hyphen or a blank parts, in one, where the first has a capital."""
        return [
            (first, last, one + other)
            for (first, end, one), (start, last, other) in pairwise(self.words)
            if start - end == 1 and self.view.text[end] in " -'" and self.is_capital(first)
        ]

    @cached_property
    def spelt(self) -> list[tuple[int, int, str]]:
        """Letters with blanks, dots or hyphens between them, as one word."""
        return [
            (match.start(), match.end(), match[0].replace(" ", ""))
            for match in _SPELT.finditer(self.flat)
            if len({*self.view.text[match.start() + 1 : match.end() : 2]}) == 1
        ]

    @cached_property
    def _is_shouted(self) -> bool:
        return self._text.isupper()

    def is_acronym(self, start: int, end: int) -> bool:
        """Whether a short word is all in capitals where not all is."""
        word = self.original(start, end)
        return len(word) <= _FEW_LETTERS and word.isupper() and not self._is_shouted

    def is_spoken_to(self, start: int) -> bool:
        """Whether a word for speaking to somebody is before it."""
        last = self.flat[max(0, start - 24) : start].split()[-1:]
        return bool(last) and last[0] in context("verbs before a name")

    @cached_property
    def languages(self) -> frozenset[Ending]:
        """Which endings the text may have."""
        found = languages_of(set(self.flat.split()), self._text.lower())
        return ALWAYS | {Ending.GENITIVE} if len(found) == len(ENDINGS) and self.english else found

    @cached_property
    def english(self) -> bool:
        """Whether it looks like English."""
        words = set(self.flat.split())
        if words & context("not in english"):
            return False
        told = any(len(word) > 1 for word in words & context("told of english"))
        longer = {word for word in words if len(word) > 2}
        return told or len(longer & english_words()) * 2 >= max(len(longer), 2)

    @cached_property
    def german(self) -> bool:
        """Whether it looks like German, which gives every thing a capital, or like nothing that is known."""
        words = set(self.flat.split())
        if self.english:
            return False
        return bool(words & context("told of german")) or len(self.languages) == len(ENDINGS)

    @cached_property
    def spread(self) -> "tuple[str, array[int]] | None":
        """The flat text with the words of joined names apart, and where each character was; None without any."""
        cuts = [
            place
            for start, end, word in self.words
            if len(word) > 1
            for place in range(start + 1, end)
            if self._parts(place)
        ]
        if not cuts:
            return None
        out: list[str] = []
        places = array("I")
        last = 0
        for cut in [*cuts, len(self.flat)]:
            out.append(self.flat[last:cut])
            places.extend(range(last, cut))
            out.append(" ")
            places.append(max(cut - 1, 0))
            last = cut
        return "".join(out), places

    def _parts(self, place: int) -> bool:
        left, right = self.written(place - 1), self.written(place)
        return (left.islower() and right.isupper()) or (left.isdigit() and right.isalpha())

    def written(self, place: int) -> str:
        """The original's character at a place of the projection."""
        if place >= len(self.view.text):
            return " "
        start, _ = self.view.original(place, place + 1)
        return self._text[start]

    def original(self, start: int, end: int) -> str:
        """The original's text of a span of the projection."""
        first, last = self.view.original(start, end)
        return self._text[first:last]

    def is_capital(self, place: int) -> bool:
        """Whether a word begins with a capital; in a script without any it always does."""
        letter = self.written(place)
        return letter.upper() == letter.lower() or letter.isupper() or letter.istitle()

    @cached_property
    def _has_no_capitals(self) -> bool:
        """But for the first letter, which some programs put in, and for `I`."""
        rest = self._text[:1].lower() + _I.sub("i", self._text[1:])
        return rest.lower() == rest

    def is_joined(self, start: int, end: int) -> bool:
        """Whether a word is a part of a handle, a tag or a file's name."""
        text = self.view.text
        after = text[end : end + 2]
        return text[start - 1 : start] in _JOINS or (
            after[:1] in _JOINS and (after.isalnum() or after[1:].isalnum())
        )

    def may_bend(self, letters: int, rest: str, family: Ending, *, capital: bool) -> bool:
        """Whether a stem of so many letters, with this behind it, is told from the beginning of another word."""
        if capital:
            unknown = len(self.languages) == len(ENDINGS) and family is not Ending.GENITIVE
            return letters > 2 + unknown or self.told or family is Ending.CYRILLIC
        if family in ALWAYS:
            return letters > 3
        if letters > _FEW_LETTERS and len(self.languages) == len(ENDINGS):
            return True
        return letters > 2 and (self.told or len(rest) > 2 or self.told_genitive(family))

    def told_genitive(self, family: Ending) -> bool:
        """Whether the family is the one that the text's language is known to have."""
        return family is Ending.GENITIVE and len(self.languages) < len(ENDINGS)

    @cached_property
    def told(self) -> bool:
        """Whether the text tells that its language bends names."""
        return bool(self.languages - ALWAYS - {Ending.GENITIVE}) and len(self.languages) < len(ENDINGS)

    @cached_property
    def has_han(self) -> bool:
        """Whether there are Han characters."""
        return not self._text.isascii() and any(script_of(character) == "HAN" for character in self._text)

    @cached_property
    def syllables(self) -> "tuple[str, array[int]]":
        """The sounds of its Han characters, and the place of each letter of them."""
        out: list[str] = []
        places = array("I")
        for place, character in enumerate(self.flat):
            piece = syllables(character) if script_of(character) == "HAN" else " "
            out.append(piece)
            places.extend([place] * len(piece))
        return "".join(out), places

    def stands_as_name(self, start: int, end: int, *, hinted: bool = False) -> bool:
        """Whether an everyday word, or one that only hints at a name, is a name here."""
        letter = self.written(start)
        before = self.flat[max(0, start - 80) : start]
        after = self.flat[end : end + 80]
        last, following = before.split(), after.split()
        place = Place(
            before=tuple(last[-2:]),
            after=following[0] if following and after[:1] == " " else "",
            rest=self._rest_of(end),
            gap_before=self.view.text[len(before.rstrip()) + max(0, start - 80) : start],
            gap_after=self.view.text[end : end + len(after) - len(after.lstrip())],
            word=self.flat[start:end],
            after_is_capital=self.written(end + len(after) - len(after.lstrip())).isupper(),
            second_is_capital=self._second_is_capital(end),
            english=self.english,
            german=self.german,
            plain=self.flat[start:end] in plain(),
            hinted=hinted,
        )
        if letter.upper() == letter.lower():
            return place.is_name_without_capitals(self.flat, start, end)
        if letter.isupper():
            return place.is_name_with_capital()
        return self._has_no_capitals and place.is_name_in_small_letters()

    def _rest_of(self, end: int) -> tuple[str, ...]:
        """The words of the sentence from a place on, as far as a verb may be."""
        reach = self.view.text[end : end + 80]
        stop = next((place for place, letter in enumerate(reach) if letter in ".!?;\n"), len(reach))
        return tuple(self.flat[end : end + stop].split())

    def _second_is_capital(self, end: int) -> bool:
        """Whether the word after the next one has a capital."""
        second = list(islice(self._words_after(end), 2))[1:]
        return bool(second) and self.written(second[0][0]).isupper()

    def initials(self, start: int, end: int, known: frozenset[str]) -> tuple[int, int]:
        """A name with the initials beside it; small ones are some where the name has them and the text no capitals."""
        particle = _PARTICLE_BEFORE.search(self.view.text, max(0, start - 12), start)
        if particle is not None and self._initial_before(particle.start(), known) is not None:
            start = particle.start()
        before = self._initial_before(start, known)
        start = start if before is None else before
        _, original_end = self.view.original(start, end)
        after = _INITIALS_AFTER.match(self._text[original_end : original_end + 12])
        if after is not None and _is_initial(after[0]):
            end += len(projected("x" + after[0])) - 1
        return max(start, 0), min(end, len(self.view.text))

    def _initial_before(self, start: int, known: frozenset[str]) -> int | None:
        """Where the initials right before a place begin; None where there are none."""
        original_start, _ = self.view.original(start, start + 1)
        match = _INITIALS_BEFORE.search(self._text[max(0, original_start - 12) : original_start])
        if match is None:
            return None
        small = self._has_no_capitals and {*projected(match[0])} & known
        if not (small or _is_initial(match[0]) or " " not in match[0]):
            return None
        return max(0, start - (len(projected(match[0] + "x")) - 1))

    def capitals_beside(self, start: int, end: int) -> tuple[int, int]:
        """A name of another script with the capitalised words beside it, which are the rest of it."""
        for first, last, _ in self._words_after(end):
            if self.view.text[end:first] not in (" ", "-") or not self.written(first).isupper():
                break
            end = last
        for first, last, _ in self._words_before(start):
            begins = first == 0 or set(self.view.text[max(first - 2, 0) : first]) & set(".!?:\n")
            if begins or self.view.text[last:start] not in (" ", "-") or not self.written(first).isupper():
                break
            start = first
        return start, end

    def _words_after(self, place: int) -> Iterator[tuple[int, int, str]]:
        for at in range(bisect_left(self.words, (place,)), len(self.words)):
            yield self.words[at]

    def _words_before(self, place: int) -> Iterator[tuple[int, int, str]]:
        for at in range(bisect_left(self.words, (place,)) - 1, -1, -1):
            if self.words[at][1] <= place:
                yield self.words[at]

    def respelled_neighbours(self, start: int, end: int, texts: list[str]) -> tuple[int, int]:
        """A name with the words beside it that are nearly another word of it, and with particles before it."""
        reach = end
        following = list(islice(self._words_after(end), _FEW_LETTERS))
        for (first, last, word), (_, ends, other) in zip_longest(
            following, following[1:], fillvalue=(0, 0, "")
        ):
            if not set(self.view.text[reach:first]) <= set(" -'’"):
                break
            if self.is_capital(first) and any(_nearly(word, text) for text in texts):
                end = last
            elif other and word + other in texts:
                end = ends
            elif is_link(word):
                reach = last
                continue
            break
        for first, last, word in islice(self._words_before(start), _FEW_LETTERS):
            near = self.is_capital(first) and any(_nearly(word, text) for text in texts)
            if not set(self.view.text[last:start]) <= set(" -'’") or not (near or word in _FAMILY_PARTICLES):
                break
            start = first
        return start, end


def _is_initial(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return all(letter.isupper() or letter.upper() == letter.lower() for letter in letters)


@lru_cache(maxsize=4096)
def _nearly(word: str, other: str) -> bool:
    """Whether two words are one letter apart, or two where they are long, or sound the same."""
    if len(other) < _FEW_LETTERS or len(word) < 3 or word == other:
        return False
    heard, known = sound(word), sound(other)
    if heard == known and len(heard) > 2:
        return True
    allowed = 2 if len(other) > 6 else 1
    return _distance(word, other) <= allowed or (len(known) > _FEW_LETTERS and _distance(heard, known) <= 1)


def _distance(left: str, right: str) -> int:
    if abs(len(left) - len(right)) > 2:
        return 3
    row = list(range(len(right) + 1))
    for index, one in enumerate(left, 1):
        diagonal, row[0] = row[0], index
        for place, other in enumerate(right, 1):
            diagonal, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, diagonal + (one != other)),
            )
    return row[-1]
