"""A change that failed is never told as done: the device says so before any model's word, to the user alone."""

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.session.events import Answered, AnswerStreamed
from umi_edge.tools.outcome import FailureKind, ToolFailure

POLICY = "tools: {door.open: {runs: device, results: {$: cloud}}}"
PLANS = [plan("To open it, use door.open."), plan("The door is open.", "summarizer"), "It is open."]


def opens(*, fails: int):
    tries = iter(range(10))

    def run(_):
        if next(tries) < fails:
            raise ToolFailure(FailureKind.NOT_FOUND, "no door in SECRET-CANARY")
        return "open"

    return tool_of("door.open", run, source="builtin")


async def test_an_answer_begins_with_what_was_not_done_and_why(tmp_path):
    plans = [*PLANS, plan("It is open.", "summarizer"), "Still open."]
    calls = [("door.open", "{}")]
    async with world(tmp_path, plans=plans, calls=calls, tools=[opens(fails=1)], policy=POLICY) as w:
        ending = await w.session.ask("Open the door.")
        assert await w.session.ask("And now?") == Answered("Still open.")  # of that instruction alone
    note = "Not done: door.open, since what it was to change is not there (no door in SECRET-CANARY).\n\n"
    assert ending == Answered(f"{note}It is open.", undone=("door.open",))
    assert "".join(event.text for event in w.events if isinstance(event, AnswerStreamed)).startswith(note)
    assert b"SECRET-CANARY" not in w.capture.bytes_out
    assert b"Not done" not in w.capture.bytes_out


async def test_what_was_done_at_the_second_try_is_done(tmp_path):
    plans = [PLANS[0], PLANS[0], *PLANS[1:]]
    calls = [("door.open", "{}"), ("door.open", "{}")]
    async with world(tmp_path, plans=plans, calls=calls, tools=[opens(fails=1)], policy=POLICY) as w:
        assert await w.session.ask("Open the door.") == Answered("It is open.")
