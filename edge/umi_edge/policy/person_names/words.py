"""The lists of words that tell names from other words; each is read when first needed, in projection."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from umi_edge.policy.person_names.flat import flat

__all__ = [
    "context",
    "english_words",
    "everyday",
    "everyday_in_english_only",
    "is_listed",
    "longest_first",
    "plain",
    "short_forms",
]


@cache
def everyday() -> frozenset[str]:
    """Names that are also everyday words, in whatever script."""
    return frozenset(
        word for name in ("everyday.txt", "everyday_unspaced.txt") for word in flat(_lines(name)).split()
    )


_OF_GRAMMAR = ("determiners", "subjects", "before a month")


@cache
def plain() -> frozenset[str]:
    """Words of a language that are nobody's name: what a card of a group, a place or a trade is called."""
    grammar = frozenset().union(*map(context, (*_OF_GRAMMAR, *filter(_TOLD.match, _sections()))))
    ascii_lines: list[str] = []
    others: list[str] = []
    for line in _lines("plain.txt").splitlines():
        (ascii_lines if line.isascii() and line.islower() else others).append(line)
    # Small letters of ASCII are their own projection, and most of the list.
    known = {*" ".join(ascii_lines).split(), *flat(" ".join(others)).split()}
    return frozenset(known | grammar) - everyday()


_TOLD = re.compile("told of ")
_ENGLISH = "# The sizes 10 and 20 of SCOWL"


@cache
def english_words() -> frozenset[str]:
    """The everyday words of English."""
    whole = (files("umi_edge.policy.person_names") / "plain.txt").read_text("utf-8")
    listed = re.sub(r"^#.*$", "", whole.partition(_ENGLISH)[2], flags=re.MULTILINE)
    return frozenset(listed.split()) | context("told of english")


@cache
def everyday_in_english_only() -> frozenset[str]:
    """Names that are everyday words of English and of no other language that the list has."""
    sections = re.split(
        r"^# (.+)\n",
        (files("umi_edge.policy.person_names") / "everyday.txt").read_text("utf-8"),
        flags=re.MULTILINE,
    )
    named = list(zip(sections[1::2], sections[2::2], strict=True))
    english = {word for name, words in named if name == "English" for word in flat(words).split()}
    others = {word for name, words in named if name != "English" for word in flat(words).split()}
    return frozenset(english - others)


def is_listed(word: str) -> bool:
    """Whether some list has a flat word as one of grammar, of places, of time, or as nobody's name."""
    return (
        word in plain()
        or word.removesuffix("s") in plain()
        or any(word in context(section) for section in _NOBODY)
    )


_NOBODY = ("months", "determiners", "subjects", "verbs before a name", "titles", "capitals of no person")


@cache
def short_forms() -> Mapping[str, frozenset[str]]:
    """What else those are called who bear a given name, by the name and by each of its forms."""
    found: dict[str, set[str]] = {}
    for line in _lines("short_forms.txt").splitlines():
        forms = line.split()
        for form in forms:
            found.setdefault(flat(form).strip(), set()).update(other for other in forms if other != form)
    return {form: frozenset(others) for form, others in found.items()}


@cache
def context(name: str) -> frozenset[str]:
    """The words of one section of the file of context words."""
    return frozenset(flat(_sections()[name]).split())


@cache
def _sections() -> dict[str, str]:
    parts = re.split(r"^\[(.+)\]\n", _lines("context_words.txt"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@cache
def longest_first(name: str) -> tuple[str, ...]:
    """The same, for patterns that try one after the other."""
    return tuple(sorted(context(name), key=lambda word: (-len(word), word)))


def _lines(name: str) -> str:
    text = (files("umi_edge.policy.person_names") / name).read_text("utf-8")
    return "\n".join(line for line in text.split("\n") if not line.startswith("#"))
