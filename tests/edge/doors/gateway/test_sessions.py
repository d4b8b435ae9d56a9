"""The sessions of a client: one for a word, none for long, and no more in a day than it may open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from umi_edge.doors.gateway.day_count import DayCount, day_count
from umi_edge.doors.gateway.sessions import (
    EndedSessionError,
    SessionLimits,
    Sessions,
    TooManySessionsError,
    UnknownSessionError,
)

HOUR = 3600


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


def sessions(ended: list[Any], clock: Clock, **limits: Any) -> Sessions:
    """Sessions that take a moment to open, as a laptop's do."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        await asyncio.sleep(0.005)
        one = type("Session", (), {"name": f"s{id(object())}"})()
        try:
            yield one
        finally:
            ended.append(one)

    return Sessions(opened, SessionLimits(**limits), DayCount(now=clock), clock)


async def test_calls_that_come_at_once_under_one_word_get_one_session():
    ended: list[Any] = []
    some = sessions(ended, Clock(), a_day=1)
    found = await asyncio.gather(*[some.begin("pipe") for _ in range(3)])
    assert len({id(one) for _, one in found}) == 1
    await some.end_all()
    assert len(ended) == 1


async def test_a_session_that_was_not_used_for_two_hours_has_ended():
    ended: list[Any] = []
    clock = Clock()
    some = sessions(ended, clock)
    word, one = await some.begin()
    clock.at += 1.9 * HOUR
    assert await some.find(word) is one
    clock.at += 2.1 * HOUR
    assert some.recent() == ()
    with pytest.raises(UnknownSessionError):
        await some.find(word)
    assert ended == [one]


@pytest.mark.parametrize("why", ["it was idle", "others took its place"])
async def test_who_has_a_session_that_ended_by_itself_is_told_once_before_a_new_one_begins(why):
    clock = Clock()
    some = sessions([], clock, open_at_once=2)
    await some.begin("pipe")
    if why == "it was idle":
        clock.at += 2.1 * HOUR
    else:
        await some.begin("another")
        await some.begin("a third")
    with pytest.raises(EndedSessionError):
        await some.find("pipe")
    with pytest.raises(UnknownSessionError) as second:
        await some.find("pipe")
    assert not isinstance(second.value, EndedSessionError)
    await some.begin("pipe")
    await some.end("pipe")  # which its program knows of
    with pytest.raises(UnknownSessionError) as known:
        await some.find("pipe")
    assert not isinstance(known.value, EndedSessionError)
    await some.end_all()


async def test_a_dropped_session_leaves_the_new_one_of_its_word():
    ended: list[Any] = []
    some = sessions(ended, Clock())
    _, first = await some.begin("pipe")
    await some.drop(first)
    _, second = await some.begin("pipe")
    await some.drop(first)
    assert await some.find("pipe") is second
    assert ended == [first]


async def test_the_count_of_a_day_outlasts_the_process(tmp_path):
    clock = Clock()
    for _ in range(2):
        some = sessions([], clock, a_day=2)
        some.count = day_count(tmp_path, "claude/../x")
        some.count.now = clock
        await some.begin()
    with pytest.raises(TooManySessionsError):
        await some.begin()
    other = day_count(tmp_path, "cursor")
    assert other.take(1)
    clock.at += 25 * HOUR
    await some.begin()


def test_a_count_that_cannot_be_read_opens_nothing(tmp_path):
    count = day_count(tmp_path, "claude")
    assert count.take(2)
    assert count.file is not None
    count.file.write_text('{"none": 1}')
    with pytest.raises(ValueError, match="times"):
        count.take(2)
