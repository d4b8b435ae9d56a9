"""Admission: bounds, turns and fairness."""

import asyncio

import pytest

from umi_cloud.admission import Admission, AdmissionLimits
from umi_shared.errors import RefusedError


class Crowd:
    """Requests that hold their turn until they are told to leave."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.entered: list[str] = []
        self._leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, device: str) -> None:
        leave = self._leave[name] = asyncio.Event()

        async def visit() -> None:
            async with self.admission.slot(device):
                self.entered.append(name)
                await leave.wait()

        self.tasks[name] = asyncio.create_task(visit())
        await settle()

    async def go(self, name: str) -> None:
        self._leave[name].set()
        await self.tasks[name]
        await settle()


async def settle() -> None:
    """Let every task that can run do so; nothing here waits for anything but a turn."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def crowd():
    crowd = Crowd(Admission(AdmissionLimits(running=2, queued=4, queued_per_device=3)))
    yield crowd
    for task in crowd.tasks.values():
        task.cancel()
    await asyncio.gather(*crowd.tasks.values(), return_exceptions=True)
    assert (crowd.admission.running, crowd.admission.queued) == (0, 0)


async def test_at_most_so_many_run_and_the_rest_waits(crowd):
    for name in ("a1", "a2", "a3"):
        await crowd.come(name, "a")
    assert crowd.entered == ["a1", "a2"]
    assert crowd.admission.queued == 1
    await crowd.go("a1")
    assert crowd.entered == ["a1", "a2", "a3"]


async def test_a_device_with_nothing_running_goes_before_one_that_has_much(crowd):
    for name in ("a1", "a2", "a3", "a4"):
        await crowd.come(name, "a")
    await crowd.come("b1", "b")
    await crowd.go("a1")
    assert crowd.entered == ["a1", "a2", "b1"]


async def test_equals_take_turns(crowd):
    await crowd.come("x", "x")
    await crowd.come("y", "y")
    for name in ("a1", "a2"):
        await crowd.come(name, "a")
    for name in ("b1", "b2"):
        await crowd.come(name, "b")
    for name in ("x", "y", "a1", "b1"):
        await crowd.go(name)
    assert crowd.entered[2:] == ["a1", "b1", "a2", "b2"]


async def test_one_device_cannot_fill_the_queue(crowd):
    for name in ("a1", "a2", "a3", "a4", "a5"):
        await crowd.come(name, "a")
    with pytest.raises(RefusedError) as caught:
        async with crowd.admission.slot("a"):
            pass
    assert caught.value.reason == "OVERLOADED"
    await crowd.come("b1", "b")
    assert crowd.admission.queued == 4


async def test_a_full_queue_says_when_to_come_back(crowd):
    for number in range(6):
        await crowd.come(f"r{number}", f"device-{number}")
    with pytest.raises(RefusedError) as caught:
        async with crowd.admission.slot("late"):
            pass
    assert 0 < caught.value.retry_after_seconds <= 30


async def test_one_who_gives_up_waiting_leaves_no_gap(crowd):
    for name in ("a1", "a2", "b1", "c1"):
        await crowd.come(name, name[0])
    crowd.tasks["b1"].cancel()
    await settle()
    await crowd.go("a1")
    assert crowd.entered == ["a1", "a2", "c1"]


async def test_one_who_gives_up_in_the_moment_of_its_turn_passes_it_on(crowd):
    for name in ("a1", "a2", "b1", "c1"):
        await crowd.come(name, name[0])
    crowd._leave["a1"].set()
    await crowd.tasks["a1"]  # b1's turn is set, and b1 has not run yet
    crowd.tasks["b1"].cancel()
    await settle()
    assert "c1" in crowd.entered
    assert crowd.admission.running == 2


async def test_nothing_is_lost_under_random_arrivals_and_departures():
    admission = Admission(AdmissionLimits(running=3, queued=1000, queued_per_device=1000))
    most = 0

    async def visit(number: int) -> None:
        nonlocal most
        async with admission.slot(f"device-{number % 7}"):
            most = max(most, admission.running)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(visit(number)) for number in range(300)]
    for number in range(0, 300, 11):
        await asyncio.sleep(0)
        tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert (admission.running, admission.queued) == (0, 0)
