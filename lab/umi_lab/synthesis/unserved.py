"""Unserved requests: what no tool of any catalogue here is for, said in one honest sentence."""

from umi_lab.synthesis.data_file import read_data, texts
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import GiveUp, Script, ScriptContext, Use
from umi_lab.synthesis.task import Task

__all__ = ["unserved_task"]

_ASKS = texts(read_data("unserved"))


def unserved_task(draw: Draw) -> Task:
    """A request that ends at once."""
    text = draw.one(_ASKS)

    def script(context: ScriptContext) -> Script:
        del context
        return GiveUp("No tool here can do this.")
        yield Use("")  # makes it a generator, as every script is

    return Task(instruction=text[:1].upper() + text[1:], script=script)
