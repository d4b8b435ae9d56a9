"""`make evaluation` in a checkout without the data of others: the rest runs, and what is missing is named."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A virtual environment whose programs say what they were asked, and do nothing."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    for name in ("python", "umi", "umi-cloud"):
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\necho RAN {name} $*\n")
        program.chmod(0o755)
    for name in ("installed", "installed-dev"):
        (folder / name).touch()
    return folder


def evaluation(venv: Path, *variables: str) -> tuple[list[str], str]:
    """What ran, and all that was said."""
    command = ["make", "-s", "-C", str(ROOT), "evaluation", f"VENV={venv}", *variables]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ran = [line.removeprefix("RAN ") for line in done.stdout.splitlines() if line.startswith("RAN ")]
    return ran, done.stdout


def test_what_needs_data_of_others_is_left_out_with_its_source_and_the_rest_runs(venv, tmp_path):
    ran, said = evaluation(venv, f"EVALUATION_DATA={tmp_path / 'none'}")
    evaluations = [one.split()[2] for one in ran if one.startswith("umi-cloud")]
    assert evaluations == ["closed-loop"] * 3 + ["natural"] * 2 + ["closed-loop"] * 2 + ["cost"]
    assert ran[-1].startswith("python -m umi_lab report")
    for name in ("toolbench.jsonl", "toolalpaca.jsonl", "toolbench-base.jsonl"):
        assert f"build/evaluation/{name} is left out" in said
    for expected in ("none/toolbench/out_of_domain.json", "none/toolalpaca/eval_simulated.json"):
        assert f"-Lo {tmp_path}/{expected} https://github.com/" in said


def test_data_that_is_there_is_scored(venv, tmp_path):
    data = tmp_path / "conversations.json"
    data.write_text("[]")
    ran, said = evaluation(venv, f"TOOLBENCH={data}", f"EVALUATION_DATA={tmp_path}")
    scored = [one for one in ran if one.startswith("umi-cloud evaluate static")]
    assert len(scored) == 2
    assert all(f"--data {data}" in one for one in scored)
    assert "toolalpaca.jsonl is left out" in said
    assert "toolbench.jsonl is left out" not in said


def test_a_score_that_fails_ends_the_run(venv, tmp_path):
    (venv / "bin" / "umi-cloud").write_text('#!/bin/sh\ntest "$2" != static\n')
    data = tmp_path / "conversations.json"
    data.write_text("[]")
    with pytest.raises(subprocess.CalledProcessError):
        evaluation(venv, f"TOOLBENCH={data}")
