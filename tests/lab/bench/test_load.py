"""A server under two hundred sessions: none lost, devices alike, and streams that wait cost little."""

import sys

import pytest

from umi_lab.bench.load import LOAD_GENERATOR, drift, jain, rows_of
from umi_lab.bench.load_generator import LoadProfile, StepTiming
from umi_lab.bench.served import RATIONALE, scripted, served
from umi_lab.bench.worker import worker
from umi_lab.bench.workload import record_session
from umi_shared.errors import ConfigError

DEVICES, SESSIONS, STEPS = 10, 200, 2
SHORT = "To find it, use contacts.search. Next: caller."


@pytest.mark.timeout(300)
async def test_two_hundred_sessions_lose_nothing_and_devices_wait_alike(tmp_path):
    """Far more than may run at once: the queue is used, and every session gets each of its plans whole."""
    messages = tuple(step.message for step in (await record_session(0)).steps[:STEPS])
    admission = {"running": 32, "queued": 512, "queued_per_device": 64}
    async with (
        served(tmp_path, scripted(0.005, (SHORT,)), admission) as server,
        worker(LOAD_GENERATOR, "the load generator") as generator,
    ):
        devices = await server.enrol(DEVICES, tmp_path)
        work = LoadProfile(
            sessions=SESSIONS,
            steps=STEPS,
            messages=messages,
            connections=tuple(str(one.directory) for one in devices),
            spread_seconds=0.2,
        )
        rows = await rows_of(generator, work)
    assert {row.outcome for row in rows} == {"ok"}
    assert sorted((row.session, row.step) for row in rows) == [
        (n, k) for n in range(SESSIONS) for k in range(STEPS)
    ]
    assert len({row.events for row in rows}) == 1  # the reply is one text, so a lost event would show
    means = [sum(row.seconds for row in rows if row.session % DEVICES == device) for device in range(DEVICES)]
    assert jain(means) > 0.95


@pytest.mark.timeout(120)
async def test_what_is_refused_is_told_as_such_and_not_counted_as_a_plan(tmp_path):
    """A queue for one: the load generator sees the refusals of the others."""
    messages = ((await record_session(0)).steps[0].message,)
    async with (
        served(tmp_path, scripted(0.2), {"running": 1, "queued": 1}) as server,
        worker(LOAD_GENERATOR, "the load generator") as generator,
    ):
        (device,) = await server.enrol(1, tmp_path)
        connections = (str(device.directory),)
        work = LoadProfile(
            sessions=6, steps=1, messages=messages, connections=connections, spread_seconds=0.0
        )
        outcomes = [row.outcome for row in await rows_of(generator, work)]
    assert sorted(set(outcomes)) == ["RESOURCE_EXHAUSTED", "ok"]
    assert outcomes.count("ok") == 2


async def test_the_engine_alone_says_the_reply_at_its_own_pace():
    async with worker(LOAD_GENERATOR, "the load generator") as generator:
        work = LoadProfile(
            sessions=3, steps=2, messages=(b"x",), reply=RATIONALE, pause_seconds=0.01, spread_seconds=0.0
        )
        rows = await rows_of(generator, work)
    pieces = -(-len(RATIONALE) // 8)
    assert [row.events for row in rows] == [pieces] * 6
    assert all(row.seconds >= pieces * 0.01 for row in rows)


def test_drift_compares_the_end_with_the_beginning():
    rows = [
        StepTiming(session=0, step=n, began=n, first=0, seconds=1 + (n > 5), events=1, outcome="ok")
        for n in range(9)
    ]
    assert drift(rows) == 2.0


async def test_a_worker_that_ends_is_told_with_its_last_words():
    program = "import sys; print('{}', flush=True); sys.stdin.readline(); sys.exit('no such model')"
    with pytest.raises(ConfigError, match=r"a peer ended with exit code 1: no such model"):
        async with worker([sys.executable, "-c", program], "a peer") as peer:
            await peer.ask({"work": 1})
