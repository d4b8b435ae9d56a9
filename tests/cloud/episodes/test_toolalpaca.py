"""ToolAlpaca's evaluation file: what is in it, and nothing that is not."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from umi_cloud.episodes import Episode, read_episodes
from umi_cloud.evaluation.predictor import questions
from umi_shared.errors import ConfigError
from umi_shared.handles import render
from umi_shared.transcript import Call, Instruction, Plan


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads((shared_data / "toolalpaca" / "eval_simulated.json").read_text())
    return read


@pytest.fixture(scope="module")
def episodes(shared_data: Path) -> list[Episode]:
    return list(read_episodes(shared_data / "toolalpaca" / "eval_simulated.json"))


def test_every_request_and_every_golden_call_is_there(
    rows: list[dict[str, Any]], episodes: list[Episode]
) -> None:
    """Word for word, with the licence and the source."""
    requests = [request for row in rows for request in row["Instructions"]]
    golden = [
        [(call["Action"], call["Action_Input"]) for call in calls]
        for row in rows
        for calls in row["Golden_Answers"]
    ]
    assert len(requests) == 100
    assert [render(episode.instruction) for episode in episodes] == requests
    assert [
        [(turn.tool, render(turn.arguments)) for turn in episode.turns if isinstance(turn, Call)]
        for episode in episodes
    ] == golden
    assert {(episode.source, episode.licence) for episode in episodes} == {("toolalpaca", "Apache-2.0")}


def test_nothing_is_made_up(episodes: list[Episode]) -> None:
    """No results and no answers; plans without a word."""
    kinds = {type(turn) for episode in episodes for turn in episode.turns}
    assert kinds == {Instruction, Plan, Call}
    assert not any(turn.rationale for episode in episodes for turn in episode.turns if isinstance(turn, Plan))


def test_each_tool_has_its_arguments(rows: list[dict[str, Any]], episodes: list[Episode]) -> None:
    """The names and the required ones of the documentation, for every tool of every API."""
    starts = itertools.accumulate((len(row["Instructions"]) for row in rows[:-1]), initial=0)
    for start, row in zip(starts, rows, strict=True):
        paths = json.loads(row["Documentation"])["paths"]
        catalogue = episodes[start].catalogue
        assert [card.name for card in catalogue] == list(row["Function_Projection"])
        for card in catalogue:
            path, method = row["Function_Projection"][card.name]
            parameters = paths[path][method].get("parameters", [])
            assert {one["name"] for one in parameters if "name" in one} <= set(
                card.input_schema["properties"]
            )
            required = {one["name"] for one in parameters if one.get("required") and "name" in one}
            if row["Name"] != "Améthyste":  # whose two documents disagree
                assert required <= set(card.input_schema.get("required", ()))


def test_types_and_choices_are_read(episodes: list[Episode]) -> None:
    cards = {card.name: card for episode in episodes for card in episode.catalogue}
    search = cards["searchAxolotlImages"].input_schema["properties"]
    assert search["size"]["enum"] == ["small", "medium", "large"]
    assert search["page"]["type"] == "integer"
    assert cards["reportAbusiveIP"].input_schema["properties"]["categories"]["type"] == "array"


def test_only_the_first_call_of_a_request_is_asked_for(episodes: list[Episode]) -> None:
    """What later ones depend on is not recorded."""
    asked = [questions(number, episode) for number, episode in enumerate(episodes)]
    assert [len(one) for one in asked] == [1] * len(episodes)
    assert asked[0][0].reference.endswith("caller: Action: getRandomAxolotlImage\nAction Input: {}</s>")


def test_a_row_of_another_shape_is_named(tmp_path: Path) -> None:
    path = tmp_path / "eval.json"
    path.write_text(json.dumps([{"Golden_Answers": [], "Instructions": ["Hi"], "Function_Projection": {}}]))
    with pytest.raises(
        ConfigError, match=r"eval.json: row 1 is not an API of ToolAlpaca \('Function_Description' is"
    ):
        list(read_episodes(path))
