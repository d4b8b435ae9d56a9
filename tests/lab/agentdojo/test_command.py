"""`python -m umi_lab agentdojo`: a table for people, a line a trial for programs."""

import json

import pytest
from click.testing import CliRunner

pytest.importorskip("agentdojo", reason="AgentDojo is an extra")

from umi_lab.agentdojo.matrix import matrix
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


def test_the_documents_tables_are_printed_as_markdown():
    code, output = run("--suite", "banking", "--benign", "--markdown")
    assert code == 0
    assert output.startswith("| banking: user task | utility |")
    assert output.count("| kept |") == 16


def test_a_cell_says_what_a_pair_rests_on():
    def row(user, injection, stopped_by, **changes):
        found = {
            "user_task": f"user_task_{user}",
            "injection_task": injection and f"injection_task_{injection}",
        }
        rest = {
            "utility": True,
            "attack": False,
            "attack_if_user_approves_all": False,
            "stopped_by": stopped_by,
        }
        counts = {"asked": 0, "private": 3, "leaked": 0, "messages": 4, "shape_bits": 9}
        return {**found, **rest, **counts, **changes}

    rows = [
        row(0, "", ""),
        row(0, "1", "policy"),
        row(0, "2", "user"),
        row(0, "10", "user", attack_if_user_approves_all=True),
        row(0, "11", "", attack=True, utility=False),
        row(0, "12", "itself"),
    ]
    assert matrix("x", rows).splitlines()[-1] == "| 0 | P | u | U | X! | – |"
