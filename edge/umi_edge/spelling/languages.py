"""Languages of requests: the words of each that are mended, and those by which it is told."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

from umi_edge.policy.person_names.words import everyday, is_listed
from umi_edge.spelling.edits import is_one_edit, is_two_edits, swapped
from umi_edge.spelling.word_book import WordBook
from umi_edge.values.clauses import folded

__all__ = ["Language", "languages_of", "is_errand", "words_before_names"]

_SHORT = 4
"""Letters up to which a word is near to many: one that is not swapped must then be near to no other common word."""
_LONG = 8
"""Letters from which on a word of requests may have two mistakes."""
_TOKEN = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language."""

    name: str
    small: frozenset[str] = field(repr=False)
    """By which it is told."""
    usual: Mapping[str, str] = field(repr=False)
    """Mistakes that are near to several words, and mean one."""
    requests: Mapping[str, tuple[str, ...]] = field(repr=False)
    """The words of requests, by their first letter."""
    common: WordBook = field(repr=False)

    def meant(self, word: str) -> str:
        """What a word in small letters that is none was meant for; empty where that is not sure, or where it is one."""
        if word in self.usual:
            return self.usual[word]
        if _is_known(word):
            return ""
        return self._swapped(word) or self._one_off(word) or self._two_off(word)

    def _swapped(self, word: str) -> str:
        near = [one for one in swapped(word) if one in self.requests.get(one[0], ())]
        if not near and len(word) > _SHORT:
            near = [one for one in swapped(word) if one in self.common]
            near += self.common.one_letter_off(word) if near else ()
        return _only([one for one in near if one[0] == word[0]] or near)

    def _one_off(self, word: str) -> str:
        near = [one for one in self.requests.get(word[0], ()) if is_one_edit(word, one)]
        if len(word) < _SHORT:
            near = [one for one in near if len(one) > len(word)]
        if near and len(word) <= _SHORT:
            near = [*dict.fromkeys([*near, *self.common.one_letter_off(word)])]
        return _only(near)

    def _two_off(self, word: str) -> str:
        if len(word) < _LONG or any(is_one_edit(word, one) for one in self.requests.get(word[0], ())):
            return ""
        if next(self.common.one_letter_off(word), None) is not None:
            return ""
        return _only(
            [one for one in self.requests.get(word[0], ()) if len(one) >= _LONG and is_two_edits(word, one)]
        )


def _only(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ""


def languages_of(text: str) -> tuple[Language, ...]:
    """The language whose small words a text has most of; all of them where it has as many of several.

    >>> [one.name for one in languages_of("schick dem Arzt die Rechnung")]
    ['german']
    """
    words = [folded(word) for word in _TOKEN.findall(text)]
    counted = [(sum(word in one.small for word in words), one) for one in _languages()]
    most = max(count for count, _ in counted)
    return tuple(one for count, one in counted if count == most)


def is_errand(text: str) -> bool:
    """Whether a text begins by saying what is to be done, in any of the languages.

    >>> is_errand("please cancel it"), is_errand("wifi at the office")
    (True, False)
    """
    return _errand().match(text) is not None


@cache
def _errand() -> re.Pattern[str]:
    polite, errands = (
        "|".join(
            re.escape(word.replace("_", " ")) for lists in _lists().values() for word in lists[name].split()
        )
        for name in ("polite", "errands")
    )
    return re.compile(rf"\W*(?:(?:{polite})\W+)*(?:{errands})(?!\w)", re.IGNORECASE)


@cache
def words_before_names() -> frozenset[str]:
    """The words, in all languages, behind which the rest of a sentence stays as it was typed."""
    return frozenset(
        word.replace("_", " ") for lists in _lists().values() for word in lists["before"].split()
    )


@cache
def _languages() -> tuple[Language, ...]:
    return tuple(
        Language(
            name=name,
            small=frozenset(map(folded, lists["small"].split())),
            usual={
                a: b.replace("_", " ")
                for a, b in (pair.split(":") for pair in lists.get("usual", "").split())
            },
            requests=_by_letter(_words_of(lists)),
            common=_common() if name == "english" else WordBook.of(()),
        )
        for name, lists in _lists().items()
    )


def _by_letter(words: Iterator[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for word in words:
        found.setdefault(word[0], {})[word] = None
    return {letter: tuple(of_it) for letter, of_it in found.items()}


def _words_of(lists: Mapping[str, str]) -> Iterator[str]:
    yield from f"{lists['small']} {lists['words']}".split()


@cache
def _lists() -> Mapping[str, Mapping[str, str]]:
    """The file of the words of requests: by language, lists of words with blanks between them."""
    lists: Mapping[str, Mapping[str, str]] = YAML(typ="safe").load(_file("request_words.yaml"))
    return lists


@cache
def _common() -> WordBook:
    return WordBook(f"\n{_listed('common_words.txt')}")


@cache
def _left_as_typed() -> frozenset[str]:
    """Words that are right and would be taken for mistakes: rarer ones, names, what people write short."""
    known = {
        word for lists in _lists().values() for word in [*_words_of(lists), *lists.get("known", "").split()]
    }
    return frozenset(known | {folded(word) for word in known} | {*_listed("rarer_words.txt").split()})


def _is_known(word: str) -> bool:
    """Whether some list has the word, or has it without the `s` of what belongs to somebody: `dads`."""
    stem = word.removesuffix("s")
    return any(
        one in _left_as_typed()
        or one in everyday()
        or (one.isascii() and (one in _common() or is_listed(one)))
        for one in dict.fromkeys((word, stem, folded(word)))
        if one
    )


def _listed(name: str) -> str:
    """The words of a file, one a line, behind the empty line that ends its notice."""
    return _file(name).partition("\n\n")[2]


def _file(name: str) -> str:
    return (files("umi_edge.spelling") / name).read_text("utf-8")
