"""Rounds in which all contenders run, one after the other, so that a noisy minute slows all of them alike."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

__all__ = ["Round", "ratios", "interleaved_rounds"]

T = TypeVar("T")
_LEAST = 3
"""How many rounds there are before time may end them: fewer have no quartiles."""
Round = Mapping[str, T]
"""The result of each contender in one round."""


async def interleaved_rounds(
    contenders: Mapping[str, Callable[[int], Awaitable[T]]],
    *,
    rounds: int,
    warm_up: int = 1,
    seconds: float = math.inf,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Round[T]]:
    """Run all contenders in each round, every second round in the reverse order; warm-up rounds are not kept.

    A contender is given the number of the round, so that all can work on the same input. Once three rounds are kept,
    none begins after so many `seconds`. `tell` is given how many rounds are done, and how many there are.
    """
    began = time.monotonic()
    kept: list[Round[T]] = []
    names = list(contenders)
    for turn in range(warm_up + rounds):
        if len(kept) >= _LEAST and time.monotonic() - began > seconds:
            break
        order = names if turn % 2 == 0 else names[::-1]
        got = {name: await contenders[name](turn) for name in order}
        if turn >= warm_up:
            kept.append({name: got[name] for name in names})
        tell(turn + 1, warm_up + rounds)
    return kept


def ratios(rounds: Sequence[Round[float]], name: str, over: str) -> list[float]:
    """One contender's value over another's, round by round.

    >>> ratios([{"a": 2.0, "b": 4.0}, {"a": 3.0, "b": 3.0}], "b", "a")
    [2.0, 1.0]
    """
    return [one[name] / one[over] for one in rounds]
