"""Who waits for a call goes before who reads ahead; of either kind the first to come; and nobody is forgotten."""

import asyncio

import pytest

from umi_edge.caller.turns import Turns


class Log:
    def __init__(self) -> None:
        self.turns = Turns()
        self.had: list[str] = []
        self.hold = asyncio.Event()

    async def take(self, name: str, *, waited_for: bool, hold: bool = False) -> None:
        async with self.turns.take(waited_for=waited_for):
            self.had.append(name)
            if hold:
                await self.hold.wait()

    def start(self, name: str, *, waited_for: bool, hold: bool = False) -> "asyncio.Task[None]":
        return asyncio.create_task(self.take(name, waited_for=waited_for, hold=hold))


async def test_calls_come_first_and_in_the_order_in_which_they_were_asked_for() -> None:
    log = Log()
    tasks = [log.start("first", waited_for=False, hold=True)]
    for name, waited_for in (("read 1", False), ("call 1", True), ("read 2", False), ("call 2", True)):
        await asyncio.sleep(0)
        tasks.append(log.start(name, waited_for=waited_for))
    await asyncio.sleep(0)
    log.hold.set()
    await asyncio.gather(*tasks)
    assert log.had == ["first", "call 1", "call 2", "read 1", "read 2"]


@pytest.mark.parametrize("late", [False, True])
async def test_who_is_cancelled_gives_the_turn_up(late) -> None:
    log = Log()
    first = log.start("first", waited_for=True, hold=True)
    await asyncio.sleep(0)
    gone, after = log.start("gone", waited_for=True), log.start("after", waited_for=True)
    await asyncio.sleep(0)
    if late:  # its turn has come, and it does not know yet
        first.cancel()
        await asyncio.sleep(0)
    gone.cancel()
    log.hold.set()
    await asyncio.wait([first, gone, after], timeout=5)
    assert gone.cancelled()
    assert log.had == ["first", "after"]
    await asyncio.wait_for(log.take("later", waited_for=False), 5)


async def test_a_turn_that_fails_is_passed_on() -> None:
    log = Log()
    with pytest.raises(ZeroDivisionError):
        async with log.turns.take(waited_for=True):
            raise ZeroDivisionError
    await asyncio.wait_for(log.take("next", waited_for=True), 5)
