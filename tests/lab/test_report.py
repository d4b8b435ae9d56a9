"""The report: rows become figures, figures a page, and nothing is in it that was not measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.lab.closed_loop.test_figures import ROWS, row
from umi_cloud.evaluation.run_file import RunFile, RunHeader
from umi_lab.commands.report import command
from umi_lab.report.curves import draw_curve
from umi_lab.report.page import page
from umi_shared.errors import ConfigError

HEADER = RunHeader(
    kind="closed-loop",
    seed=7,
    model="m.gguf 0123",
    adapters={"planner": "abcd"},
    dialect="umi",
    recipe="r.yaml",
    options={"in_clear": False},
    command="umi-cloud evaluate closed-loop --seed 7",
)
CALL = "assistant: I look. Next: caller.</s>caller: Action: weather\nAction Input: {}</s>"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A folder with a run of each kind."""
    folder = tmp_path / "rows"
    RunFile.open(folder / "sessions.jsonl", HEADER).add(*ROWS, {"number": 9, "left_out": True})
    clear = replace(HEADER, options={"in_clear": True}, command="umi-cloud evaluate closed-loop --in-clear")
    RunFile.open(folder / "clear.jsonl", clear).add(row(0, "gave up"), row(1, "answered"))
    step = {
        "number": 0,
        "role": "caller",
        "own_names": True,
        "right": {"exact": True},
        "arguments": [["handle", True]],
    }
    RunFile.open(folder / "steps.jsonl", replace(HEADER, kind="steps")).add(step)
    asked = {
        "tools": [{"Name": "weather"}],
        "reference": CALL,
        "predictions": CALL,
        "cut": 5,
        "unanswered": 0,
    }
    RunFile.open(
        folder / "toolbench.jsonl", replace(HEADER, kind="static", options={"data": "dev.json 01"})
    ).add({"conversation": 0, "step": 1, **asked}, {"conversation": 0, "step": 1, **asked})
    verdict = {
        "ended": "answered",
        "right_end": True,
        "says_wrongly": [],
        "unasked": ["new letter"],
        "wrong_day": False,
        "words": 9,
        "success": False,
        "false_claim": True,
    }
    natural = {"number": 0, "id": "x-001", "home": "x", "kind": "mail errand", "style": "terse"}
    RunFile.open(folder / "natural.jsonl", replace(HEADER, kind="natural")).add(
        {**natural, "outcomes": ["answered"], "verdict": verdict},
        {
            **natural,
            "number": 1,
            "outcomes": ["answered"],
            "verdict": {**verdict, "unasked": [], "success": True},
        },
    )
    cost = replace(
        HEADER,
        kind="cost",
        options={
            "storage": {"one full model": 100e6, "three full models": 300e6, "base and adapters": 120e6}
        },
    )
    tokens = row(0, "answered")["tokens"]
    shared = {"number": 0, "steps": 2, "success": True, "tokens": tokens, "bytes_out": 0, "load": 1.0}
    RunFile.open(folder / "cost.jsonl", cost).add(
        {**shared, "agent": "single", "seconds": 2.0}, {**shared, "agent": "split", "seconds": 1.0}
    )
    return folder


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A training run's folder."""
    stage = tmp_path / "run" / "backbone"
    stage.mkdir(parents=True)
    reports = [
        {"steps": n, "seconds": 60.0 * n, "tokens": 1000 * n, "targets": 10, "losses": {"planner": 1 / n}}
        for n in range(1, 501)
    ]
    torn = '{"steps": 501, "sec'
    (stage / "progress.jsonl").write_text("".join(json.dumps(one) + "\n" for one in reports) + torn)
    return tmp_path / "run"


