"""An agent under static evaluation: what it is asked, what is made of its words, what is counted."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_cloud.commands.evaluate import command
from umi_cloud.engines.errors import PromptTooLongError
from umi_cloud.episodes import Episode, read_episodes
from umi_cloud.evaluation.agent import Agent
from umi_cloud.evaluation.predictor import predict, predictions_of, questions, rows_in_order, sampled
from umi_cloud.evaluation.run_file import RunFile
from umi_cloud.evaluation.static import static_metrics
from umi_shared.dialects import dialect_named
from umi_shared.engine import Chunk, Generation, JsonSchema, RawPrompt
from umi_shared.errors import ConfigError
from umi_shared.testing import ScriptedEngine
from umi_shared.transcript import Answer, Call, Instruction, Next, Observation, Plan, ToolCard

WEATHER = ToolCard(
    name="weather",
    description=("Forecast.",),
    input_schema={"properties": {"city": {"type": "string"}, "days": {"description": "how many"}}},
)
EPISODE = Episode(
    catalogue=(WEATHER,),
    turns=(
        Instruction(("Will it rain in Oslo?",)),
        Plan(("To look, use weather.",), Next.CALLER, "weather"),
        Call("weather", ('{"city":"Oslo"}',)),
        Observation("weather", ("rain " * 300,)),
        Plan(("It is known.",), Next.SUMMARIZER),
        Answer(("Yes, it will.",)),
    ),
    source="test",
    licence="Apache-2.0",
)
RIGHT = [
    "To look, use weather. Next: caller.",
    '{"tool":"weather","arguments":{"city":"Oslo"}}',
    "It is known. Next: summarizer.",
    "Yes, it will.",
]


def agent(engine: ScriptedEngine) -> Agent:
    return Agent(engine, dialect_named("umi"), frozenset({"planner", "caller"}))


async def rows_of(engine: ScriptedEngine, episode: Episode = EPISODE) -> list[dict]:
    return [row async for rows in predict(agent(engine), {0: episode}, jobs=1) for row in rows]


async def test_right_words_score_in_full():
    """The whole way: prompts, words, the paper's text, its scorer."""
    engine = ScriptedEngine(RIGHT)
    rows = await rows_of(engine)
    metrics = static_metrics(predictions_of(rows))
    assert (metrics.plan_em, metrics.action_em, metrics.f1, metrics.rouge) == pytest.approx((1, 1, 1, 1))
    assert [request.adapter for request in engine.generations] == ["planner", "caller", "planner", ""]
    assert [row["step"] for row in rows] == [1, 4]


async def test_the_caller_is_asked_on_the_planners_own_words_and_may_write_this_tool_only():
    engine = ScriptedEngine(["To guess, use weather. Next: caller.", *RIGHT[1:]])
    await rows_of(engine)
    asked = engine.generations[1]
    assert isinstance(asked.prompt, RawPrompt)
    assert "To guess, use weather." in asked.prompt.text
    assert isinstance(asked.constraint, JsonSchema)
    (tool,) = asked.constraint.schema["anyOf"]
    assert tool["properties"]["tool"] == {"const": "weather"}
    arguments = tool["properties"]["arguments"]
    assert arguments["additionalProperties"] is False
    assert arguments["properties"]["days"] == {"type": "string", "maxLength": 480}


async def test_the_caller_is_measured_as_the_laptop_runs_it():
    """With the draft of the call's beginning, and with the words that make a begun word likelier (docs/adr/0010)."""
    engine = ScriptedEngine(RIGHT)
    await rows_of(engine)
    planner, caller, later_planner, summarizer = engine.generations
    assert caller.likely_start == '{"tool":"weather","arguments":{"'
    assert caller.repeats == "Will it rain in Oslo?"
    assert not planner.repeats + later_planner.repeats + summarizer.repeats


@pytest.mark.parametrize(
    ("said", "plan_right"),
    [(["nothing to read"], 0.5), (["Give it up. Next: give up."], 0.5), ([RIGHT[0], "no call"], 1.0)],
)
async def test_what_cannot_be_read_is_wrong_and_does_not_stop_the_rest(said, plan_right):
    """A planner without a decision, a give-up where a call was right, a caller without a call."""
    rows = await rows_of(ScriptedEngine([*said, *RIGHT[2:]]))
    metrics = static_metrics(predictions_of(rows))
    assert metrics.action_em == 0
    assert metrics.rouge == pytest.approx(1)
    # The scorer takes what decides nothing for a call; its reference is one here.
    assert metrics.plan_em == (1.0 if said == ["nothing to read"] else plan_right)


