"""Calls that go to the registry together: each gets its own verdict, and a failure reaches all whom it concerns."""

import asyncio
from collections.abc import Sequence

import pytest

from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.call_groups import CallGroups
from umi_cloud.auth.call_operations import BegunCall, EndedCall, LetIn, Verdict
from umi_cloud.auth.identity import Device
from umi_cloud.auth.store import RegistryUnavailableError
from umi_shared.errors import RefusedError


def begun(number: int) -> BegunCall:
    return BegunCall(call=str(number), device=Device(f"d{number}", str(number)), quota=Quota())


def let_in(number: int) -> LetIn:
    return LetIn(float(number), Quota())


class Book:
    """Takes groups; refuses odd calls, and waits for its gate."""

    def __init__(self) -> None:
        self.groups: list[tuple[int, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def __call__(self, begun: Sequence[BegunCall], ended: Sequence[EndedCall]) -> list[Verdict]:
        self.groups.append((len(begun), len(ended)))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [
            RefusedError("odd", reason="RATE_LIMITED") if int(one.call) % 2 else let_in(int(one.call))
            for one in begun
        ]


async def test_one_alone_goes_at_once_and_those_who_come_meanwhile_go_together():
    book = Book()
    groups = CallGroups(book)
    book.gate.clear()
    first = asyncio.create_task(groups.begin(begun(0)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert book.groups == [(1, 0)]
    others = [asyncio.create_task(groups.begin(begun(number))) for number in range(1, 6)]
    others.append(asyncio.create_task(groups.end(EndedCall(call="0", name="d0", tokens=1))))
    await asyncio.sleep(0)
    book.gate.set()
    told = await asyncio.gather(first, *others, return_exceptions=True)
    assert book.groups == [(1, 0), (5, 1)]
    assert [one if isinstance(one, LetIn) else type(one) for one in told[:6]] == [
        *(let_in(0), RefusedError, let_in(2), RefusedError, let_in(4), RefusedError)
    ]


async def test_a_database_that_is_gone_is_told_to_all_of_the_group_and_the_next_one_tries_again():
    book = Book()
    groups = CallGroups(book)
    book.error = RegistryUnavailableError("gone")
    told = await asyncio.gather(*(groups.begin(begun(2 * n)) for n in range(4)), return_exceptions=True)
    assert {type(one) for one in told} == {RegistryUnavailableError}
    book.error = None
    assert await groups.begin(begun(8)) == let_in(8)


async def test_who_gives_up_waiting_takes_nobody_along_and_is_not_asked_for():
    book = Book()
    groups = CallGroups(book)
    book.gate.clear()
    first = asyncio.create_task(groups.begin(begun(0)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second, third = (asyncio.create_task(groups.begin(begun(number))) for number in (2, 4))
    await asyncio.sleep(0)
    for one in (first, second):
        one.cancel()
    await asyncio.sleep(0)
    book.gate.set()
    assert await third == let_in(4)
    await groups.settle()
    assert book.groups == [(1, 0), (1, 0)]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_registry_that_hangs_is_waited_for_once_and_not_by_each_group_in_turn():
    book = Book()
    book.error = RegistryUnavailableError("hangs")
    groups = CallGroups(book)
    calls = [groups.begin(begun(number)) for number in range(1000)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, RegistryUnavailableError) for one in found)
    assert len(book.groups) == 1
    book.error = None
    assert await groups.begin(begun(2)) == let_in(2)


async def test_an_end_that_nobody_waits_for_goes_with_the_next_call_that_begins():
    book = Book()
    groups = CallGroups(book)
    ending = asyncio.create_task(groups.end(EndedCall(call="0", name="d0", tokens=1), patient=True))
    await asyncio.sleep(0.01)
    assert book.groups == []
    assert await groups.begin(begun(2)) == let_in(2)
    await ending
    assert book.groups == [(1, 1)]


async def test_an_end_that_no_call_follows_is_not_kept_for_long():
    book = Book()
    async with asyncio.timeout(5):
        await CallGroups(book).end(EndedCall(call="0", name="d0", tokens=1), patient=True)
    assert book.groups == [(0, 1)]


async def test_an_end_that_somebody_waits_for_waits_for_no_call(monkeypatch):
    monkeypatch.setattr("umi_cloud.auth.call_groups.PATIENCE_SECONDS", 60.0)
    book = Book()
    groups = CallGroups(book)
    patient = asyncio.create_task(groups.end(EndedCall(call="0", name="d0", tokens=1), patient=True))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await groups.end(EndedCall(call="1", name="d0", tokens=1))
        await patient
    assert book.groups == [(0, 2)]


async def test_at_the_end_nobody_is_patient(monkeypatch):
    monkeypatch.setattr("umi_cloud.auth.call_groups.PATIENCE_SECONDS", 60.0)
    book = Book()
    groups = CallGroups(book)
    ending = asyncio.create_task(groups.end(EndedCall(call="0", name="d0", tokens=1), patient=True))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await groups.settle()
        await ending
        await groups.end(EndedCall(call="1", name="d0", tokens=1), patient=True)
    assert book.groups == [(0, 1), (0, 1)]
