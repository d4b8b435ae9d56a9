"""Tool aliases: built-in tools under other names, so that a planner reads its catalogue instead of knowing it."""

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from umi_edge.tools import Tool
from umi_lab.synthesis.composed_aliases import composed_description, composed_name
from umi_lab.synthesis.data_file import read_data, texts, texts_by_key
from umi_lab.synthesis.home import made_up_word
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.switches import Switch
from umi_lab.synthesis.words import VENDORS

__all__ = ["ToolAlias", "alias_of", "aliased", "held_out_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAlias:
    """The name, description and argument names that a catalogue shows in place of a tool's own."""

    name: str
    description: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """For each argument of the tool, the name that is shown."""


_DATA = read_data("tool_aliases")
_NAMES, _DESCRIPTIONS, _MORE_DESCRIPTIONS = (
    {tool: texts(listed[part]) for tool, listed in _DATA["tools"].items()}
    for part in ("names", "descriptions", "more_descriptions")
)
_ARGUMENTS, _MORE_ARGUMENTS = texts_by_key(_DATA["arguments"]), texts_by_key(_DATA["more_arguments"])


def alias_of(draw: Draw, tool: Tool) -> ToolAlias:
    """An alias for a tool: a new name, often a new description, and some new argument names."""
    varied = draw.has(Switch.MADE_UP_WORDS) and not draw.held_out
    name = draw.one(_NAMES[tool.name]) if tool.name in _NAMES else tool.name
    if varied and draw.has(Switch.COMPOSED_NAMES) and draw.chance(0.7):
        name = _apart_from_held_out(draw, composed_name, tool.name)
    if varied and draw.chance(0.25):
        name = made_up_word(draw)  # says nothing: the description must be read
    if draw.chance(0.3):
        name = f"{draw.one(VENDORS)}{draw.rng.choice('._-')}{name}"
    described = tool.name in _DESCRIPTIONS and draw.chance(0.75)
    arguments: dict[str, str] = {}
    for own in tool.input_schema["properties"]:
        shown = draw.one(_ARGUMENTS[own]) if own in _ARGUMENTS and draw.chance(0.4) else own
        if varied and draw.has(Switch.NEED_PHRASED) and own in _MORE_ARGUMENTS and draw.chance(0.4):
            shown = draw.rng.choice(_MORE_ARGUMENTS[own])
        taken = {*arguments.values(), *(set(tool.input_schema["properties"]) - {own})}
        arguments[own] = own if shown in taken else shown
    description = draw.one(_DESCRIPTIONS[tool.name]) if described else tool.description
    if varied and tool.name in _MORE_DESCRIPTIONS and draw.chance(0.4):
        description = draw.rng.choice(_MORE_DESCRIPTIONS[tool.name])
    if varied and draw.has(Switch.COMPOSED_NAMES) and draw.chance(0.6):
        description = _apart_from_held_out(draw, composed_description, tool.name) or description
    return ToolAlias(name=name, description=description, arguments=arguments)


def held_out_words(tool: str) -> frozenset[str]:
    """The names and descriptions of one built-in tool that training never sees."""
    held_out = Draw(random.Random(0), held_out=True)  # noqa: S311  # not for secrets
    return frozenset((*held_out.part(_NAMES.get(tool, ())), *held_out.part(_DESCRIPTIONS.get(tool, ()))))


def _apart_from_held_out(draw: Draw, compose: Callable[[Draw, str], str], tool: str) -> str:
    held_out = held_out_words(tool)
    return next(text for _ in itertools.count() if (text := compose(draw, tool)) not in held_out)


def aliased(tool: Tool, alias: ToolAlias) -> Tool:
    """The same tool under its alias; what it is called with goes by the alias's argument names."""
    own_of = {shown: own for own, shown in alias.arguments.items()}
    schema = dict(tool.check.sound.schema)
    schema["properties"] = {alias.arguments[k]: v for k, v in schema["properties"].items()}
    if "required" in schema:
        schema["required"] = [alias.arguments[name] for name in schema["required"]]

    async def run(arguments: Mapping[str, Any]) -> Any:
        return await tool.run({own_of.get(name, name): value for name, value in arguments.items()})

    return replace(tool, name=alias.name, description=alias.description, input_schema=schema, run=run)
