"""The sessions of a client: one for a word, none for long, and no more in a day than it may open."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from umi_edge.doors.gateway.handle_numbers import OF_CATALOGUE, numbers_of
from umi_edge.doors.gateway.session_count import SessionCount, session_count
from umi_edge.doors.gateway.sessions import (
    SessionLimits,
    Sessions,
    TooManySessionsError,
    UnknownSessionError,
)
from umi_edge.labelling.vault import INSTRUCTION, Vault
from umi_shared.errors import PrivacyError
from umi_shared.handles import Handle
from umi_shared.labels import Label, Locality

HOUR = 3600
STAYS = Label.at(Locality.HANDLE)


def kept(session: Any, value: str) -> Handle:
    """The handle of a value that a session keeps."""
    return session.vault.keep(value, type="person", label=STAYS, origin=INSTRUCTION)


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


def sessions(ended: list[Any], clock: Clock, **limits: Any) -> Sessions:
    """Sessions that take a moment to open, as a laptop's do."""

    @asynccontextmanager
    async def opened(vault: Vault) -> AsyncIterator[Any]:
        await asyncio.sleep(0.005)
        one = SimpleNamespace(name=f"s{id(vault)}", vault=vault)
        try:
            yield one
        finally:
            ended.append(one)

    return Sessions(opened, SessionLimits(**limits), SessionCount(now=clock), clock)


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


@pytest.mark.parametrize("why", ["it was idle", "others took its place", "its program ended it"])
async def test_a_handle_of_a_session_that_ended_is_in_no_later_one(why):
    clock = Clock()
    some = sessions([], clock, open_at_once=2)
    _, first = await some.begin("pipe")
    handle = kept(first, "Ann")
    match why:
        case "it was idle":
            clock.at += 2.1 * HOUR
        case "others took its place":
            await some.begin("another")
            await some.begin("a third")
        case _:
            await some.end("pipe")
    with pytest.raises(UnknownSessionError):
        await some.find("pipe")
    _, second = await some.begin("pipe")
    new = kept(second, "Bea")
    assert new.type == handle.type
    assert new != handle
    assert handle not in second.vault
    await some.end_all()


async def test_sessions_that_are_open_at_once_have_no_handle_in_common():
    some = sessions([], Clock())
    vaults = [(await some.begin())[1].vault for _ in range(4)]
    handles = {vault.keep(n, type="t", label=STAYS, origin=INSTRUCTION) for n in range(9) for vault in vaults}
    assert len(handles) == 4 * 9
    await some.end_all()


async def test_the_numbers_of_the_next_session_tell_nothing_of_what_the_last_one_held():
    first_numbers = []
    for many in (0, 7, 5_000):
        some = sessions([], Clock())
        _, one = await some.begin()
        for value in range(many):
            one.vault.keep(value, type="person", label=STAYS, origin=INSTRUCTION)
        first_numbers.append(kept((await some.begin())[1], "Bea").number)
        await some.end_all()
    assert len(set(first_numbers)) == 1


def test_numbers_end_before_those_of_the_list_of_tools_and_none_is_given_twice():
    last = OF_CATALOGUE.start // 10_000 - 1
    assert numbers_of(last).stop == OF_CATALOGUE.start
    assert all(numbers_of(n).stop == numbers_of(n + 1).start for n in (0, 1, 77, last - 1))
    assert Handle("person", OF_CATALOGUE[-1])
    with pytest.raises(PrivacyError, match="no numbers left"):
        numbers_of(last + 1)


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
    handles = []
    for _ in range(2):
        some = sessions([], clock, a_day=2)
        some.count = session_count(tmp_path, "claude/../x")
        some.count.now = clock
        handles.append(kept((await some.begin())[1], "Ann"))
    with pytest.raises(TooManySessionsError):
        await some.begin()
    other = session_count(tmp_path, "cursor")
    assert other.take(1) == 0
    clock.at += 25 * HOUR
    handles.append(kept((await some.begin())[1], "Ann"))
    assert len(set(handles)) == 3


def test_a_count_that_cannot_be_read_opens_nothing(tmp_path):
    count = session_count(tmp_path, "claude")
    assert count.take(2) == 0
    assert count.file is not None
    for written in ('{"none": 1}', '{"lately": [1.0, "x"], "ever": 3}', '{"lately": [], "ever": -1}'):
        count.file.write_text(written)
        with pytest.raises(ValueError, match="count"):
            count.take(2)


@pytest.mark.parametrize("times", [[], [1.0, 2.0, 3.0]])
def test_the_count_of_an_earlier_umi_gives_no_number_that_was_given_then(tmp_path, times):
    """All sessions began with the first number; how many there were before the last day is not known."""
    count = session_count(tmp_path, "claude")
    assert count.file is not None
    count.file.parent.mkdir(parents=True)
    count.file.write_text(json.dumps(times))
    assert count.take(48) == max(1, len(times))
