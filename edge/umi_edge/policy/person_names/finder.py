"""Finding the people that the device knows in a text: by any word of their names, in the forms that languages give it.

Covered: given and family names, nicknames, initials beside a name, either order; inflected, possessive and prefixed
forms; hyphens, apostrophes, umlauts and accents written or not; joined as in file names and handles; scripts without
blanks; the same name in another script. Not covered: a name misspelt on its own, translated, or of one letter.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from umi_edge.policy.person_names.endings import ALWAYS, ENDINGS, Ending, stems
from umi_edge.policy.person_names.flat import flattened, script_of
from umi_edge.policy.person_names.misspelling import heard_alike, slips_of
from umi_edge.policy.person_names.name import UNSPACED, Weight, Word, words_of
from umi_edge.policy.person_names.respelling import is_variant, respelled, syllables
from umi_edge.policy.person_names.romanised import SKELETAL, ascii_of, skeleton, sound, sounds_of
from umi_edge.policy.person_names.searched_text import SearchedText, is_link
from umi_edge.policy.person_names.unspaced import honorific_after, stands_in_unspaced
from umi_edge.policy.person_names.words import context, everyday, is_listed, plain
from umi_edge.policy.projection import Projection

__all__ = ["NameFinder"]

_PREFIXED = {
    "ARABIC": re.compile(r"[وف]?(?:[بلكس]|لل)?(?:ال)?"),
    "HEBREW": re.compile(r"ו?(?:כש|לכש|מש|ש)?[הלבמכש]?ה?"),
}
_ANYWHERE = frozenset((*UNSPACED, *_PREFIXED))
"""Scripts whose names may begin within a run of letters."""
_LINK = re.compile(r"[\s\-'.·・,]*")
_FEW_BEARERS = 32
_MAX_BETWEEN = 24
_MOST_WORDS = 24
"""Finds that are looked at as one name."""
_FEW_LETTERS = 4
_LONGEST_HANDLE = 40
_LONG_SOUND = 4


@dataclass(slots=True)
class _Known:
    """A word of some names."""

    word: Word
    rank: int
    names: "array[int]"
    """Which ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hit:
    start: int
    end: int
    """In the projection."""
    known: int
    weight: Weight
    heard: bool = False
    """Whether the name is of another script, and was known by its sound."""


