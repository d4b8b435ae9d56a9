"""The roles' cores, without gRPC."""

from contextlib import aclosing

import pytest

from umi_cloud.model_role import RoleLimits
from umi_cloud.planner import Planner
from umi_cloud.summarizer import Summarizer
from umi_shared.dialects import dialect_named
from umi_shared.engine import JsonSchema, Regex
from umi_shared.errors import MalformedError
from umi_shared.testing import Ending, Reply, ScriptedEngine
from umi_shared.transcript import AnswerDelta, Decision, Next, RationaleDelta, Usage

UMI, CHAT = dialect_named("umi"), dialect_named("chat")
CALLER = "To find <person:1>, use contacts.search. Next: caller."
CHAT_CALLER = '{"rationale":"Find <person:1> first.","next":"caller","tool":"contacts.search"}'


@pytest.mark.parametrize(
    ("dialect", "text", "rationale"),
    [
        (UMI, CALLER, "To find <person:1>, use contacts.search."),
        (CHAT, CHAT_CALLER, "Find <person:1> first."),
    ],
    ids=["umi", "chat"],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_a_plan_is_the_same_however_the_engine_cuts_its_text(view, dialect, text, rationale, size):
    planner = Planner(ScriptedEngine([Reply(text=text, piece_characters=size)]), dialect)
    *deltas, decision, usage = [event async for event in planner.plan(view, "s")]
    assert "".join(delta.text for delta in deltas if isinstance(delta, RationaleDelta)) == rationale
    assert decision == Decision(Next.CALLER, "contacts.search")
    assert isinstance(usage, Usage)


async def test_the_engine_gets_the_dialects_constraint_and_the_smaller_token_bound(view):
    engine = ScriptedEngine([CALLER, CHAT_CALLER])
    limits = RoleLimits(output_tokens=99)
    assert [event async for event in Planner(engine, UMI, "planner", limits).plan(view, "s")]
    assert [event async for event in Planner(engine, CHAT, "planner", limits).plan(view, "s")]
    first, second = engine.generations
    assert isinstance(first.constraint, Regex)
    assert isinstance(second.constraint, JsonSchema)
    assert (first.max_tokens, second.max_tokens) == (99, 99)
    assert (first.session, first.adapter) == ("s", "planner")


async def test_a_plan_that_ends_at_the_token_limit_undecided_names_the_limit(view):
    planner = Planner(ScriptedEngine([Reply(text="To go and", ending=Ending.LENGTH)]), UMI)
    with pytest.raises(MalformedError, match="320 tokens"):
        assert [event async for event in planner.plan(view)]


async def test_a_decision_that_was_just_in_time_counts(view):
    planner = Planner(ScriptedEngine([Reply(text=CALLER, ending=Ending.LENGTH)]), UMI)
    events = [event async for event in planner.plan(view)]
    assert Decision(Next.CALLER, "contacts.search") in events


async def test_an_engine_that_writes_for_ever_is_stopped(view):
    engine = ScriptedEngine([Reply(text="on ", ending=Ending.REPEAT)])
    planner = Planner(engine, UMI, limits=RoleLimits(output_characters=100))
    with pytest.raises(MalformedError, match="100 characters"):
        assert [event async for event in planner.plan(view)]
    assert (engine.running, engine.stopped) == (0, 1)


async def test_closing_a_plan_stops_the_engine(view):
    engine = ScriptedEngine([Reply(text="To find <person:1>, use", ending=Ending.HANG)])
    async with aclosing(Planner(engine, UMI).plan(view)) as plan:
        assert await anext(plan)
        assert engine.running == 1
    assert (engine.running, engine.stopped) == (0, 1)


async def test_a_summary_that_is_cut_is_still_one(view):
    engine = ScriptedEngine([Reply(text="I wrote to", ending=Ending.LENGTH)])
    events = [event async for event in Summarizer(engine, UMI).summarize(view)]
    assert "".join(event.text for event in events if isinstance(event, AnswerDelta)) == "I wrote to"
    assert isinstance(events[-1], Usage)


async def test_an_empty_summary_is_an_error(view):
    with pytest.raises(MalformedError, match="nothing"):
        assert [event async for event in Summarizer(ScriptedEngine([" \n"]), UMI).summarize(view)]


THOUGHT = 'He wants <person:1>. {"rationale":"secretly","next":"give up"} would do.'
THINKING = [
    f"<think>{THOUGHT}</think>\n\n",
    f"<thinking>\n{THOUGHT}\n</thinking>",
    f"{THOUGHT}</think>",
    "\n <think></think>",
]


@pytest.mark.parametrize("thought", THINKING)
@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_a_models_thoughts_are_no_part_of_its_decision(view, thought, size):
    planner = Planner(ScriptedEngine([Reply(text=thought + CHAT_CALLER, piece_characters=size)]), CHAT)
    *deltas, decision, _ = [event async for event in planner.plan(view, "s")]
    assert (
        "".join(delta.text for delta in deltas if isinstance(delta, RationaleDelta))
        == "Find <person:1> first."
    )
    assert decision == Decision(Next.CALLER, "contacts.search")


@pytest.mark.parametrize("thought", [one for one in THINKING if one.lstrip().startswith("<")])
@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_a_models_thoughts_are_no_part_of_its_answer(view, thought, size):
    said = "It is at 5, < 6 <think> no more."
    summarizer = Summarizer(ScriptedEngine([Reply(text=thought + said, piece_characters=size)]), CHAT)
    deltas = [event async for event in summarizer.summarize(view) if isinstance(event, AnswerDelta)]
    assert "".join(delta.text for delta in deltas) == said


async def test_thoughts_without_an_end_are_no_answer(view):
    summarizer = Summarizer(ScriptedEngine(["<think>I wonder"]), CHAT)
    with pytest.raises(MalformedError, match="wrote nothing"):
        assert [event async for event in summarizer.summarize(view)]
