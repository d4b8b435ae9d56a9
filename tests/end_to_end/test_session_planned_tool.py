"""The caller does what was planned: the planned tool and no other; unplanned, nothing changes without the user."""

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.policy.hints import Hints
from umi_edge.session.consent import DeclineAll
from umi_edge.session.events import Answered, Asked

READS = Hints(read_only=True)
RULES = "tools: {'data.*': {runs: device, confirm: never, results: {'$': cloud}}}"


def tools(done):
    return [
        tool_of("data.find", lambda _: done.append("find") or "found", hints=READS),
        tool_of("data.add", lambda _: done.append("add") or "added"),
    ]


async def test_a_call_of_another_tool_than_the_planned_one_is_not_made(tmp_path):
    done = []
    plans = [plan("To look, use data.find."), plan("Done.", "summarizer"), "Not found."]
    async with world(tmp_path, plans=plans, calls=[("data.add", "{}")], tools=tools(done), policy=RULES) as w:
        assert await w.session.ask("Look it up.") == Answered("Not found.")
    assert done == []
    assert w.results == ["invalid-call"]


async def test_the_callers_grammar_holds_the_planned_tool_alone(tmp_path):
    done = []
    plans = [plan("To look, use data.find."), plan("Done.", "summarizer"), "Found."]
    async with world(
        tmp_path, plans=plans, calls=[("data.find", "{}")], tools=tools(done), policy=RULES
    ) as w:
        await w.session.ask("Look it up.")
    assert [set(schemas) for schemas in w.caller.schemas] == [{"data.find"}]
    assert done == ["find"]


async def test_a_planner_that_names_no_tool_may_read_and_changes_nothing_unasked(tmp_path):
    done = []
    plans = [
        plan("Look for it first."),
        plan("Then add it."),
        plan("Done.", "summarizer"),
        "Nothing was added.",
    ]
    calls = [("data.find", "{}"), ("data.add", "{}")]
    async with world(
        tmp_path, plans=plans, calls=calls, tools=tools(done), policy=RULES, consent=DeclineAll()
    ) as w:
        await w.session.ask("Look it up.")
    assert done == ["find"]
    assert w.results == ["done", "declined"]
    assert [(one.tool, one.approved) for one in w.of(Asked)] == [("data.add", False)]
    assert all(set(schemas) == {"data.find", "data.add"} for schemas in w.caller.schemas)
