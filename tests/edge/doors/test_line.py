"""The line: a planner on this device that stands in gives way to the shared one, and ends with its last session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.end_to_end.serving import true
from umi_edge.connection.connection import Connection
from umi_edge.doors.approvals import Approvals
from umi_edge.doors.line import Line
from umi_edge.doors.live import Live
from umi_edge.policy import load_policy
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import Laptop
from umi_edge.runtime.planner import Planner, returned_planner
from umi_edge.session.consent import DeclineAll
from umi_shared.screen.console import Screen

NOWHERE = cast(Connection, None)


@dataclass
class Sessions:
    """A laptop that notes what its sessions were opened with."""

    on_device: list[bool] = field(default_factory=list)
    policy: Any = field(default_factory=lambda: load_policy("version: 1\n"))
    changed_tools: Any = tuple

    @asynccontextmanager
    async def session(self, _: Connection, *, on_device: bool, **__: Any) -> AsyncIterator[None]:
        self.on_device.append(on_device)
        yield


@asynccontextmanager
async def standing_in(closed: asyncio.Event) -> AsyncIterator[tuple[Line, Sessions]]:
    async def close() -> None:
        closed.set()

    laptop = Sessions()
    async with AsyncExitStack() as stack:
        yield (
            Line(
                config=EdgeConfig(),
                laptop=cast(Laptop, laptop),
                planner=Planner(NOWHERE, stands_in=True, close=close),
                approvals=Approvals(),
                live=Live(),
                stack=stack,
                console=Screen(stderr=True),
                look_seconds=0.01,
            ),
            laptop,
        )


async def test_it_gives_way_once_the_shared_one_is_there_and_ends_with_its_last_session(monkeypatch):
    closed, there = asyncio.Event(), asyncio.Event()
    looks = 0

    async def returned(_: EdgeConfig, __: AsyncExitStack) -> Planner | None:
        nonlocal looks
        looks += 1
        return Planner(NOWHERE, "planner.example:443") if there.is_set() else None

    monkeypatch.setattr("umi_edge.doors.line.returned_planner", returned)
    async with standing_in(closed) as (line, laptop):
        returning = asyncio.create_task(line.let_shared_planner_return())
        async with asyncio.timeout(20):
            async with line.session(DeclineAll(), "c1", "one"):
                await true(lambda: looks >= 3)
                assert line.planner.stands_in
                there.set()
                await true(lambda: not line.planner.stands_in)
                async with line.session(DeclineAll(), "c2", "two"):
                    assert not closed.is_set()
            await returning
    assert closed.is_set()
    assert laptop.on_device == [True, False]


HERE = load_policy("version: 1\ndefaults: {instruction: device}\n")


async def test_it_does_not_give_way_as_long_as_the_policy_keeps_the_instruction_here(monkeypatch):
    looks, rounds, slept, real = 0, 0, asyncio.Event(), asyncio.sleep

    async def returned(_: EdgeConfig, __: AsyncExitStack) -> Planner | None:
        nonlocal looks
        looks += 1
        return Planner(NOWHERE, "planner.example:443")

    async def sleep(_: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds > 5:
            slept.set()
        await real(0)

    monkeypatch.setattr("umi_edge.doors.line.returned_planner", returned)
    monkeypatch.setattr("umi_edge.doors.line.asyncio.sleep", sleep)
    async with standing_in(asyncio.Event()) as (line, laptop):
        laptop.policy = HERE
        returning = asyncio.create_task(line.let_shared_planner_return())
        await asyncio.wait_for(slept.wait(), 10)
        assert looks == 0
        assert line.planner.stands_in
        laptop.policy = load_policy("version: 1\n")
        await asyncio.wait_for(returning, 10)
        assert not line.planner.stands_in


async def test_a_policy_that_keeps_the_instruction_here_has_the_next_session_planned_here(monkeypatch):
    opened = []

    async def open_planner(*_: Any) -> Planner:
        opened.append("here")
        return Planner(NOWHERE)

    monkeypatch.setattr("umi_edge.doors.line.open_planner", open_planner)
    async with standing_in(asyncio.Event()) as (line, laptop):
        line.planner = Planner(NOWHERE, "planner.example:443")
        async with line.session(DeclineAll(), "c1", "one"):
            laptop.policy = HERE
            await line.keep_up()  # which a program's request does, too: nothing is planned for it
            assert opened == []
            async with line.session(DeclineAll(), "c2", "two"), line.session(DeclineAll(), "c3", "three"):
                assert opened == ["here"]
    assert laptop.on_device == [False, True, True]


async def test_a_shared_planner_is_not_looked_for():
    async with standing_in(asyncio.Event()) as (line, _):
        line.planner = Planner(NOWHERE, "planner.example:443")
        await asyncio.wait_for(line.let_shared_planner_return(), 10)


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
async def test_a_device_that_is_not_enrolled_has_none_to_return_to(tmp_path, left):
    if left != "nothing":
        (tmp_path / "connection").mkdir()
    async with AsyncExitStack() as stack:
        assert await returned_planner(EdgeConfig(connection=tmp_path / "connection"), stack) is None
