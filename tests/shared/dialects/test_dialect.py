"""What all dialects have in common: what a call repeats, and how a role's prompt becomes a request."""

from dataclasses import replace

import pytest

from umi_shared.dialects import Dialect, dialect_named
from umi_shared.engine import Generation, Regex
from umi_shared.handles import Handle
from umi_shared.transcript import Call, Instruction, Next, Observation, Plan, ToolCard, View

VIEW = View(
    catalogue=(ToolCard(name="notes.read", description=("Read a note.",), input_schema={"type": "object"}),),
    entries=(
        Instruction(("Read what ", Handle("person", 1), " wrote of the orchard.")),
        Plan(("To find it, use notes.search.",), Next.CALLER, "notes.search"),
        Call("notes.search", ('{"query":"apples"}',)),
        Observation("notes.search", ("found: pears",)),
        Plan(("To read it, use notes.read.",), Next.CALLER, "notes.read"),
    ),
)


@pytest.fixture(params=["umi", "chat", "alpha-umi"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return dialect_named(request.param)


def test_a_call_repeats_what_the_user_and_the_tools_said_and_nothing_else(dialect: Dialect) -> None:
    """Words of plans, of calls and of the catalogue are the models' own; a handle is no word."""
    assert dialect.call(VIEW).repeats == "Read what \n wrote of the orchard.\nfound: pears"
    assert dialect.plan(VIEW).repeats == dialect.answer(VIEW).repeats == ""


def test_a_session_that_has_not_begun_can_be_rendered(dialect: Dialect) -> None:
    """The catalogue alone is what devices may share a cache of."""
    assert dialect.plan(replace(VIEW, entries=())).prompt
    assert dialect.answer(replace(VIEW, entries=())).prompt


def test_a_request_has_all_that_its_prompt_says(dialect: Dialect) -> None:
    asked = dialect.call(VIEW)
    assert asked.generation() == Generation(
        prompt=asked.prompt,
        constraint=asked.constraint,
        stop=asked.stop,
        max_tokens=asked.max_tokens,
        likely_start=asked.likely_start,
        repeats=asked.repeats,
    )
    made = asked.generation(constraint=Regex("a"), max_tokens=7, adapter="caller", session="s")
    assert (made.constraint, made.max_tokens, made.adapter, made.session) == (Regex("a"), 7, "caller", "s")
    assert dialect.plan(VIEW).generation().constraint == dialect.plan(VIEW).constraint is not None
