"""The words of a look-up: with which somebody is looked up, and with which it is said that another one was meant."""

import re
from dataclasses import dataclass
from functools import cache

from umi_edge.values.word_lists import word_lists

__all__ = ["LookUpWords", "look_up_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpWords:
    """Patterns of the words of all languages; the case does not matter."""

    detail: "re.Pattern[str]"
    """What somebody is looked up for."""
    no_contact: "re.Pattern[str]"
    """Of that, what nobody is reached by."""
    does: "re.Pattern[str]"
    """What does more than look somebody up."""
    several: "re.Pattern[str]"
    """What asks for several people."""
    other: "re.Pattern[str]"
    """The other one; `of` is the word behind it."""
    not_this: "re.Pattern[str]"
    """What turns down whom one was told of."""
    anyone: frozenset[str]
    """Whoever was found, without a name."""
    no: "re.Pattern[str]"
    """What a correction begins with."""
    described: "re.Pattern[str]"
    """A correction that says `whom` is meant, and nothing else."""
    asks: "re.Pattern[str]"
    """A question, or the detail of somebody and nothing else: any other words may be what somebody is to be told."""
    nobody: "re.Pattern[str]"
    """What describes a number or an address, and nobody."""


@cache
def look_up_words() -> LookUpWords:
    """Read once. Raises `WordListError`."""
    words = word_lists("umi_edge.session.words", "look_ups.yaml", plain=("anyone",))
    one = words.any_of
    detail = rf"\b{one('details')}\b"
    before, behind = rf"(?: {one('closings')})?", rf"(?! {one('no_detail_before')}\b)"
    does = (
        rf"^\W*(?:{one('please')} )?-?{one('reaches')}\b",
        rf"\b{one('then')} {one('reaches_then')}\b",
        rf"\b{one('by')} (?:\w+ )?{one('ways')}\b",
        rf"\b{one('gives')} (?!{one('to_me')}\b)",
        rf"\b(?!{one('no_acts')}\b){one('acts')}\b",
    )
    asks = (
        rf"^\W*(?:{one('openings')}\W+)*(?:{one('asks')}|(?:{one('articles')} )?(?:\w+ )?{detail})",
        rf"(?:s|['’]s?|\b{one('whose')})\W+(?:\w+\W+)?{detail}{behind}",
        rf"^(?:\S+\s+){{0,6}}{detail}{before}\W*$",
    )
    whom = rf"{one('before_whom')} (?P<whom>\w[\w'-]*(?: \w[\w'-]*){{0,2}})\W*"
    return LookUpWords(
        detail=_compiled(detail),
        no_contact=_compiled(one("no_contact")),
        does=_compiled(*does),
        several=_compiled(rf"\b{one('several')}\b"),
        other=_compiled(rf"\b{one('other')}\b(?! {one('nobodys')}\b)(?:['’]s)?(?: +(?P<of>[\w'’-]+))?"),
        not_this=_compiled(rf"\b{one('not_this')}(?= *(?:$|[,.:!?;]))"),
        anyone=words.words("anyone"),
        no=_compiled(rf"\W*{one('noes', 'wrong', 'i_mean')}\b"),
        described=_compiled(
            rf"\W*{one('noes')}\W+(?:{one('sorry')}\W+)?(?:{one('i_mean', 'i_meant')} )?{whom}"
        ),
        asks=_compiled(*asks),
        nobody=_compiled(detail, rf"\b{one('no_person')}\b"),
    )


def _compiled(*patterns: str) -> "re.Pattern[str]":
    return re.compile("|".join(patterns), re.IGNORECASE)