class Narrow(ScriptedEngine):
    """An engine whose context holds so many characters."""

    room = 1000

    async def generate(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        assert isinstance(generation.prompt, RawPrompt)
        if len(generation.prompt.text) > self.room:
            raise PromptTooLongError(len(generation.prompt.text), self.room)
        async for chunk in super().generate(generation):
            yield chunk


async def test_results_are_cut_until_they_fit_and_the_cut_is_counted():
    rows = await rows_of(Narrow(RIGHT))
    assert [row["cut"] for row in rows] == [0, 1000]
    assert not any(row["unanswered"] for row in rows)


async def test_a_step_that_does_not_fit_at_all_is_counted_and_wrong(monkeypatch):
    monkeypatch.setattr(Narrow, "room", 10)
    rows = await rows_of(Narrow([]))
    assert [(row["unanswered"], row["predictions"]) for row in rows] == [(True, ""), (True, "")]


def test_the_sample_is_the_seeds():
    assert sampled(200, 20, 1) == sampled(200, 20, 1) != sampled(200, 20, 2)
    assert sampled(5, 9, 1) == [0, 1, 2, 3, 4]


def test_the_published_conversations_are_asked_for_all_their_steps(toolbench):
    """As many steps as the paper's references have."""
    data = toolbench / "out_of_domain_dev.json"
    asked = [one for number, episode in enumerate(read_episodes(data)) for one in questions(number, episode)]
    references = json.loads((toolbench / "static_predictions_dev.json").read_text(encoding="utf-8"))
    assert [one.reference for one in asked] == [row["reference"] for row in references]


def test_of_two_rows_for_one_step_the_last_counts():
    rows = [
        {"conversation": 1, "step": 1, "n": 1},
        {"conversation": 0, "step": 4},
        {"conversation": 1, "step": 1, "n": 2},
    ]
    assert rows_in_order(rows) == [{"conversation": 0, "step": 4}, {"conversation": 1, "step": 1, "n": 2}]


@pytest.mark.model
@pytest.mark.timeout(600)
def test_the_command_asks_the_real_model_and_goes_on_where_it_stopped(
    smollm2: Path, tmp_path: Path, toolbench
):
    """One conversation, base model, chat dialect; what is there is not asked again."""
    rows = json.loads((toolbench / "out_of_domain_dev.json").read_text(encoding="utf-8"))
    short = min(rows, key=lambda row: len(json.dumps(row)))
    data, out = tmp_path / "data.json", tmp_path / "rows.jsonl"
    data.write_text(json.dumps([short] * 2), encoding="utf-8")
    arguments = [
        "static",
        "--data",
        str(data),
        "--model",
        str(smollm2),
        "--limit",
        "1",
        "--out",
        str(out),
        "--json",
    ]
    first = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert first.exit_code == 0, first.output
    kept = RunFile.read(out)
    assert len(kept.rows) == json.loads(first.stdout)["steps"] > 0
    assert kept.header.dialect == "chat"
    assert kept.header.options["limit"] == 1
    again = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert RunFile.read(out).rows == kept.rows


def test_another_packages_command_is_one_of_evaluate(monkeypatch):
    """The laboratory's commands come by entry points, and are imported when they run."""
    from importlib.metadata import EntryPoint

    point = EntryPoint("closed-loop", "umi_lab.commands.closed_loop:command", "umi_cloud.evaluate")
    monkeypatch.setattr("umi_cloud.commands.evaluate.entry_points", lambda group: [point])
    listed = CliRunner().invoke(command, ["--help"], catch_exceptions=False)
    assert "closed-loop" in listed.output
    helped = CliRunner().invoke(command, ["closed-loop", "--help"], catch_exceptions=False)
    assert "--in-clear" in helped.output
    assert CliRunner().invoke(command, ["nothing"]).exit_code == 2


@pytest.mark.parametrize("name", ["closed-loop", "cost", "natural"])
def test_without_the_laboratory_its_commands_say_what_to_install(monkeypatch, name: str):
    monkeypatch.setattr("umi_cloud.commands.evaluate.entry_points", lambda group: [])
    assert name in CliRunner().invoke(command, ["--help"], catch_exceptions=False).output
    assert "umi-lab" in CliRunner().invoke(command, [name, "--help"], catch_exceptions=False).output
    ran = CliRunner().invoke(command, [name, "--count", "3", "--json"])
    assert isinstance(ran.exception, ConfigError)
    assert "umi-lab" in ran.exception.message
    assert "pip install" in ran.exception.fix
