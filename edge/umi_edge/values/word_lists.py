"""Word lists: words of several languages by which something is decided, read from a file that a translator can extend.

A file has a section for each language, and in each section the same lists. A list is written as phrases with commas
between them; comments say what each is for. In a phrase:

- `*` stands for any more letters: `absag*`, `*nummer`;
- `(s)` may be there or not, also as a word: `number(s)`, `e(-)mail`, `(my) people`;
- `|` is between words of which any may stand there: `not that|this one`;
- `...` stands for up to five words: `call ... off`;
- a letter with an accent is found without it, too, but in a phrase that begins with `=`.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from umi_shared.errors import ConfigError

__all__ = ["WordListError", "WordLists", "word_lists"]

_PART = r"(?:[^\W_]|['-]|\([^\W_]+\)|\(-\))"
_WORDS = rf"\*?{_PART}+\*?(?:\|\*?{_PART}+\*?)*"
_MAY_BE = r"\([^\W_]+(?:\|[^\W_]+)*\)"
_PHRASE = re.compile(rf"=?(?:(?:{_MAY_BE}|{_WORDS}|\.\.\.) )*{_WORDS}")
_OPTIONAL = re.compile(_MAY_BE)
_PLAIN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_BETWEEN = re.compile(r"\s*,\s*")


class WordListError(ConfigError):
    """A file of words is wrong; `file` and `line` (1-based) say where."""

    def __init__(self, message: str, *, file: str, line: int, fix: str) -> None:
        super().__init__(f"{file}:{line}: {message}", fix=fix)
        self.file, self.line = file, line


@dataclass(frozen=True, slots=True)
class WordLists:
    """The lists of one file, of all languages together."""

    _phrases: Mapping[str, tuple[str, ...]] = field(repr=False)

    def any_of(self, *names: str) -> str:
        r"""A pattern of any phrase of these lists, the longest first; it says nothing of what is around it.

        >>> WordLists({"off": ("call ... off",), "numbers": ("numéro(s)",)}).any_of("off", "numbers")
        '(?:call\\s+(?:\\S+\\s+){0,5}off|num[ée]ro(?:s)?)'
        """
        phrases = {phrase for name in names for phrase in self._phrases[name]}
        if not phrases:
            return "(?!)"  # an empty choice would be found everywhere
        return f"(?:{'|'.join(map(_pattern, sorted(phrases, key=lambda one: (-len(one), one))))})"

    def words(self, name: str) -> frozenset[str]:
        """A list of plain words, in small letters and without accents."""
        return frozenset(map(_without_accents, self._phrases[name]))


def word_lists(package: str, file: str, *, plain: Collection[str] = ()) -> WordLists:
    """Read a file of a package, each section of which has the lists of the first; those in `plain` hold words only.

    Raises `WordListError`, which names the file and the line.
    """
    where = f"{package.replace('.', '/')}/{file}"
    text = unicodedata.normalize("NFC", (files(package) / file).read_text("utf-8"))
    return read_word_lists(text, where, plain=plain)


def read_word_lists(text: str, file: str, *, plain: Collection[str] = ()) -> WordLists:
    """The same from a text. Raises `WordListError`."""
    try:
        sections = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise WordListError(
            f"this is no YAML ({error.problem})",
            file=file,
            line=line,
            fix="mend the line, or the one before it",
        ) from error
    for fault in _faults(sections, plain):
        raise WordListError(fault.message, file=file, line=_line(text, fault.at), fix=fault.fix)
    found: dict[str, tuple[str, ...]] = {}
    for section in sections.values():
        for name, phrases in section.items():
            found[name] = (*found.get(name, ()), *_split(phrases))
    return WordLists(found)


@dataclass(frozen=True, slots=True)
class _Fault:
    message: str
    at: tuple[str, ...]
    """The words to look for, each behind the one before."""
    fix: str


def _faults(sections: object, plain: Collection[str]) -> Iterator[_Fault]:
    if not isinstance(sections, dict) or not sections:
        yield _Fault(
            "there is no section of a language", (), "write one: `english:`, with its lists below it"
        )
        return
    first = next(iter(sections))
    names = list(sections[first]) if isinstance(sections[first], dict) else []
    for language, lists in sections.items():
        at = (f"{language}:",)
        if not isinstance(lists, dict):
            yield _Fault(f"`{language}` has no lists", at, f"write them below it, as `{first}` has them")
            continue
        for name in lists:
            if name not in names:
                known = f"the lists are {', '.join(names)}"
                yield _Fault(
                    f"`{language}` has a list `{name}`, which nothing reads", (*at, f"{name}:"), known
                )
        for name in names:
            if name not in lists:
                fix = f'write them behind `{name}:`, or `{name}: ""` where the language needs none'
                yield _Fault(f"`{language}` lacks the list `{name}`", at, fix)
        for name, phrases in lists.items():
            yield from _list_faults((*at, f"{name}:"), phrases, _PLAIN if name in plain else _PHRASE)


def _list_faults(at: tuple[str, ...], phrases: object, allowed: "re.Pattern[str]") -> Iterator[_Fault]:
    if not isinstance(phrases, str):
        yield _Fault(
            f"`{at[-1]}` holds no phrases",
            at,
            "write them with commas between them, and no brackets around them",
        )
        return
    seen: set[str] = set()
    for phrase in _split(phrases):
        if allowed.fullmatch(phrase) is None:
            fix = (
                "write letters"
                if allowed is _PLAIN
                else "write letters, `*`, `(s)`, `|` and `...`, as the file says"
            )
            yield _Fault(f"`{phrase}` is no phrase", (*at, phrase), fix)
        elif phrase in seen:
            yield _Fault(f"`{phrase}` is there twice", (*at, phrase), "take one of them out")
        seen.add(phrase)


def _split(phrases: str) -> tuple[str, ...]:
    return tuple(_BETWEEN.split(phrases.strip())) if phrases.strip() else ()


def _line(text: str, words: tuple[str, ...]) -> int:
    """The line of the last of these words, each of which stands behind the one before."""
    place = 0
    for word in words:
        pattern = r"\s+".join(map(re.escape, word.split()))
        found = re.compile(rf"(?<!\w){pattern}").search(text, place)
        place = found.start() if found is not None else place
    return text.count("\n", 0, place) + 1


def _pattern(phrase: str) -> str:
    exact = phrase.startswith("=")
    *words, last = phrase.removeprefix("=").split(" ")
    return "".join(_before(word, exact=exact) for word in words) + _any_word(last, exact=exact)


def _before(word: str, *, exact: bool) -> str:
    """A word that another one follows, with what is between them."""
    if word == "...":
        return r"(?:\S+\s+){0,5}"
    if _OPTIONAL.fullmatch(word):
        return rf"(?:{_any_word(word[1:-1], exact=exact)}\s+)?"
    return rf"{_any_word(word, exact=exact)}\s+"


def _any_word(word: str, *, exact: bool) -> str:
    made = ["".join(_letter(one, exact=exact) for one in choice) for choice in word.split("|")]
    return made[0] if len(made) == 1 else f"(?:{'|'.join(made)})"


def _letter(letter: str, *, exact: bool) -> str:
    match letter:
        case "*":
            return r"\w*"
        case "(":
            return "(?:"
        case ")":
            return ")?"
        case "'":
            return "['’]"
    plain = _without_accents(letter)
    return letter if exact or plain == letter else f"[{letter}{plain}]"


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFD", text)
    return "".join(one for one in apart if not unicodedata.combining(one))
