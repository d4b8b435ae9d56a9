"""Requests out of scope: no tool of any catalogue here is for them, and one honest sentence says so."""

from umi_lab.synthesis.data_file import read_data, texts
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import GiveUp, Script, ScriptContext, Use
from umi_lab.synthesis.task import Task

__all__ = ["out_of_scope_task"]

_ASKS = texts(read_data("out_of_scope"))


def out_of_scope_task(draw: Draw) -> Task:
    """A request that the planner gives up on at once."""
    text = draw.one(_ASKS)

    def script(context: ScriptContext) -> Script:
        del context
        return GiveUp("No tool here can do this.")
        yield Use("")  # makes it a generator, as every script is

    return Task(instruction=text[:1].upper() + text[1:], script=script)
