"""Switches: what makes episodes more varied, each added to the ones before it as training needed it."""

from collections.abc import Collection
from enum import StrEnum

__all__ = ["Switch", "all_until", "in_order"]


class Switch(StrEnum):
    """What is varied, in the order in which it was added."""

    MORE_PHRASES = "more_phrases"
    """Catalogues with some kinds of built-in tools only, requests that no tool serves, more phrases, politeness."""
    MADE_UP_WORDS = "made_up_words"
    """Made-up words, which can only be copied."""
    COMBINED_PHRASES = "combined_phrases"
    """Phrases put together of parts."""
    COMPOSED_NAMES = "composed_names"
    """Tool names and descriptions put together of parts, many more toy tools, words of the tokenizer."""
    NEED_PHRASED = "need_phrased"
    """Tool names of which half says nothing, requests for a toy tool that state the need, more messages and dates."""
    PEOPLES_WORDS = "peoples_words"
    """Requests as people write them (`phrasings`), days and times in people's words, refusals in many; half of the
    catalogues have the tools of `home: {more_tools: true}`, with families of tasks for these."""
    QUESTIONS = "questions"
    """Questions about what is inside of texts, the calendar and the contacts, follow-ups and corrections; most
    catalogues have more tools, some have operators."""
    ERRANDS = "errands"
    """Errands in few words: events that are called by name and not dated, to-dos, lines for notes, replies, two people,
    two errands at once; questions without a verb, and more that no tool is for."""
    EVERYDAY = "everyday"
    """Everyday requests next door to each other: what no tool does, by what it would need, in catalogues that at times
    have such a tool, and what sounds alike and is done. Questions to people, one mail to several, forwards, ranges of
    days, roles, short names, two things at once, and what is said after them."""


def all_until(last: Switch) -> frozenset[Switch]:
    """A switch and all before it.

    >>> sorted(all_until(Switch.MADE_UP_WORDS))
    [<Switch.MADE_UP_WORDS: 'made_up_words'>, <Switch.MORE_PHRASES: 'more_phrases'>]
    """
    return frozenset(list(Switch)[: list(Switch).index(last) + 1])


def in_order(switches: Collection[Switch]) -> list[str]:
    """Their names, as they were added."""
    return [one.value for one in Switch if one in switches]
