"""A person at the terminal replies to a question; nobody else does."""

import io

from umi_edge.terminal.replies import TerminalReplies
from umi_edge.terminal.stdin import TypedLines
from umi_shared.screen.console import Screen


def replies(line: str, *, there: bool = True, shown: bool = False) -> tuple[TerminalReplies, io.StringIO]:
    written = io.StringIO()
    lines = TypedLines(read=lambda: line, discard=lambda: there, moment=0)
    return TerminalReplies(Screen(file=written, width=200), lines, shown=shown), written


async def test_the_line_that_is_typed_is_the_reply():
    asking, written = replies("the second one\n")
    assert await asking.reply("Which Martin?") == "the second one\n"
    assert "Asked: Which Martin?" in written.getvalue()
    assert "the planner reads" in written.getvalue()


async def test_a_question_that_was_streamed_is_not_shown_twice():
    asking, written = replies("x\n", shown=True)
    await asking.reply("Which Martin?")
    assert "Which Martin?" not in written.getvalue()


async def test_what_a_pipe_holds_is_no_reply():
    asking, _ = replies("the second one\n", there=False)
    assert await asking.reply("Which Martin?") == ""


async def test_a_planners_question_writes_nothing_but_text():
    asking, written = replies("x\n")
    await asking.reply("[bold]Which\x1b[31m?[/bold]")
    assert "[bold]Which\\x1b[31m?[/bold]" in written.getvalue()
