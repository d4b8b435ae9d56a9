"""Comparing two sets of adapters: better beyond chance, on the same scenarios."""

from pathlib import Path
from typing import Any

import pytest

from umi_cloud.evaluation.run_file import RunFile, RunHeader
from umi_lab.cli import umi_lab
from umi_lab.closed_loop.comparison import changes, is_better
from umi_shared.errors import ConfigError

click_testing = pytest.importorskip("click.testing")


def outcome(number: int, *, success: bool, claim: bool = False) -> dict[str, Any]:
    ended = "answered" if success or claim else "gave up"
    verdict = {"ended": ended, "should_end": "answered", "right_state": success, "right_answer": success}
    return {
        "number": number,
        "family": "find",
        "own_names": number % 2 == 0,
        "broken": False,
        "success": success,
        "verdict": verdict,
        "transcript": {"instruction": f"task {number}"},
    }


OLD = [outcome(i, success=i % 10 < 6) for i in range(100)]
BETTER = [outcome(i, success=i % 10 < 8) for i in range(100)]
LUCKY = [outcome(i, success=i % 10 < 6 or i == 99) for i in range(100)]
LIAR = [outcome(i, success=i % 10 < 8, claim=True) for i in range(100)]


def test_more_success_beyond_chance_is_better():
    found = changes(OLD, BETTER)
    assert is_better(found)
    assert (found["success"].old, found["success"].new) == (0.6, 0.8)
    assert found["success"].interval[0] > 0.1
    assert not is_better(changes(BETTER, OLD))


def test_one_scenario_more_is_chance():
    assert not is_better(changes(OLD, LUCKY))


def test_more_false_claims_are_not_bought_with_success():
    assert not is_better(changes(OLD, LIAR))


def test_other_scenarios_cannot_be_compared():
    with pytest.raises(ConfigError, match="different scenarios"):
        changes(OLD, BETTER[:50])
    with pytest.raises(ConfigError, match="different scenarios"):
        changes(OLD, [*BETTER[1:], BETTER[0]])


def test_the_command_says_so_by_its_exit_code(tmp_path: Path):
    files = {}
    for name, rows in {"old": OLD, "better": BETTER, "torn": [{"family": "find"}]}.items():
        files[name] = tmp_path / f"{name}.jsonl"
        file = RunFile.open(files[name], RunHeader(kind="closed-loop", seed=1, model="m"))
        file.add(*reversed(rows), {"number": 100, "left_out": True})
    run = click_testing.CliRunner().invoke
    said = run(umi_lab, ["compare", str(files["old"]), str(files["better"])], standalone_mode=False)
    assert (said.return_value, said.output.splitlines()[-1]) == (0, "better")
    assert (
        run(umi_lab, ["compare", str(files["better"]), str(files["old"])], standalone_mode=False).return_value
        == 1
    )
    assert isinstance(run(umi_lab, ["compare", str(files["old"]), str(files["torn"])]).exception, ConfigError)
