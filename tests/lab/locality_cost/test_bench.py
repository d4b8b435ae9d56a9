"""`python -m umi_lab bench locality`: the workload is what it says, each part is measured, and cost is linear."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_lab.cli import umi_lab
from umi_lab.locality_cost.measurement import measure, measure_presidio
from umi_lab.locality_cost.step import PARTS, open_step
from umi_lab.locality_cost.workload import TOOL, make_workload
from umi_shared.errors import ConfigError
from umi_shared.labels import Locality


@pytest.mark.parametrize("free", ["cloud", "scan"])
@pytest.mark.parametrize(("size", "leaves"), [(16 * 1024, 200), (64 * 1024, 800)])
def test_the_workload_has_the_size_and_the_private_leaves_that_it_says(size, leaves, free):
    workload = make_workload(size, leaves, free=free)
    assert len(json.dumps(workload.result, separators=(",", ":"))) == workload.size_bytes == size
    assignment = workload.policy.results(TOOL, workload.result)
    kept = [
        (record, name)
        for record, row in enumerate(workload.result["records"])
        for name in row
        if assignment.at(("records", record, name)).locality is Locality.HANDLE
    ]
    assert len(kept) == workload.private_leaves == leaves


def test_a_step_keeps_every_private_leaf_and_writes_one_entry():
    with open_step(make_workload(16 * 1024, 200, free="scan")) as step:
        assert set(step.run()) == set(PARTS)
        step.run()
        assert step.ledger.path.read_text().count('"kind":"sent"') == 2


def test_cost_is_linear_in_the_size():
    """Up to 256 KiB here, 1 MiB in the command: quadratic work would show sixteenfold, noise does not."""
    workloads = [make_workload(size * 1024, size * 25 // 2, free="scan") for size in (64, 256)]
    small, large = measure(workloads, repeats=4)
    assert large.total.least < 4 * 2.5 * small.total.least


def test_the_command_prints_rows_for_programs_and_a_verdict_for_people():
    options = ["bench", "locality", "--kib", "16", "--repeats", "4"]
    rows = json.loads(CliRunner().invoke(umi_lab, [*options, "--json"]).output)
    assert [row["private_leaves"] for row in rows] == [200, 200]
    assert all(row["total"]["least"] <= row["total"]["median"] for row in rows)
    assert "16 KiB with 200 private leaves:" in CliRunner().invoke(umi_lab, options).output


def test_a_python_without_presidio_is_named():
    with pytest.raises(ConfigError, match="Presidio ended with exit code"):
        measure_presidio(Path(sys.executable), make_workload(1024, 4, free="scan"), repeats=4)
