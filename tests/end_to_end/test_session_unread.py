"""What a tool could not read is said by the device itself, to the user alone."""

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.session.events import Answered, AnswerStreamed
from umi_edge.tools.outcome import Lost, Partial

POLICY = "tools: {data.get: {runs: device, results: {$: cloud}}}"
PLANS = [plan("To see, use data.get."), plan("That is all.", "summarizer"), "You have nothing."]
CALLS = [("data.get", "{}")]


async def test_an_answer_ends_with_what_could_not_be_read_and_none_of_it_leaves(tmp_path):
    lost = (Lost("SECRET-CANARY.ics", "the entry is cut off"), Lost("SECRET-CANARY.ics", "it is no calendar"))
    tools = [tool_of("data.get", lambda _: Partial([], lost))]
    plans = [*PLANS, plan("Nothing more.", "summarizer"), "Still nothing."]
    async with world(tmp_path, plans=plans, calls=CALLS, tools=tools, policy=POLICY) as w:
        ending = await w.session.ask("Look.")
        assert await w.session.ask("And now?") == Answered("Still nothing.")
    told = (
        "You have nothing.\nNot everything could be read: the entry is cut off (in SECRET-CANARY.ics); "
        "it is no calendar (in SECRET-CANARY.ics)."
    )
    assert ending == Answered(told)
    assert "".join(event.text for event in w.events if isinstance(event, AnswerStreamed)).startswith(told)
    assert b"SECRET-CANARY" not in w.capture.bytes_out


async def test_an_answer_is_as_it_was_where_all_was_read(tmp_path):
    tools = [tool_of("data.get", lambda _: Partial([], ()))]
    async with world(tmp_path, plans=PLANS, calls=CALLS, tools=tools, policy=POLICY) as w:
        assert await w.session.ask("Look.") == Answered("You have nothing.")
