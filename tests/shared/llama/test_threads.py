"""As many threads as there are cores to run them, and one team of them for all contexts of a thread."""

import os
import sys
from pathlib import Path

import pytest

from umi_shared.llama.threads import cpu_quota, default_threads, physical_cores

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's files")


@linux
def test_hyper_threads_of_a_core_count_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3, 5})
    for cpu, siblings in enumerate(["0,4", "1,5", "2,6", "3,7", "0,4", "1,5"]):
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(siblings)
    assert physical_cores(tmp_path) == 4


@linux
def test_without_the_kernels_list_half_of_many_are_taken(tmp_path, monkeypatch) -> None:
    for logical, cores in ((1, 1), (2, 2), (16, 8)):
        monkeypatch.setattr(os, "cpu_count", lambda logical=logical: logical)
        assert physical_cores(tmp_path) == cores


@pytest.mark.parametrize(
    ("text", "cpus"), [("max 100000", []), ("250000 100000", [2]), ("50000 100000", [1]), ("", [])]
)
def test_a_containers_limit_counts(tmp_path, text, cpus) -> None:
    limit = tmp_path / "cpu.max"
    limit.write_text(text)
    assert cpu_quota(limit) == cpus
    assert cpu_quota(tmp_path / "missing") == []


def test_there_is_always_a_thread() -> None:
    assert 1 <= default_threads() <= 8


@linux
@pytest.mark.model
def test_contexts_of_one_thread_share_its_team(smollm2: Path) -> None:
    from umi_shared.llama import Sequence, Weights

    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    weights = Weights.load(smollm2)
    tokens = weights.tokenize("The sea is calm.", special=False)
    sequences = [Sequence(weights, context_tokens=256, threads=2) for _ in range(3)]
    sequences[0].read(tokens)
    one = threads()
    for sequence in sequences:
        sequence.read(tokens)
    assert threads() == one
    for sequence in sequences:
        sequence.close()
    weights.close()
