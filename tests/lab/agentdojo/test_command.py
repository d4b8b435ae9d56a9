"""`python -m umi_lab agentdojo`: a table for people, a line a trial for programs."""

import json

import pytest
from click.testing import CliRunner

pytest.importorskip("agentdojo", reason="AgentDojo is an extra")

from umi_lab.cli import umi_lab


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(umi_lab, ["agentdojo", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def test_the_table_ends_in_counts(tmp_path):
    code, output = run("--suite", "banking", "--benign")
    assert code == 0
    assert "user tasks that keep their utility: 16 of 16" in output
    assert "sessions whose ledger matches the wire: 16 of 16" in output


def test_programs_get_a_line_a_trial():
    code, output = run("--suite", "slack", "--benign", "--json")
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert len(rows) == 21
    assert all(row["utility"] and not row["leaked"] for row in rows)
