"""Files of predictions, and `umi-cloud evaluate static`."""

import json

import pytest
from click.testing import CliRunner

from umi_cloud.commands.evaluate import command
from umi_cloud.evaluation import read_predictions
from umi_shared.errors import ConfigError

ROW = {"tools": [{"Name": "weather"}], "reference": "Next: give up.", "predictions": "Next: give up."}
CONVERSATION = {
    "tools": [],
    "conversations": [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "No. Next: give up."}],
}


def written(path, rows):
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def static(*arguments):
    result = CliRunner().invoke(command, ["static", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_conversations_give_the_papers_references(toolbench):
    """The steps of the published conversations are the rows of the published predictions."""
    rows = toolbench / "static_predictions_dev.json"
    assert read_predictions(toolbench / "out_of_domain_dev.json", rows) == read_predictions(rows)


def test_predictions_of_another_file_replace_those_in_the_data(tmp_path):
    """`--predictions` wins."""
    data = written(tmp_path / "data.json", [ROW])
    predictions = written(tmp_path / "predictions.json", [{"predictions": "Next: conclusion."}])
    assert [row.prediction for row in read_predictions(data, predictions)] == ["Next: conclusion."]


@pytest.mark.parametrize(
    ("data", "predictions", "reason"),
    [
        ([{**ROW, "predictions": None}], None, "data.json: row 1 has no text 'predictions'"),
        ([ROW, {**ROW, "reference": 7}], None, "data.json: row 2 has no text 'reference'"),
        ([ROW, {**ROW, "tools": [{}]}], None, "data.json: row 2 has no tools"),
        ([CONVERSATION], None, "data.json holds no predictions"),
        ([], [], "data.json holds no step"),
        ([ROW], [], "predictions.json has 0 rows for 1 steps"),
        ([ROW], [{**ROW, "reference": "another"}], "predictions.json: row 1 is about another step"),
        ([CONVERSATION], [{}], "predictions.json: row 1 has no text 'predictions'"),
        ([{"instruction": "Hi"}], [], "data.json: row 1"),
    ],
)
def test_a_bad_file_is_named(tmp_path, data, predictions, reason):
    """The error says which file and which row."""
    other = None if predictions is None else written(tmp_path / "predictions.json", predictions)
    with pytest.raises(ConfigError, match=reason):
        read_predictions(written(tmp_path / "data.json", data), other)


def test_the_command_prints_the_papers_numbers(toolbench):
    """One JSON object with the names of the paper's metric file."""
    expected = json.loads((toolbench / "static_metrics_dev.json").read_text(encoding="utf-8"))
    printed = json.loads(static("--data", toolbench / "static_predictions_dev.json", "--json"))
    assert printed == pytest.approx(expected, abs=1e-9, rel=0)


def test_the_command_prints_a_table_for_people(tmp_path):
    """The paper's names, in percent."""
    printed = static("--data", written(tmp_path / "data.json", [ROW]))
    assert printed.startswith("Steps                      1\n")
    assert "Plan ACC              100.00 %" in printed
