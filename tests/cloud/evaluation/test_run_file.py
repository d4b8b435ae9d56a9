"""Files of rows: whole, resumable, and never of two runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from umi_cloud.evaluation.run_file import RunFile, RunHeader, command_line, fingerprint
from umi_shared.errors import ConfigError

HEADER = RunHeader(kind="static", seed=1, model="m 1", options={"limit": 3}, command="a")


def test_rows_are_there_again_and_a_torn_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    RunFile.open(path, HEADER).add({"number": 1})
    with path.open("a") as file:
        file.write('{"number": 2, "text": "cut o')
    again = RunFile.open(path, replace(HEADER, command="b", recipe="c"))
    assert again.rows == [{"number": 1}]
    again.add({"number": 2})
    assert RunFile.read(path).rows == [{"number": 1}, {"number": 2}]
    assert RunFile.read(path).header.command == "a"


@pytest.mark.parametrize(
    "other",
    [
        replace(HEADER, seed=2),
        replace(HEADER, model="m 2"),
        replace(HEADER, adapters={"planner": "1"}),
        replace(HEADER, options={"limit": 4}),
        replace(HEADER, kind="closed-loop"),
        replace(HEADER, dialect="chat"),
    ],
)
def test_rows_of_another_run_are_not_gone_on_with(tmp_path: Path, other: RunHeader) -> None:
    path = tmp_path / "rows.jsonl"
    RunFile.open(path, HEADER).add({"number": 1})
    with pytest.raises(ConfigError, match="another run"):
        RunFile.open(path, other)
    assert RunFile.read(path).rows == [{"number": 1}]


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"source": "toolbench"}\n')
    with pytest.raises(ConfigError, match="what was run"):
        RunFile.open(path, HEADER)
    assert len(fingerprint(path)) == 12


@pytest.mark.parametrize(
    "words",
    [
        ["/usr/bin/umi-cloud", "evaluate", "cost", "--seed", "2"],
        ["umi_lab/__main__.py", "cost", "--seed", "2"],
    ],
)
def test_a_command_is_named_the_same_way_however_it_was_started(
    monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", words)
    assert command_line("cost") == "umi-cloud evaluate cost --seed 2"


def test_without_a_path_rows_are_in_memory() -> None:
    file = RunFile.open(None, HEADER)
    file.add({"number": 1})
    assert file.rows == [{"number": 1}]
