"""Several meant: whether the user's words mean several of the things that a search found, or one of them.

Covered: "both", "everybody", a group ("the team"), a plural ("the Finches", "our suppliers"), a name and a name; in
English, German, French and Spanish. Only what stands before the message counts ("tell Paul that all are well").
Not covered: a plural that looks like the singular ("die Klempner"), and all other languages: there the user is asked.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from umi_edge.reading.question import words_of
from umi_edge.session.item_evidence import Said, name_words, short_words

__all__ = ["ALL_OF_THEM", "before_message", "means_several", "says_all"]

_NOT = r"(?<!\bnot )(?<!\bnicht )(?<!\bpas )(?<!\bno )"
ALL_OF_THEM = re.compile(
    rf"{_NOT}\b(?:both|each of|everybody|everyone|all (?:of (?:them|us|those)|two|three|four|five)|beide[nr]?|"
    r"alle (?:zwei|drei|vier)|(?:tou(?:s|tes) )?les (?:deux|trois|quatre)|(?:l[oa]s|todos l[oa]s) (?:dos|tres|cuatro)|"
    r"amb[oa]s)\b",
    re.IGNORECASE,
)
_TIMES = r"jours?|mois|ans|d[ií]as|meses|a[ñn]os|tage|wochen|monate|jahre|stunden|paar"
_GROUP = (
    r"people|contacts|folks|guys|others|colleagues|members|team|family|group|staff|crew|class|"
    r"leute|kollegen|kolleginnen|kontakte|familie|gruppe|mannschaft|gens|coll[eè]gues|famille|groupe|[eé]quipe|gente|"
    r"colegas|contactos|familia|grupo|equipo"
)
_EVERYBODY = re.compile(
    rf"\b(?:alle[nr]?|tous|toutes|todos|todas)\b(?! (?:(?:les|l[oa]s|die) )?(?:{_TIMES})\b)|"
    r"\b(?:tout le monde|todo el mundo|them|ihnen|eux|ell[oa]s)\b|\b(?:escr[ií]be|di|m[aá]nda|env[ií]a)les\b|"
    r"(?<!\bfrom )(?<!\bof )(?<!\bin )(?<!\bat )(?<!\bby )(?<!\bvon )(?<!\baus )(?<!\bde )(?<!\bdans )(?<!\ben )"
    rf"\b(?:(?:all|the|my|our|these|those|whole|die|das|der|dem|den|mein\w*|unser\w*|les|la|le|mes|nos|notre|l[oa]s|el|"
    rf"mis?|nuestr\w+) |l')(?:whole |ganze[nr]? )?(?:{_GROUP})\b",
    re.IGNORECASE,
)
_MESSAGE = re.compile(r"\b(?:that|about|saying|dass|daß|über|que)\b|[:;\"“„«]", re.IGNORECASE)
"""What stands before the message itself."""
_AND = re.compile(r"[&+]|\b(?:and|und|sowie|et|y|plus)\b", re.IGNORECASE)
_ALL = re.compile(
    rf"{ALL_OF_THEM.pattern}|{_NOT}\b(?:all|alle[nr]?|tous|toutes|todos|todas)\b", re.IGNORECASE
)


def _each(words: str) -> frozenset[str]:
    return frozenset(words.split())


_JOINS, _BESIDE = "and", 3
_OR = _each("or oder ou o u")
_OF_MANY = _each("the all both two three my our die den les aux los las mes nos unsere unseren mis")
"""What stands before a name that many have: without it, `pauls` may be whose something is."""
_OF_MANY_UNBENT = _each("les aux los las")
_OF_ALL = _each(
    "both all two three four five beide beiden beider alle allen aller zwei drei les aux los las dos deux tous "
    "at from in of by bei beim von vom aus chez de du del dans en"
)
"""What stands before a word that several have, where all of them are meant, or where they are."""
_SAYS_NOTHING = _each("yes yeah yep ok okay please thanks ja bitte oui si por favor to an a of them")


def says_all(reply: str) -> bool:
    """Whether a reply to "which one?" says that all are meant, and nothing else.

    >>> says_all("both of them, please"), says_all("los dos"), says_all("both, and bring cake"), says_all("not both")
    (True, True, False, False)
    """
    rest, found = _ALL.subn(" ", reply)
    return bool(found) and _SAYS_NOTHING.issuperset(words_of(rest))


def means_several(said: Sequence[Said], items: Sequence[Any]) -> bool:
    """Whether what the user said, one utterance after the other, means all of these items and not one of them."""
    return any(_means_several(one, items) for one in said)


def _means_several(said: Said, items: Sequence[Any]) -> bool:
    whom = before_message(said.text)
    words = tuple(word.removesuffix("'s") for word in words_of(_AND.sub(f" {_JOINS} ", whom)))
    names, others = [name_words(item) for item in items], [short_words(item) for item in items]
    if ALL_OF_THEM.search(whom) or _EVERYBODY.search(whom):
        # "Tell Anna both are well" writes to one Anna, "ask the plumber if he got them" to one plumber.
        named = frozenset.intersection(*others)
        if not any(word in named and before not in _OF_ALL for before, word in pairwise(("", *words))):
            return True
    if _in_the_plural(words, frozenset.intersection(*names), frozenset.intersection(*others)):
        return True
    return _each_is_named(words, others)


def before_message(text: str) -> str:
    """Whom a request names: what stands before the message."""
    found = _MESSAGE.search(text)
    before = text[: found.start()] if found is not None else text
    return before if len(before.split()) > 1 else text


def _in_the_plural(words: Sequence[str], names: frozenset[str], others: frozenset[str]) -> bool:
    """Whether a word that all items have was said in the plural."""
    for before, word in pairwise(("", *words)):
        if word in names and before in _OF_MANY_UNBENT:
            return True
        if any(_is_plural(word, name) for name in names) and before in _OF_MANY:
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
        word in _OR and words[at - 1] in anyones and anyones.intersection(words[at + 1 : at + 3])
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
