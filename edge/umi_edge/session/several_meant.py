"""Several meant: whether the user's words mean several of the things that a search found, or one of them.

Covered: "both", "everybody", a group ("the team"), a plural ("the Finches", "our suppliers"), a name and a name; in
the languages of `words/several_meant.yaml`. Only what stands before the message counts ("tell Paul that all are well").
Not covered: a plural that looks like the singular ("die Klempner"), and all other languages: there the user is asked.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from umi_edge.reading.question import words_of
from umi_edge.session.item_evidence import Said, name_words, short_words
from umi_edge.values.word_lists import word_lists

__all__ = ["before_message", "means_several", "names_all", "says_all"]

_JOINS, _BESIDE = "and", 3
_PLAIN = ["nots", "not_of", "ors", "of_many", "of_many_unbent", "of_all", "says_nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The words of all languages."""

    all_of_them: "re.Pattern[str]"
    everybody: "re.Pattern[str]"
    message: "re.Pattern[str]"
    """What stands before the message itself."""
    ands: "re.Pattern[str]"
    all_in_reply: "re.Pattern[str]"
    plain: Mapping[str, frozenset[str]]
    """Single words, by the list that they are of."""


@cache
def _words() -> _Words:
    words = word_lists("umi_edge.session.words", "several_meant.yaml", plain=_PLAIN)
    one, plain = words.any_of, {name: words.words(name) for name in _PLAIN}
    all_of_them = rf"{_not_behind(plain['nots'])}\b{one('all_of_them')}\b"
    group = (
        rf"{_not_behind(plain['not_of'])}\b(?:{one('owners')} |{one('elided_owners')})"
        rf"(?:{one('whole')} )?{one('groups')}\b"
    )
    patterns = {
        "all_of_them": all_of_them,
        "everybody": rf"\b{one('all')}\b(?! (?:{one('owners')} )?{one('times')}\b)|\b{one('them')}\b|{group}",
        "message": rf"\b{one('message')}\b|[:;\"“„«]",
        "ands": rf"[&+]|\b{one('ands')}\b",
        "all_in_reply": rf"{all_of_them}|{_not_behind(plain['nots'])}\b{one('all_in_reply')}\b",
    }
    compiled = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in patterns.items()}
    return _Words(**compiled, plain=plain)


def _not_behind(words: Iterable[str]) -> str:
    return "".join(rf"(?<!\b{word} )" for word in sorted(words))


def names_all(text: str) -> bool:
    """Whether a text says that all of those are meant that are spoken of.

    >>> names_all("tell both"), names_all("not both")
    (True, False)
    """
    return _words().all_of_them.search(text) is not None


def says_all(reply: str) -> bool:
    """Whether a reply to "which one?" says that all are meant, and nothing else.

    >>> says_all("both of them, please"), says_all("los dos"), says_all("both, and bring cake"), says_all("not both")
    (True, True, False, False)
    """
    rest, found = _words().all_in_reply.subn(" ", reply)
    return bool(found) and _words().plain["says_nothing"].issuperset(words_of(rest))


def means_several(said: Sequence[Said], items: Sequence[Any]) -> bool:
    """Whether what the user said, one utterance after the other, means all of these items and not one of them."""
    return any(_means_several(one, items) for one in said)


def _means_several(said: Said, items: Sequence[Any]) -> bool:
    whom = before_message(said.text)
    words = tuple(word.removesuffix("'s") for word in words_of(_words().ands.sub(f" {_JOINS} ", whom)))
    names, others = [name_words(item) for item in items], [short_words(item) for item in items]
    if names_all(whom) or _words().everybody.search(whom):
        # "Tell Anna both are well" writes to one Anna, "ask the plumber if he got them" to one plumber.
        named = frozenset.intersection(*others)
        if not any(
            word in named and before not in _words().plain["of_all"]
            for before, word in pairwise(("", *words))
        ):
            return True
    if _in_the_plural(words, frozenset.intersection(*names), frozenset.intersection(*others)):
        return True
    return _each_is_named(words, others)


def before_message(text: str) -> str:
    """Whom a request names: what stands before the message."""
    found = _words().message.search(text)
    before = text[: found.start()] if found is not None else text
    return before if len(before.split()) > 1 else text


def _in_the_plural(words: Sequence[str], names: frozenset[str], others: frozenset[str]) -> bool:
    """Whether a word that all items have was said in the plural."""
    for before, word in pairwise(("", *words)):
        if word in names and before in _words().plain["of_many_unbent"]:
            return True
        if any(_is_plural(word, name) for name in names) and before in _words().plain["of_many"]:
            return True
        if any(_is_plural(word, other, "en", "n") for other in others - names):
            return True
    return False


def _is_plural(word: str, of: str, *more: str) -> bool:
    """Whether a word is the plural of another.

    >>> _is_plural("finches", "finch"), _is_plural("attorneys", "attorney"), _is_plural("berg", "berg")
    (True, True, False)
    """
    forms = {of + ending for ending in ("s", "es", *more)}
    forms |= {f"{of.removesuffix('y')}ies"} if of.endswith("y") else set()
    return len(of) > 1 and not of.endswith("s") and word in forms


def _each_is_named(words: Sequence[str], items: Sequence[frozenset[str]]) -> bool:
    """Whether words were said of each item that the others have not, and not as a choice between them."""
    shared = frozenset.intersection(*items)
    own = [(one - shared).intersection(words) for one in items]
    own = [one - frozenset().union(*own[:at], *own[at + 1 :]) for at, one in enumerate(own)]
    anyones = frozenset().union(*items)
    choices = (
        word in _words().plain["ors"]
        and words[at - 1] in anyones
        and anyones.intersection(words[at + 1 : at + 3])
        for at, word in enumerate(words)
        if at
    )
    return all(own) and _are_joined(words, own) and not any(choices)


def _are_joined(words: Sequence[str], own: Sequence[frozenset[str]]) -> bool:
    """Whether a word of one and a word of another stand on both sides of an `and`.

    "Ask whether the lawyer told the plumber, and when" names two, and joins none.
    """
    for at in (at for at, word in enumerate(words) if word == _JOINS):
        before, after = words[max(0, at - _BESIDE) : at], words[at + 1 : at + 1 + _BESIDE]
        left = {number for number, one in enumerate(own) if one.intersection(before)}
        right = {number for number, one in enumerate(own) if one.intersection(after)}
        if any(one != other for one in left for other in right):
            return True
    return False
