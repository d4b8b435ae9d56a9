"""Toy tools: small tools of other kinds than the built-in ones, such as `lights.set`, and the requests for them.

Where the catalogue lacks the tool, the honest answer to such a request is that nothing here can do it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from umi_edge.tools import Tool
from umi_lab.synthesis.data_file import read_data, texts, texts_by_key
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, GiveUp, Script, ScriptContext, Use
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.words import NEVER_AFTER_PLEASE

__all__ = ["MORE_TOY_TOOLS", "NEEDED_TOY_TOOLS", "TOY_TOOLS", "ToyTool", "as_tool", "toy_tool_task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyTool:
    """One small tool and the requests that it serves."""

    name: str
    description: str
    asks: tuple[str, ...]
    """Ways to ask for it, with `{argument}` where the value of an argument goes."""
    values: Mapping[str, tuple[str, ...]]
    """The values that each argument may have."""
    purpose: str
    """What the planner says that it uses the tool for."""
    answer: str
    """What the user is told; `{result}` stands for what the tool gave."""
    results: tuple[str, ...] = ("done",)
    lacking: str
    """What the user is told where the catalogue does not have the tool."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of the arguments, in order; each is a required text."""
        return tuple(self.values)


def _whole(entry: Mapping[str, Any]) -> ToyTool:
    """A tool that its entry describes in full."""
    more = {"results": texts(entry["results"])} if "results" in entry else {}
    return ToyTool(**{**entry, "asks": texts(entry["asks"]), "values": texts_by_key(entry["values"]), **more})


def _short(entry: Mapping[str, Any], values: Mapping[str, tuple[str, ...]]) -> ToyTool:
    """A tool whose entry says the least: it is also asked for by its purpose, and answered by the same words."""
    purpose, asks = entry["purpose"], texts(entry["asks"])
    slots = dict.fromkeys(slot for text in (purpose, *asks) for slot in _slots(text))
    return ToyTool(
        name=entry["name"],
        description=entry["description"],
        asks=(*asks, *asks, f"{purpose}.", f"I need you to {purpose}.", f"{purpose}."),
        values={slot: values[slot] for slot in slots},
        purpose=purpose,
        answer=f"I did {purpose}: {{result}}.",
        results=_SHORT_RESULTS,
        lacking=f"{_LACKING}{entry['lacking']}.",
    )


def _slots(text: str) -> Iterator[str]:
    return (slot for _, slot, _, _ in Formatter().parse(text) if slot)


def _short_ones(name: str) -> tuple[ToyTool, ...]:
    data = read_data(name)
    values = texts_by_key(data["values"])
    return tuple(_short(entry, values) for entry in data["tools"])


_LACKING = "No tool here can "
_SHORT_RESULTS = ("done", "ready", "3 of them", "12", "at 9 o'clock", "yes", "41", "not before Monday")
TOY_TOOLS = tuple(map(_whole, read_data("toy_tools")["tools"]))
"""The last fifth is held out from training."""
MORE_TOY_TOOLS = _short_ones("more_toy_tools")
"""For training alone, with `composed_names`."""
NEEDED_TOY_TOOLS = _short_ones("needed_toy_tools")
"""Tools that are asked for by the need, in words that their names do not hold; for training alone, with `need_phrased`.

Whoever says "the tap drips" wants a plumber. A planner that looks for the request's own words among the tools gives up
there, so these requests teach it to ask what a tool is for.
"""


def as_tool(toy_tool: ToyTool, result: str) -> Tool:
    """The tool as umi's catalogue has it; whatever it is called with, it gives this result."""

    async def run(_: Mapping[str, Any]) -> Any:
        return {"result": result}

    properties = {name: {"type": "string"} for name in toy_tool.arguments}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(toy_tool.arguments),
        "additionalProperties": False,
    }
    return Tool(
        name=toy_tool.name, description=toy_tool.description, input_schema=schema, run=run, source="builtin"
    )


def toy_tool_task(draw: Draw, toy_tool: ToyTool) -> Task:
    """A request for a toy tool, whether the catalogue has it or not."""
    values = {name: draw.rng.choice(choices) for name, choices in toy_tool.values.items()}
    text = draw.one(toy_tool.asks).format(**values)
    lead = draw.rng.choice(("", "", "", "please ", "can you please "))
    if text.split()[0] not in NEVER_AFTER_PLEASE:
        text = lead + text

    def script(context: ScriptContext) -> Script:
        if toy_tool.name not in context.tools:
            return GiveUp(context.refusal(toy_tool.lacking.removeprefix(_LACKING).rstrip(".")))
        shown = {name: context.seen(value) for name, value in values.items()}
        seen = yield Use(toy_tool.name, toy_tool.purpose.format(**shown), shown)
        if seen.failure:
            return GiveUp(f"The tool failed: {seen.failure}.")
        answer = toy_tool.answer.format(**shown, result=seen.value["result"])
        return Done("That is done.", answer)

    told = set(_slots(toy_tool.answer))
    facts = tuple(value for name, value in values.items() if name in told)
    return Task(instruction=text[:1].upper() + text[1:], script=script, facts=facts)
