"""The workload: the same for every contender, laid out as in a real session, nothing private in it."""

import asyncio
import itertools

import pytest

from umi_lab.bench.free_tokens import free_tokens
from umi_lab.bench.workload import CALLS, call_schema, chat_turns, peer_call, record_session
from umi_shared.dialects import dialect_named
from umi_shared.llama import Weights
from umi_shared.wire import WireLimits, read_request

UMI = dialect_named("umi")


@pytest.fixture(scope="module")
def recorded():
    return asyncio.run(record_session(0))


def test_a_session_has_eight_calls_whose_prompts_only_grow(recorded):
    prompts = [UMI.call(step.view).prompt.text for step in recorded.steps]
    assert len(prompts) == len(CALLS) == 8
    for before, after in itertools.pairwise(prompts):
        assert after.startswith(before)


def test_the_same_number_gives_the_same_session_and_another_differs_at_once(recorded):
    again, other = (asyncio.run(record_session(number)) for number in (0, 1))
    assert again == recorded
    first, second = (UMI.call(session.steps[0].view).prompt.text for session in (recorded, other))
    tools = first.index("<|im_start|>user")
    assert first[:tools] == second[:tools]
    assert first[tools:].partition(":")[0] != second[tools:].partition(":")[0]


def test_peers_get_umis_prompt_word_for_word_as_text_and_as_turns(recorded):
    step = recorded.steps[-1]
    call = peer_call(step, UMI, 96)
    rebuilt = "".join(f"<|im_start|>{t['role']}\n{t['content']}<|im_end|>\n" for t in call["messages"])
    assert f"{rebuilt}<|im_start|>caller\n" == call["text"] == UMI.call(step.view).prompt.text
    assert call["schema"] == call_schema(UMI, step.schemas)
    assert "email:1" in str(call["schema"])
    assert "email:1" not in str(peer_call(step, UMI, 96, plain=True)["schema"])
    assert chat_turns(dialect_named("chat").call(step.view).prompt)[0]["role"] == "system"


def test_requests_hold_the_views_and_nothing_private(recorded):
    for step in recorded.steps:
        assert read_request(step.message, WireLimits()).view == step.seen
        assert b"Martin" not in step.message
        assert b"example.com" not in step.message


@pytest.mark.model
def test_free_tokens_are_those_that_the_grammar_leaves_open(smollm2):
    weights = Weights.load(smollm2)
    try:
        fixed = {"type": "object", "properties": {"tool": {"const": "mail.send"}}, "required": ["tool"],
                 "additionalProperties": False}  # fmt: skip
        free, tokens = free_tokens(weights, fixed, '{"tool":"mail.send"}')
        assert (free, tokens > 3) == (0, True)
        choice = {**fixed, "properties": {"tool": {"enum": ["mail.send", "notes.read"]}}}
        assert free_tokens(weights, choice, '{"tool":"mail.send"}')[0] == 1
        text = {**fixed, "properties": {"tool": {"type": "string", "maxLength": 99}}}
        assert free_tokens(weights, text, '{"tool":"a word or two of text"}')[0] >= 6
    finally:
        weights.close()
