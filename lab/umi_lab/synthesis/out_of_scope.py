"""Requests out of scope: no tool of any catalogue here is for them, and one honest sentence says so."""

import random

from umi_lab.synthesis.data_file import read_data, texts
from umi_lab.synthesis.phrasings import phrasings_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.refusals import refusal_without
from umi_lab.synthesis.script import GiveUp, Script, ScriptContext, Use
from umi_lab.synthesis.switches import Switch
from umi_lab.synthesis.task import Task

__all__ = ["out_of_scope_task", "refused"]

_ASKS = texts(read_data("out_of_scope"))


_KINDS = {
    "contacts": "contacts", "calendar": "the calendar", "mail": "mail", "notes": "notes", "files": "files",
}  # fmt: skip


def out_of_scope_task(draw: Draw) -> Task:
    """A request that the planner gives up on at once; with `peoples_words` in people's words, and in many."""
    varied = draw.has(Switch.PEOPLES_WORDS) and not draw.held_out
    text = draw.rng.choice(phrasings_of("no_tool")) if varied and draw.chance(0.7) else draw.one(_ASKS)
    written = varied or text[:1].isupper()
    return refused(text if written else text[:1].upper() + text[1:], draw.rng.random() if varied else None)


def refused(text: str, number: float | None) -> Task:
    """A request that the planner gives up on at once; `number` chooses the words, and None has always the same."""

    def script(context: ScriptContext) -> Script:
        kinds = dict.fromkeys(tool.partition(".")[0] for tool in sorted(context.tools))
        there = tuple(_KINDS[kind] for kind in kinds if kind in _KINDS)
        if number is None:
            return GiveUp("No tool here can do this.")
        return GiveUp(refusal_without(random.Random(number), there))  # noqa: S311  # no secret
        yield Use("")  # makes it a generator, as every script is

    return Task(instruction=text, script=script)
