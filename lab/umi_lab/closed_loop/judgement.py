"""Judging a session: against what the oracle made of the same home and told the user."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from umi_edge.session.events import Answered, AskedUser, Ending, GaveUp, Stopped
from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.spoken import spoken_days, spoken_times
from umi_lab.closed_loop.home_state import HomeState, Item
from umi_shared.errors import RefusedError

__all__ = ["Verdict", "judge", "overlap", "same_state"]

_CLOSE = 0.8
"""How close two texts that may be worded differently must be, as their `overlap`."""
_MOMENT = re.compile(r"(?<!\d)(?:\d{4}-\d{2}-\d{2}|\d{2}:\d{2})(?!\d)")
_NO = re.compile(r"\bI did not\b|, so I \w+ nothing\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one session went."""

    ended: str
    """`answered`, `gave up`, `stopped`, or else the error: a refusal's reason, or its kind."""
    should_end: str
    right_state: bool
    right_answer: bool
    says_no: bool = False
    """The home is as it was, and the user was told that what was asked for was not done."""

    @property
    def success(self) -> bool:
        """The session ended as it should, the home is as it should be, and the user was told so."""
        return self.ended == self.should_end and self.right_state and self.right_answer

    @property
    def wrong_end(self) -> bool:
        """The user got an answer though what was asked for was not done, or something else was."""
        return self.ended == "answered" and not (self.right_state and self.should_end == "answered")

    @property
    def false_claim(self) -> bool:
        """The user got such an answer, and it does not say that nothing was done."""
        return self.wrong_end and not self.says_no

    @property
    def wrongly_gave_up(self) -> bool:
        """It gave up on what can be done."""
        return self.ended == "gave up" and self.should_end != "gave up"


def judge(
    ending: Ending | Exception,
    state: HomeState,
    oracle_ending: Ending,
    oracle_state: HomeState,
    facts: Sequence[str] = (),
    before: HomeState | None = None,
    times: TimePhrases | None = None,
) -> Verdict:
    """Compare a session with the oracle's.

    An answer is right where it says nearly the same as the oracle's, and no other day or time; or holds all of the
    facts. `before` is what the home held when the user asked. `times` is what words of time meant then, so that a day
    is the same in words and in figures.
    """
    answer, wanted = (_in_figures(text_of(one), times) for one in (ending, oracle_ending))
    same = overlap(answer, wanted) >= _CLOSE and _moments(answer) <= _moments(wanted)
    stated = _words(_in_figures(" ".join(facts), times))
    told = same or (bool(facts) and not stated - _words(answer))
    return Verdict(
        ended=word_of(ending),
        should_end=word_of(oracle_ending),
        right_state=same_state(state, oracle_state),
        right_answer=isinstance(oracle_ending, GaveUp) or told,
        says_no=before is not None and same_state(state, before) and _NO.search(text_of(ending)) is not None,
    )


def word_of(ending: Ending | Exception) -> str:
    """How it ended, in a word."""
    match ending:
        case Answered():
            return "answered"
        case GaveUp():
            return "gave up"
        case AskedUser():
            return "asked"
        case Stopped():
            return "stopped"
        case RefusedError():
            return ending.reason
        case _:
            return type(ending).__name__


def text_of(ending: Ending | Exception) -> str:
    """What the user was told."""
    match ending:
        case Answered(text) | GaveUp(text) | AskedUser(text) | Stopped(text):
            return text
        case _:
            return ""


def same_state(one: HomeState, other: HomeState) -> bool:
    """Whether two homes hold the same things, but for wording.

    >>> mail = Item("mail", ("a@example.org",), ("I am late.",))
    >>> same_state((mail,), (Item("mail", ("a@example.org",), ("i am late",)),))
    True
    >>> same_state((mail,), ())
    False
    """
    left = list(other)
    for thing in one:
        match = next((candidate for candidate in left if _same(thing, candidate)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _same(one: Item, other: Item) -> bool:
    if (one.kind, one.exact, len(one.free)) != (other.kind, other.exact, len(other.free)):
        return False
    return all(overlap(a, b) >= _CLOSE for a, b in zip(one.free, other.free, strict=True))


def overlap(one: str, other: str) -> float:
    """The share of words that two texts have in common: their F1, 1 for two empty ones.

    >>> overlap("The mail is sent.", "the mail was sent")
    0.75
    """
    a, b = _words(one), _words(other)
    if not a and not b:
        return 1.0
    return 2 * sum((a & b).values()) / (sum(a.values()) + sum(b.values()))


def _in_figures(text: str, times: TimePhrases | None) -> str:
    """The text with days and times in figures, as far as they mean one."""
    if times is None:
        return text
    spoken: dict[str, str] = {}
    for phrase, days in spoken_days(text, times).items():
        spoken |= {phrase: days[0].isoformat()} if len(days) == 1 else {}
    for phrase, clocks in spoken_times(text, times).items():
        spoken |= {phrase: f"{clocks[0]:%H:%M}"} if len(clocks) == 1 and phrase not in spoken else {}
    longest = sorted(spoken, key=len, reverse=True)
    found = re.compile("|".join(rf"(?<!\w){re.escape(phrase)}(?!\w)" for phrase in longest))
    return found.sub(lambda match: spoken[match[0]], text) if spoken else text


def _moments(text: str) -> frozenset[str]:
    return frozenset(_MOMENT.findall(text))


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[\w@.+:-]*\w", text.lower()))
