"""Kinds of work that must not meet."""

import asyncio

from umi_cloud.engines.batch_kind_lock import BatchKindLock


async def test_two_kinds_never_run_together_and_equals_do():
    lock = BatchKindLock()
    inside: list[str] = []
    seen: list[set[str]] = []
    most = 0

    async def work(kind: str) -> None:
        nonlocal most
        async with lock.hold(kind):
            inside.append(kind)
            seen.append(set(inside))
            most = max(most, len(inside))
            await asyncio.sleep(0)
            inside.remove(kind)

    await asyncio.gather(*(work(kind) for kind in "aabbabbbaaab"))
    assert all(len(kinds) == 1 for kinds in seen)
    assert len(seen) == 12
    assert most > 1


async def test_a_stream_of_one_kind_does_not_starve_the_other():
    lock = BatchKindLock()
    order: list[str] = []
    leave = asyncio.Event()

    async def work(kind: str, name: str) -> None:
        async with lock.hold(kind):
            order.append(name)
            await leave.wait()

    tasks = [asyncio.create_task(work(*one)) for one in (("a", "a1"), ("b", "b1"), ("a", "a2"))]
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(*tasks)
    assert order == ["a1", "b1", "a2"]


async def test_one_who_is_cancelled_while_it_waits_blocks_nobody():
    lock = BatchKindLock()
    leave = asyncio.Event()

    async def work(kind: str) -> None:
        async with lock.hold(kind):
            await leave.wait()

    first = asyncio.create_task(work("a"))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(work("b"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    leave.set()
    await first
    async with asyncio.timeout(1), lock.hold("b"):
        pass
