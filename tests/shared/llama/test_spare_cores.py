"""As many threads as there are cores that nobody else uses, and never none."""

import os
import sys
from pathlib import Path

import pytest

from umi_shared.llama.spare_cores import CpuTimes, SpareCores, cpu_times


class Machine:
    """Two cores; time passes when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = CpuTimes(0.0, 0.0, 0.0)
        monkeypatch.setattr("time.monotonic", lambda: self.now.clock)

    def times(self) -> CpuTimes:
        return self.now

    def work(self, *, rivals: float, own: float, seconds: float = 0.2) -> None:
        """Let so many cores be used by others and by us."""
        before = self.now
        idle = max(0.0, 2.0 - rivals - own)
        self.now = CpuTimes(before.clock + seconds, before.idle + idle * seconds, before.own + own * seconds)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.mark.parametrize(
    ("rivals", "own", "threads"),
    [
        (0.0, 0.0, 2),
        (0.1, 1.9, 2),
        (0.3, 1.7, 2),
        (1.0, 0.0, 1),
        (1.0, 1.0, 1),
        (0.8, 1.2, 1),
        (2.0, 0.0, 1),
        (1.4, 0.6, 1),
    ],
)
def test_a_core_that_a_rival_uses_is_left_to_it(machine, rivals, own, threads) -> None:
    cores = SpareCores(2, machine.times)
    machine.work(rivals=rivals, own=own)
    assert cores.threads() == threads


def test_the_number_follows_what_the_others_do(machine) -> None:
    cores = SpareCores(2, machine.times)
    counts = []
    for rivals in (0.0, 1.0, 1.0, 0.0, 0.0):
        machine.work(rivals=rivals, own=min(2.0 - rivals, cores.threads()))
        counts.append(cores.threads())
    assert counts == [2, 1, 1, 2, 2]


def test_it_does_not_look_again_at_once(machine) -> None:
    cores = SpareCores(2, machine.times)
    machine.work(rivals=2.0, own=0.0, seconds=0.05)
    assert cores.threads() == 2


def test_never_more_than_it_may_and_all_where_nothing_is_known(machine) -> None:
    one = SpareCores(1, machine.times)
    blind = SpareCores(4, lambda: None)
    machine.work(rivals=0.0, own=0.0)
    assert one.threads() == 1
    assert blind.threads() == 4


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's files")
def test_only_the_cores_that_it_may_use_count(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {1, 2})
    stat = tmp_path / "stat"
    rows = "".join(f"cpu{number} 1 2 3 {number * 100} 5 6\n" for number in range(4))
    stat.write_text(f"cpu 9 9 9 9 9\n{rows}intr 5\n")
    found = cpu_times(stat)
    assert found is not None
    assert found.idle == 300 / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("text", ["", "cpu1 a b c d e\n", "cpu1 1\n", "intr 5\n"])
def test_a_system_that_does_not_say_is_not_asked(tmp_path, text) -> None:
    stat = tmp_path / "stat"
    assert cpu_times(stat) is None
    stat.write_text(text.replace("cpu1", f"cpu{min(os.sched_getaffinity(0))}"))
    assert cpu_times(stat) is None


def test_this_system_is_asked_without_a_fault() -> None:
    found = cpu_times()
    assert (found is None) == (not Path("/proc/stat").exists())
