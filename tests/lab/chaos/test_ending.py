"""Work that is told to end: what it has open is closed first, and once."""

import asyncio
import signal
import subprocess
import sys

import pytest

from umi_lab.chaos.ending import run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

WORK = """
import asyncio
from umi_lab.chaos.ending import run

async def work():
    try:
        print("up", flush=True)
        await asyncio.sleep(60)
    finally:
        print("closing", flush=True)
        await asyncio.sleep(0.3)
        print("closed", flush=True)

run(work())
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_work_when_all_is_closed_and_another_does_not_hurry_it(name):
    number = getattr(signal, name)  # Windows has no SIGHUP to name here
    with subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for said in ("up\n", "closing\n"):
            assert process.stdout.readline() == said
            process.send_signal(number)
        assert process.stdout.read() == "closed\n"
    assert process.returncode == 128 + number


def test_work_that_ends_by_itself_gives_its_result_and_its_error():
    async def work() -> int:
        return 7

    async def cancelled() -> None:
        raise asyncio.CancelledError

    assert run(work()) == 7
    with pytest.raises(asyncio.CancelledError):
        run(cancelled())