class NameFinder:
    """Finds the bearers of a list of names. Holds private values: its `repr` shows none (I8)."""

    def __init__(self, names: Iterable[tuple[str, int]]) -> None:
        """Take the names, each with the rank of the detector that has it."""
        self._known: list[_Known] = []
        self._index: dict[str, int] = {}
        self._lists: list[tuple[int, ...]] = []
        """The words of each name."""
        self._patterns: dict[str, list[tuple[int, tuple[Ending, ...]]]] = {}
        for name, rank in names:
            self._add(name, rank)
        self._places = list(self._patterns.values())
        self._automaton = (
            AhoCorasick(
                self._patterns,
                matchkind=MatchKind.Standard,
                store_patterns=False,
                implementation=Implementation.ContiguousNFA,
            )
            if self._patterns
            else None
        )
        self._patterns = {}

    def __repr__(self) -> str:
        return f"NameFinder({len(self._lists)} names)"

    # The index.

    def _add(self, name: str, rank: int) -> None:
        number = len(self._lists)
        words = [self._place(word, rank, number) for word in words_of(name)]
        self._lists.append(tuple(dict.fromkeys(words)))

    def _place(self, word: Word, rank: int, number: int) -> int:
        place = self._index.get(word.text)
        if place is not None:
            known = self._known[place]
            if known.names[-1] != number:
                known.names.append(number)
            return place
        place = self._index[word.text] = len(self._known)
        self._known.append(_Known(word, rank, array("I", [number])))
        for spelling in respelled(word):
            self._index.setdefault(spelling, place)
            self._patterns.setdefault(self._pattern(spelling, word.script), []).append(
                (place, (Ending.NONE,))
            )
            endings: dict[str, list[Ending]] = {}
            for stem, ending in stems(spelling, word.script, word.original):
                endings.setdefault(stem, []).append(ending)
            for stem, families in endings.items():
                self._patterns.setdefault(self._pattern(stem, word.script), []).append(
                    (place, tuple(families))
                )
        return place

    @staticmethod
    def _pattern(stem: str, script: str) -> str:
        return stem if script in _ANYWHERE else f" {stem}"

    @cached_property
    def _scripts(self) -> frozenset[str]:
        return frozenset(known.word.script for known in self._known)

    @cached_property
    def _sounds(self) -> dict[str, list[int]]:
        """Words that are not in Latin letters, by how they sound in them; with `-` before, by consonants."""
        found: dict[str, list[int]] = {}
        for place, known in enumerate(self._known):
            script = known.word.script
            if script in ("LATIN", ""):
                continue
            keys = [] if script in SKELETAL - {"DEVANAGARI"} else list(sounds_of(known.word.original, script))
            if script in SKELETAL:
                keys.append(f"-{skeleton(known.word.original)}")
            for key in keys:
                if len(key) > (1 if known.word.weight is Weight.BESIDE else 2):
                    found.setdefault(key, []).append(place)
        return found

    @cached_property
    def _latin_sounds(self) -> dict[str, list[int]]:
        """Words in Latin letters, by how they sound, and by their consonants."""
        found: dict[str, list[int]] = {}
        for place, known in enumerate(self._known):
            if known.word.script == "LATIN" and not any(map(str.isdigit, known.word.text)):
                for key in (sound(known.word.original), f"-{skeleton(known.word.original)}"):
                    found.setdefault(key, []).append(place)
        return found

    @cached_property
    def _heard_alike(self) -> dict[str, list[int]]:
        """Words in Latin letters, by what their other spellings share with them."""
        found: dict[str, list[int]] = {}
        for place, known in enumerate(self._known):
            if known.word.script == "LATIN" and (key := heard_alike(known.word.text)):
                found.setdefault(key, []).append(place)
        return found

    @cached_property
    def _syllables(self) -> tuple[AhoCorasick, list[int]] | None:
        """Han words by the sound of each character, in which simplified and traditional ones are alike."""
        words = [place for place, known in enumerate(self._known) if known.word.script == "HAN"]
        words = [place for place in words if len(self._known[place].word.text) > 1]
        if not words:
            return None
        keys = [syllables(self._known[place].word.text) for place in words]
        automaton = AhoCorasick(
            keys,
            matchkind=MatchKind.Standard,
            store_patterns=False,
            implementation=Implementation.ContiguousNFA,
        )
        return automaton, words

    # The search.

    def find(self, text: str, view: Projection) -> Iterator[tuple[int, int, int]]:
        """Where names stand in a text (in its own offsets), and the rank of each."""
        if self._automaton is None:
            return
        search = SearchedText(text, view)
        hits = [*self._written(search, search.flat, None)]
        spread = search.spread
        if spread is not None:
            hits += self._written(search, *spread)
        hits += self._sounding(search)
        hits += self._in_other_characters(search)
        hits += self._in_handles(search)
        hits += self._in_pieces(search)
        hits += self._misspelt(search)
        if hits:
            for start, end, rank in self._judged(search, hits):
                yield (*view.original(start, end), rank)

    def _written(self, search: SearchedText, flat_text: str, places: "array[int] | None") -> Iterator[_Hit]:
        padded = f" {flat_text} "
        assert self._automaton is not None  # noqa: S101  # `find` has looked
        for pattern, begin, stop in self._automaton.find_matches_as_indexes(padded, overlapping=True):
            forms = self._places[pattern]
            first = self._known[forms[0][0]].word
            start = begin if first.script in _ANYWHERE else begin + 1
            for place, families in forms:
                known = self._known[place].word
                found = self._ends(search, padded, places, start, stop, known, families)
                if found is not None:
                    begins, ends, weight = found
                    if places is None:
                        yield _Hit(start=begins - 1, end=ends - 1, known=place, weight=weight)
                    else:
                        last = places[ends - 2] + 1
                        yield _Hit(start=places[begins - 1], end=last, known=place, weight=weight)

    def _ends(
        self,
        search: SearchedText,
        text: str,
        places: "array[int] | None",
        start: int,
        stop: int,
        word: Word,
        families: tuple[Ending, ...],
    ) -> tuple[int, int, Weight] | None:
        """Where a match of a stem begins and ends, and what it weighs; None where it is part of another word."""
        if word.script in UNSPACED:
            if not stands_in_unspaced(text, start, stop, word.script):
                return None
            if word.family and honorific_after(text, start, stop):
                return start, stop, Weight.SURE
            return start, stop, word.weight
        weight, begins = word.weight, start
        if word.script in _PREFIXED:
            before = text.rfind(" ", 0, start) + 1
            prefix = text[before:start]
            if prefix and script_of(prefix[-1]) == word.script:
                if not _PREFIXED[word.script].fullmatch(prefix) or len(word.text) < 3:
                    return None
                begins = start - 2 if prefix.endswith("ال") else start
                begins = start - 1 if prefix.endswith("لل") else begins
            elif prefix and not prefix[-1].isdigit():
                return None
        end = text.find(" ", stop)
        rest = text[stop:end]
        if not rest or rest[0].isdigit() or _alphabet(rest[0]) != _alphabet(text[stop - 1]):
            return (begins, stop, weight) if Ending.NONE in families else None
        capital = search.is_capital(begins - 1 if places is None else places[begins - 1])
        for family in families:
            allowed = family in search.languages or (
                family is Ending.GENITIVE and capital and search.languages != ALWAYS
            )
            if allowed and rest in ENDINGS[family]:
                told = search.may_bend(stop - start, rest, family, capital=capital)
                bent = text[start:end]
                if (bent in plain() and not capital) or bent in context("capitals of no person"):
                    return begins, end, Weight.BESIDE
                if not told or (weight is Weight.PERHAPS and not capital):
                    return begins, end, min(weight, Weight.HINTED)
                return begins, end, min(weight, Weight.PERHAPS) if bent in everyday() else weight
        return None

    def _sounding(self, search: SearchedText) -> Iterator[_Hit]:
        """Names that are written in the letters of another script."""
        others = self._scripts - {"LATIN", ""}
        for start, end, word in search.parted:
            script = script_of(search.written(start))
            if script == "LATIN":
                wanted = len(word) > 1 and word.isalpha() and word not in context("particles")
                if others and wanted:
                    yield from self._heard(search, start, end, word)
            elif script and "LATIN" in self._scripts and len(word) > 1:
                yield from self._heard_foreign(search, start, end, script)

    def _heard(self, search: SearchedText, start: int, end: int, word: str) -> Iterator[_Hit]:
        written = search.is_capital(start) or search.is_joined(start, end)
        if search.is_acronym(start, end):
            return
        keys = [sound(word)]
        if self._scripts & SKELETAL:
            keys += {f"-{skeleton(word)}", f"-{skeleton(word.replace('ch', 'kh'))}"}
        for key in keys:
            for place in self._sounds.get(key, ()):
                weight = self._known[place].word.weight
                if not written:
                    if len(key.strip("-")) < _FEW_LETTERS - 1:
                        continue
                    weight = Weight.BESIDE
                elif key[0] == "-" and len(key) <= _LONG_SOUND:
                    weight = Weight.BESIDE
                elif len(key) < _LONG_SOUND:
                    weight = min(weight, Weight.PERHAPS)
                yield _Hit(start=start, end=end, known=place, weight=weight, heard=True)

    def _heard_foreign(self, search: SearchedText, start: int, end: int, script: str) -> Iterator[_Hit]:
        original = search.original(start, end)
        candidates = [original]
        if script in ("CYRILLIC", "GREEK"):
            candidates += [original[:-cut] for cut in (1, 2, 3) if len(original) - cut >= _FEW_LETTERS]
            candidates += [f"{original[:-1]}а", f"{original[:-1]}й"] if len(original) > _FEW_LETTERS else []
        for candidate in candidates:
            key = f"-{skeleton(candidate)}" if script in SKELETAL else sound(candidate)
            sure = len(key) >= _LONG_SOUND + 2 * (key[0] == "-")
            for place in self._latin_sounds.get(key, ()) if len(key.strip("-")) > 2 else ():
                weight = self._known[place].word.weight if sure else Weight.BESIDE
                yield _Hit(start=start, end=end, known=place, weight=weight, heard=True)

    def _in_other_characters(self, search: SearchedText) -> Iterator[_Hit]:
        if "HAN" not in self._scripts or not search.has_han:
            return
        found = self._syllables
        if found is None:
            return
        automaton, words = found
        heard, places = search.syllables
        for pattern, begin, stop in automaton.find_matches_as_indexes(heard, overlapping=True):
            word = self._known[words[pattern]].word
            start, end = places[begin], places[stop - 1] + 1
            written = search.flat[start:end]
            if written != word.text and is_variant(written, word.text):
                yield _Hit(start=start, end=end, known=words[pattern], weight=word.weight)

    def _in_pieces(self, search: SearchedText) -> Iterator[_Hit]:
        """Words that are spelt out (`H-a-r-t`), or that somebody has written in two (`Mac Donald`)."""
        for start, end, word in search.spelt:
            place = self._index.get(word)
            if place is not None:
                sure = len(word) >= _FEW_LETTERS
                weight = Weight.SURE if sure else Weight.HINTED
                yield _Hit(start=start, end=end, known=place, weight=weight)
        for start, end, word in search.pairs:
            place = self._index.get(word) if len(word) > _FEW_LETTERS else None
            if place is not None:
                yield _Hit(start=start, end=end, known=place, weight=self._known[place].word.weight)

    def _misspelt(self, search: SearchedText) -> Iterator[_Hit]:
        """Words that sound like one of a name, or are a slip away from it."""
        if "LATIN" not in self._scripts:
            return
        for start, end, word in search.words:
            if len(word) < _FEW_LETTERS or word in self._index or search.is_joined(start, end):
                continue
            if not (search.is_capital(start) or search.is_spoken_to(start)):
                continue
            if word in everyday() or is_listed(word) or search.is_acronym(start, end):
                continue
            places = self._heard_alike.get(heard_alike(word), [])
            slips = (self._index.get(slip) for slip in slips_of(word)) if not places else ()
            for place in {*places, *(place for place in slips if place is not None)}:
                known = self._known[place].word
                if (known.weight is not Weight.BESIDE and known.text[0] == word[0]) or place in places:
                    yield _Hit(start=start, end=end, known=place, weight=min(known.weight, Weight.HINTED))

    def _in_handles(self, search: SearchedText) -> Iterator[_Hit]:
        """Two words of a name written together in a handle, or one of them and the other's initial."""
        for start, _, word in search.words:
            bare = word.rstrip("0123456789")
            if _FEW_LETTERS < len(bare) <= _LONGEST_HANDLE:
                joined = word != bare or search.is_joined(start, start + len(bare))
                place = self._of_handle(bare) if joined else self._of_both(bare)
                if place is None and not joined and bare not in plain():
                    place = self._of_initial(bare)
                if place is None and self._scripts - {"LATIN", ""}:
                    place = self._of_sounds(bare)
                if place is not None:
                    yield _Hit(start=start, end=start + len(bare), known=place, weight=Weight.SURE)

    def _of_both(self, word: str) -> int | None:
        """Two words of one name written together, where nothing else tells that it is a handle."""
        for cut in range(_FEW_LETTERS - 1, len(word) - _FEW_LETTERS + 2):
            left, right = self._index.get(word[:cut]), self._index.get(word[cut:])
            if left is None or right is None or left == right:
                continue
            if not set(self._known[left].names).isdisjoint(self._known[right].names):
                return left
        return None

    def _of_handle(self, word: str) -> int | None:
        for cut in range(1, len(word)):
            left, right = self._index.get(word[:cut]), self._index.get(word[cut:])
            if left is not None and right is not None and left != right:
                if not set(self._known[left].names).isdisjoint(self._known[right].names):
                    return left
            elif cut == 1 and right is not None and self._has_initial(right, word[0]):
                return right
            elif cut == len(word) - 1 and left is not None and self._has_initial(left, word[-1]):
                return left
        return None

    def _of_initial(self, word: str) -> int | None:
        """A family name with the initial before or behind it, as logins have it: `thardwick`."""
        for rest, initial in ((word[1:], word[0]), (word[:-1], word[-1])):
            place = self._index.get(rest) if len(rest) > _FEW_LETTERS + 1 else None
            if (
                place is not None
                and self._known[place].word.weight is Weight.SURE
                and self._has_initial(place, initial)
            ):
                return place
        return None

    def _of_sounds(self, word: str) -> int | None:
        """Two words of a name of another script in Latin letters: `satokenichi`."""
        for cut in range(2, len(word) - 1):
            for left in self._sounds.get(sound(word[:cut]), ()):
                for right in self._sounds.get(sound(word[cut:]), ()):
                    same = not set(self._known[left].names).isdisjoint(self._known[right].names)
                    if left != right and same:
                        return left
        return None

    def _has_initial(self, place: int, initial: str) -> bool:
        """Whether some bearer of a word has another one that begins with this letter."""
        return len(self._known[place].word.text) >= _FEW_LETTERS and any(
            self._known[other].word.text.startswith(initial)
            for name in self._known[place].names
            for other in self._lists[name]
            if other != place
        )

    # The judgement.

    def _judged(self, search: SearchedText, hits: list[_Hit]) -> Iterator[tuple[int, int, int]]:
        hits = self._supported(hits)
        hits.sort(key=lambda hit: (hit.start, -hit.end))
        groups: list[list[_Hit]] = []
        names: set[int] = set()
        reach = -1
        for hit in hits:
            if groups and (hit.start < reach or self._belongs(search, groups[-1], names, reach, hit)):
                groups[-1].append(hit)
                reach = max(reach, hit.end)
            else:
                groups.append([hit])
                names, reach = set(), hit.end
            names.update(self._known[hit.known].names)
        for group in groups:
            yield from self._of_group(search, group)

    def _supported(self, hits: list[_Hit]) -> list[_Hit]:
        """The same, without words that count only beside another word of their name and stand alone."""
        if all(hit.weight is not Weight.BESIDE for hit in hits):
            return hits
        words: dict[int, set[int]] = {}
        for hit in hits:
            for name in self._known[hit.known].names:
                words.setdefault(name, set()).add(hit.known)
        return [
            hit
            for hit in hits
            if hit.weight is not Weight.BESIDE
            or any(len(words[name]) > 1 for name in self._known[hit.known].names)
        ]

    def _belongs(
        self, search: SearchedText, group: list[_Hit], names: set[int], reach: int, hit: _Hit
    ) -> bool:
        """Whether a hit goes on with the name of those before it."""
        gap = search.view.text[reach : hit.start]
        if len(group) > _MOST_WORDS:
            return False
        same = not names.isdisjoint(self._known[hit.known].names)
        if not gap or not gap.strip(" -'’·・_."):
            return same or (hit.weight is Weight.SURE and any(one.weight is Weight.SURE for one in group))
        if not same or len(gap) > _MAX_BETWEEN:
            return False
        words = [word for word in flattened(gap).split() if len(word) > 1 and not is_link(word)]
        if set("()") & set(gap) or ("," in gap and hit.known in {one.known for one in group}):
            return False
        if not words:
            return not set("\n.!?:;/") & set(gap) or _LINK.fullmatch(gap) is not None
        # A patronymic, or a second name that the card has not.
        place = reach + flattened(gap).find(words[0])
        return len(words) == 1 and search.is_capital(place) and not set(gap) & set(",.;:!?()\n/'")

    def _of_group(self, search: SearchedText, group: list[_Hit]) -> Iterator[tuple[int, int, int]]:
        start, end = min(hit.start for hit in group), max(hit.end for hit in group)
        best = max(group, key=lambda hit: hit.weight)
        beside = self._same_name(group)
        rank = self._known[best.known].rank
        if best.weight is Weight.SURE or beside:
            yield (*self._extended(search, start, end, group), rank)
            return
        for hit in group:
            hinted = hit.weight is Weight.HINTED
            stands = hit.weight is not Weight.BESIDE and search.stands_as_name(
                hit.start, hit.end, hinted=hinted
            )
            if stands:
                yield (*self._extended(search, hit.start, hit.end, [hit]), rank)
            elif hit.weight is Weight.PERHAPS:
                start, end = search.initials(hit.start, hit.end, self._initials([hit]))
                if (start, end) != (hit.start, hit.end):
                    yield start, end, rank

    def _same_name(self, group: list[_Hit]) -> bool:
        """Whether two words at different places are of one name."""
        seen: dict[int, dict[int, int]] = {}
        for hit in group:
            for name in self._known[hit.known].names:
                seen.setdefault(name, {})[hit.start] = hit.known
        return any(len(set(words.values())) > 1 for words in seen.values())

    def _extended(self, search: SearchedText, start: int, end: int, group: list[_Hit]) -> tuple[int, int]:
        """With the initials beside it, particles, and the next word where it is another spelling of the name's."""
        names = {name for hit in group for name in self._known[hit.known].names}
        if len(names) <= 64:
            words = [self._known[place].word for name in names for place in self._lists[name]]
            texts = [text for word in words for text in {word.text, ascii_of(word.original)}]
            start, end = search.respelled_neighbours(start, end, texts)
        if any(hit.heard for hit in group):
            start, end = search.capitals_beside(start, end)
        return search.initials(start, end, self._initials(group))

    def _initials(self, group: list[_Hit]) -> frozenset[str]:
        """What the other words of those names begin with."""
        return frozenset(
            self._known[place].word.text[:1]
            for hit in group
            for name in self._known[hit.known].names[:_FEW_BEARERS]
            for place in self._lists[name]
            if place != hit.known
        )


def _alphabet(character: str) -> str:
    """Its script; those whose letters a projection mixes are one."""
    script = script_of(character)
    return "LATIN" if script in ("CYRILLIC", "GREEK") else script
