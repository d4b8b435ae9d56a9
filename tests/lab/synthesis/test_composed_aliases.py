"""Names and descriptions of tools that are put together of parts."""

import random
from pathlib import Path

import pytest

from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_lab.synthesis.composed_aliases import composed_description, composed_name
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.switches import Switch, all_until
from umi_lab.synthesis.tool_aliases import alias_of, held_out_words
from umi_lab.synthesis.toy_tools import MORE_TOY_TOOLS, NEEDED_TOY_TOOLS, TOY_TOOLS

TOOLS = {tool.name: tool for tool in builtin_tools(HomeConfig.under(Path("nowhere")))}
WORDED = [name for name in TOOLS if held_out_words(name)]


@pytest.mark.parametrize("tool", WORDED)
def test_there_are_many_of_each(tool: str):
    draw = Draw(random.Random(1), held_out=False, switches=all_until(Switch.COMPOSED_NAMES))
    assert len({composed_name(draw, tool) for _ in range(500)}) > 100
    assert len({composed_description(draw, tool) for _ in range(500)}) > 50


@pytest.mark.parametrize("last", [Switch.COMPOSED_NAMES, Switch.NEED_PHRASED])
@pytest.mark.parametrize("tool", WORDED)
def test_a_varied_alias_holds_nothing_that_is_held_out(tool: str, last: Switch):
    draw = Draw(random.Random(2), held_out=False, switches=all_until(last))
    for _ in range(2000):
        alias = alias_of(draw, TOOLS[tool])
        assert alias.description not in held_out_words(tool)
        assert not any(alias.name.endswith(word) for word in held_out_words(tool))


def test_held_out_aliases_are_as_before_whatever_is_varied():
    for tool in WORDED:
        plain = alias_of(Draw(random.Random(3), held_out=True), TOOLS[tool])
        varied = alias_of(
            Draw(random.Random(3), held_out=True, switches=all_until(Switch.NEED_PHRASED)), TOOLS[tool]
        )
        assert plain == varied


def test_toy_tools_have_names_and_requests_of_their_own():
    names = [toy_tool.name for toy_tool in (*TOY_TOOLS, *MORE_TOY_TOOLS, *NEEDED_TOY_TOOLS)]
    assert len(set(names)) == len(names)
    for toy_tool in (*MORE_TOY_TOOLS, *NEEDED_TOY_TOOLS):
        for ask in toy_tool.asks:
            ask.format(**{name: values[0] for name, values in toy_tool.values.items()})