def report(rows: Path, docs: Path, *more: str) -> str:
    result = CliRunner().invoke(
        command, ["--rows", str(rows), "--docs", str(docs), *more], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return (docs / "evaluation.md").read_text(encoding="utf-8")


def headings(text: str) -> list[str]:
    return [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]


def test_every_run_is_in_the_page_with_what_makes_it_again(rows: Path, trained: Path, tmp_path: Path) -> None:
    text = report(rows, tmp_path / "docs", "--run", str(trained))
    assert headings(text) == [
        "Goals",
        "Whole sessions",
        "Natural requests",
        "Step by step",
        "Step metrics of the paper",
        "The privacy tax",
        "Cost",
        "Training",
    ]
    assert "| success, built-in names | at least 90 % | 33.3 % [9.7–70.0], 2 of 6 |" in text
    assert "| caller: exact | at least 98 % | 100.0 % [20.6–100.0], 1 of 1 ✓ |" in text
    assert "| **toolbench** | 100.00 | 100.00 | 0.00 | 100.00 | 0.00 | dev.json | 1 of 1 | 1 / 0 |" in text
    assert "| α-UMi 7B, as published | 89.72 | 60.47 | 0.45 | 53.60 | 46.26 | ToolBench |  |  |" in text
    assert "| something was changed that nobody asked for | 50.0 % [9.4–90.5], 1 of 2 |" in text
    assert "| success, kind mail errand | 50.0 % [9.4–90.5], 1 of 2 |" in text
    assert "split over single: 0.50" in text
    assert "Of 2 sessions 1 succeeded with handles only, 1 in clear only." in text
    assert "| backbone | 500.0 | 500,000 |" in text
    for command_line in ("closed-loop --seed 7", "closed-loop --in-clear"):
        assert f"    umi-cloud evaluate {command_line}\n" in text
    assert "seed 7; recipe r.yaml; m.gguf 0123; adapters: planner abcd; dialect umi." in text


def test_checked_in_figures_outlive_their_rows(rows: Path, trained: Path, tmp_path: Path) -> None:
    """A clone has no rows: the page is the same."""
    docs, nothing = tmp_path / "docs", tmp_path / "nothing"
    text = report(rows, docs, "--run", str(trained))
    assert report(nothing, docs) == text
    curve = json.loads((docs / "evaluation" / "training-run.json").read_text())["stages"][0]["curve"]
    assert len(curve) <= 201
    assert curve[-1][0] == 500_000


def test_what_was_not_measured_is_not_in_the_page() -> None:
    """Nothing but what the paper published."""
    text = page({}, {})
    assert headings(text) == ["Step metrics of the paper"]
    assert "GPT-4" in text


def test_an_ablation_has_a_table_of_its_own() -> None:
    """What `umi_lab ablation --out` writes."""
    right = {"planner: tool": {"share": 0.5, "seeds": [0.5], "interval": [0.4, 0.6]}}
    more = {"minus glpft": {"difference": 0.1, "interval": [0.02, 0.2]}}
    better = {"planner: tool": {"share": 0.6, "seeds": [0.6], "interval": [0.5, 0.7], **more}}
    trained = {"seeds": [1, 2], "tokens": [1000, 2000], "seconds": [5, 6]}
    arms = {"glpft": {"right": right, **trained}, "single": {"right": {}, **trained}}
    arms |= {"multi": {"right": better, **trained}}
    text = page({"ablation": {"scenarios": 100, "scenario seed": 11, "arms": arms}}, {})
    assert (
        "| planner: tool | 50.0 % [40.0–60.0] | – | 60.0 % [50.0–70.0]<br>**+10.0 [+2.0, +20.0] to glpft** |"
        in text
    )
    assert "| tokens | 1,000, 2,000 | 1,000, 2,000 | 1,000, 2,000 |" in text


def test_runs_that_say_their_training_tokens_are_the_learning_curve_and_nothing_else(
    rows: Path, tmp_path: Path
) -> None:
    for tokens, more in ((2_000_000, ROWS[:3]), (0, ROWS)):
        point = replace(HEADER, options={"in_clear": False, "trained_tokens": tokens})
        RunFile.open(rows / f"learning-{tokens}.jsonl", point).add(*more)
    text = report(rows, tmp_path / "docs")
    curve = text.partition("## Learning curve")[2]
    assert curve.index("| 0 | ") < curve.index("| 2,000,000 | 3 | ")
    assert "learning-" not in text
    pytest.importorskip("matplotlib")
    assert "(evaluation/learning.svg)" in curve
    assert "<svg" in (tmp_path / "docs" / "evaluation" / "learning.svg").read_text()


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "other.jsonl").write_text('{"source": "x"}\n')
    with pytest.raises(ConfigError, match=r"other\.jsonl does not begin"):
        CliRunner().invoke(
            command,
            ["--rows", str(folder), "--docs", str(tmp_path)],
            catch_exceptions=False,
            standalone_mode=False,
        )


def test_curves_are_drawn_where_matplotlib_is(rows: Path, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    text = report(rows, tmp_path / "docs", "--run", str(trained))
    assert "(evaluation/training-run.svg)" in text
    assert "<svg" in (tmp_path / "docs" / "evaluation" / "training-run.svg").read_text()


def test_the_same_figures_give_the_same_picture(tmp_path):
    pytest.importorskip("matplotlib")
    stage = {"stage": "one", "curve": [[10, {"planner": 2.0}], [20, {"planner": 1.0}]]}
    for name in ("one", "two"):
        draw_curve({"stages": [stage]}, tmp_path / f"{name}.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
