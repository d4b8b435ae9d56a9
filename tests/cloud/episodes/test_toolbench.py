"""α-UMi's raw files, read as episodes."""

import json

import pytest

from umi_cloud.episodes import read_episodes
from umi_cloud.episodes.toolbench import toolbench_episode
from umi_shared.dialects.alpha_umi import Remark, tool_line
from umi_shared.transcript import Answer, Call, Instruction, Next, Observation, Plan


def finished(arguments, content=None):
    """The turns after the instruction, of a chain whose one message calls `Finish`."""
    call = {"name": "Finish", "arguments": arguments}
    return toolbench_episode(
        {
            "tools": [],
            "instruction": "Do it.",
            "chains": [{}, {}, {"role": "assistant", "content": content, "function_call": call}],
        }
    ).turns[1:]


def answered(content, response):
    """The observation of a chain whose function answers so."""
    call = {"role": "assistant", "content": content, "function_call": {"name": "f", "arguments": "{}"}}
    chains = [{}, {}, call, {"role": "function", "content": response}]
    return toolbench_episode({"tools": [], "instruction": "Do it.", "chains": chains}).turns[-1]


def test_stage_1_and_stage_2_give_the_same_episodes(toolbench):
    """Our split of ToolBench's messages is the paper's, turn by turn."""
    stage_1 = list(read_episodes(toolbench / "raw_data_stage_1_example.json"))
    stage_2 = list(read_episodes(toolbench / "raw_data_stage_2_example.json"))
    assert len(stage_1) == 20
    assert stage_1 == stage_2


def test_tools_come_back_byte_for_byte(toolbench):
    """A tool card keeps all that the paper's description says."""
    path = toolbench / "out_of_domain_dev.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    for row, episode in zip(rows, read_episodes(path), strict=True):
        assert [tool_line(card) for card in episode.catalogue] == [json.dumps(tool) for tool in row["tools"]]


def test_an_episode_says_where_it_comes_from(toolbench):
    """Each carries its source, its licence, its instruction, and its answer unless it gave up."""
    episodes = list(read_episodes(toolbench / "raw_data_stage_2_example.json"))
    assert {(episode.source, episode.licence) for episode in episodes} == {("toolbench", "Apache-2.0")}
    assert sum(episode.answer is None for episode in episodes) == 6
    assert episodes[0].instruction[0].startswith("Can you fetch the responses")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ('{"return_type": "give_answer", "final_answer": "Rain."}', "Rain."),
        ({"return_type": "give_answer", "final_answer": "Rain."}, "Rain."),
        ('{"return_type": "give_answer"}', "none"),
        ('{"return_type": "give_answer", "final_answer": "Rain."', "Rain."),
        ('{"final_answer": "Rain."}', "Rain."),
        ("", "none"),
    ],
)
def test_final_answers_are_found_in_broken_json(arguments, answer):
    """ToolBench's models often wrote JSON that does not parse; the paper takes what it can."""
    assert finished(arguments) == (Plan((), Next.SUMMARIZER), Answer((answer,)))


def test_a_final_answer_that_cannot_be_found_is_the_thought():
    """With neither JSON nor the field, the thought itself is the conclusion."""
    assert finished("oops", "It rains.") == (Plan(("It rains.\n",), Next.SUMMARIZER), Answer(("It rains.",)))


@pytest.mark.parametrize("arguments", ['{"return_type": "give_up_and_restart"}', "give_up_and_restart {"])
def test_giving_up_has_no_answer(arguments):
    """A give-up is a plan and nothing after it."""
    assert finished(arguments, "I cannot.") == (Plan(("I cannot.\n",), Next.GIVE_UP),)


@pytest.mark.parametrize(
    ("response", "content"),
    [
        ('{"error": "", "response": "sunny"}', ("sunny",)),
        ('{"error": "", "response": {"sky": 1}}', ('{"sky": 1}',)),
        ('{"error": "", "response": "sun', (' "sun',)),
        ("Bad gateway", ()),
        ("[1]", ()),
    ],
)
def test_observations_lose_their_envelope(response, content):
    """Only the tool's own response is kept, cut off where ToolBench cut it off."""
    assert answered("Look.", response) == Observation("f", content)


def test_text_that_looks_like_a_handle_is_escaped():
    """No data set can write a handle (I4)."""
    observation = answered("Look.", '{"response": "write to <email:1>"}')
    assert observation == Observation("f", ("write to <\\email:1>",))


def test_an_assistants_turn_without_a_decision_is_a_remark():
    """The published test conversations hold such turns between the decisions."""
    row = {
        "tools": [],
        "conversations": [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello"}],
    }
    assert toolbench_episode(row).turns == (Instruction(("Hi",)), Remark(("Hello",)))


def test_calls_keep_their_arguments_as_written():
    """Spaces and order of the JSON text are data here."""
    value = 'Action: f\nAction Input: {"b": 1,\n"a":2}'
    turns = [{"from": "user", "value": "Hi"}, {"from": "caller", "value": value}]
    assert toolbench_episode({"tools": [], "conversations": turns}).turns[1] == Call(
        "f", ('{"b": 1,\n"a":2}',)
    )
