"""A shift: by how much a request moves something, and whether to later or to earlier.

Covered: one length of time, in a request that has words of one direction only (`shift_words.yaml`). Not covered: what
may go either way ("move it by an hour"): then the user is asked.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache, lru_cache
from importlib.resources import files

from ruamel.yaml import YAML

from umi_edge.values.time_words.phrases import TimePhrases
from umi_edge.values.time_words.spoken import spoken_lengths
from umi_edge.values.time_words.vocabulary import normal

__all__ = ["spoken_shift"]

_LONGEST = 10 * 366 * 24 * 60
"""Minutes; nobody moves an event by more."""
_BY = re.compile(r"(?:^|\s)(?:by|for|um|de|d'|por)\s*$")


@lru_cache(maxsize=64)
def spoken_shift(text: str, read: TimePhrases) -> timedelta | None:
    """By how much a request moves something; None where it does not, or does not say which way.

    >>> from datetime import datetime
    >>> spoken_shift("postpone the review by half an hour", TimePhrases(datetime(2026, 11, 25)))
    datetime.timedelta(seconds=1800)
    """
    said = normal(text)
    ways = [way for way, pattern in _patterns().items() if pattern.search(said)]
    lengths = _moved_by(said, spoken_lengths(text, read))
    if len(ways) != 1 or len(lengths) != 1 or lengths[0] > _LONGEST:
        return None
    return timedelta(minutes=lengths[0] if ways[0] == "later" else -lengths[0])


def _moved_by(said: str, lengths: Mapping[str, tuple[int, ...]]) -> Sequence[int]:
    """The lengths that it is moved by: of several, those after a word such as `by`."""
    clear = {phrase: found[0] for phrase, found in lengths.items() if len(found) == 1}
    after = [
        minutes
        for phrase, minutes in clear.items()
        if (at := said.find(normal(phrase))) >= 0 and _BY.search(said[:at])
    ]
    return after or list(clear.values())


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    """The words of each way, in whatever language; `…` stands for a few words between two."""
    text = (files("umi_edge.values.time_words") / "shift_words.yaml").read_text("utf-8")
    words: Mapping[str, Mapping[str, Sequence[str]]] = YAML(typ="safe").load(text)
    return {
        way: re.compile("|".join(_pattern(one) for said in languages.values() for one in said))
        for way, languages in words.items()
    }


def _pattern(words: str) -> str:
    return (
        r"(?<!\w)" + r"(?: \S+){0,8}? ".join(re.escape(normal(one)) for one in words.split(" … ")) + r"(?!\w)"
    )
