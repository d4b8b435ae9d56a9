"""Requests that no built-in tool does, by what they would need (`data/everyday_refusals.yaml`).

The plan begins alike whether it can be done or not: "To order food, use …" or "To order food I would need a tool". So a
planner says what is needed, and then looks for it in the catalogue, whose names tell nothing by themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from umi_lab.synthesis.data_file import read_data, texts
from umi_lab.synthesis.families.called_events import name_of
from umi_lab.synthesis.families.everyday_words import told_now
from umi_lab.synthesis.families.questions import said_loosely
from umi_lab.synthesis.home import Home, clock_of, topic_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, GiveUp, Script, ScriptContext, UnseenError, Use
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.toy_tools import ToyTool

__all__ = ["NEEDS", "Need", "lacking", "need_task"]

_DATA = read_data("everyday_refusals")
_ENDINGS = texts(_DATA["endings"])
_RESULTS = ("done", "ready", "that worked", "12", "at 9 o'clock", "yes", "no", "not before Monday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One kind of request."""

    needs: str
    """What it takes, as it follows "to"."""
    tool: ToyTool
    """A tool that does it: it is given the whole request."""
    like: frozenset[str]
    """Other toy tools that would do it."""
    asks: tuple[str, ...]
    """Ways to ask."""


def _need(entry: Mapping[str, Any]) -> Need:
    return Need(
        needs=entry["needs"],
        tool=ToyTool(
            name=entry["tool"],
            description=entry["does"],
            asks=(),
            values={"request": ()},
            purpose=entry["needs"],
            answer="{result}",
            results=_RESULTS,
            lacking=f"No tool here can {entry['needs']}.",
        ),
        like=frozenset(texts(entry["like"])),
        asks=texts(entry["asks"]),
    )


NEEDS = {one.tool.name: one for one in map(_need, _DATA["kinds"])}
"""By the tool that each needs."""


def need_task(draw: Draw, home: Home, need: Need) -> Task:
    """A request of this kind: carried out where the catalogue has its tool."""
    text = said_loosely(draw, draw.rng.choice(need.asks)).format(
        n=name_of(draw, home), x=topic_of(draw), m=told_now(draw).clause, t=clock_of(draw)
    )
    ending = draw.rng.choice(_ENDINGS)

    def script(context: ScriptContext) -> Script:
        if need.tool.name not in context.tools:
            if need.like & context.tools:
                raise UnseenError("another tool of the catalogue would do it")
            return GiveUp(ending.format(need.needs))
        seen = yield Use(need.tool.name, need.needs, {"request": context.seen(text)})
        if seen.failure:
            return GiveUp(f"The tool failed: {seen.failure}.")
        return Done("That is done.", f"I had it done: {seen.value['result']}.")

    return Task(instruction=text, script=script)


def lacking(draw: Draw, home: Home) -> Task:
    """Ask for what the built-in tools do not do."""
    return need_task(draw, home, draw.rng.choice(list(NEEDS.values())))
