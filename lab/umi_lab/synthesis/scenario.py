"""A scenario: one request, one home, one catalogue and one policy, ready for a session."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from umi_edge.policy import Policy
from umi_edge.reading import Reading
from umi_edge.tools import Catalogue, FailureKind, Tool, ToolFailure
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.tools.operators import operator_tools
from umi_lab.synthesis.families import (
    ANSWER_FAMILIES,
    ERRAND_FAMILIES,
    EVERYDAY_FAMILIES,
    FAMILIES,
    MORE_FAMILIES,
)
from umi_lab.synthesis.families.needs import NEEDS, need_task
from umi_lab.synthesis.home import Home, draw_home
from umi_lab.synthesis.out_of_scope import out_of_scope_task
from umi_lab.synthesis.policies import KINDS, clear_policy_of, policy_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import UnseenError
from umi_lab.synthesis.switches import Switch
from umi_lab.synthesis.task import Family, Task
from umi_lab.synthesis.tool_aliases import ToolAlias, alias_of, aliased
from umi_lab.synthesis.toy_tools import (
    MORE_TOY_TOOLS,
    NEEDED_TOY_TOOLS,
    TOY_TOOLS,
    ToyTool,
    as_tool,
    toy_tool_task,
)

__all__ = ["Scenario", "ScenarioConfig", "Toolset", "draw_more", "draw_scenario", "draw_toolset"]

_DRAWS = 20
_OPERATORS = 0.4
_LACKING = 0.14
"""How often an everyday request is for what no built-in tool does."""
_BESIDE = 0.3
"""How often there are other tools beside the built-in ones under their own names."""
_FAILURES = (FailureKind.UNAVAILABLE, FailureKind.TIMEOUT, FailureKind.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioConfig:
    """How scenarios are drawn: shares are between 0 and 1, and what they leave open is drawn evenly."""

    own_names: float = 0.5
    """The share of catalogues that are the built-in one under its own names."""
    broken: float = 0.24
    """How often a tool that the task needs fails."""
    missing: float = 0.12
    """How often a catalogue under aliases lacks a tool that the task needs."""
    toy_tools: float = 0.12
    """How often the request is for a toy tool."""
    declines: float = 0.12
    """How often the user says no wherever a confirmation is asked."""
    served: float = 0.6
    """How often a request for a toy tool is for one that the catalogue has, where it has any."""
    policies: float = 0.0
    """The share of policies that are not the default one: half of these keep nothing, half let out some kinds."""
    everyday: float = 0.5
    """How often a request is of the families that came with `everyday`, where it is varied."""
    held_out_families: bool = False
    """Whether families of tasks that training never sees are drawn, too."""
    switches: frozenset[Switch] = frozenset()
    """What is varied."""

    def has(self, switch: Switch) -> bool:
        """Whether that is varied."""
        return switch in self.switches


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolset:
    """What several scenarios share, so that their prompts begin alike: the catalogue's tools and their words."""

    tools: tuple[str, ...]
    """Canonical names, in the catalogue's order."""
    aliases: Mapping[str, ToolAlias]
    """By the tools' canonical names; empty for the built-in catalogue as it ships."""
    toy_tools: tuple[ToyTool, ...] = ()
    more: bool = False
    """Whether the home offers more tools, and more arguments of some (`home: {more_tools: true}`)."""
    operators: bool = False
    """Whether plans may use operators (`operators: true`)."""

    @property
    def own_names(self) -> bool:
        """Whether it is the built-in catalogue as it ships."""
        return not self.aliases


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that one episode is made of."""

    family: str
    toolset: Toolset
    home: Home = field(repr=False)
    task: Task = field(repr=False)
    broken: Mapping[str, FailureKind]
    """How tools fail, by their canonical names; the others work."""
    approves: bool
    """Whether the user says yes wherever a confirmation is asked."""
    result: str
    """What the toy tools of the catalogue return."""
    in_clear: bool = False
    """Whether the policy keeps nothing from the cloud."""
    lets_out: frozenset[str] = frozenset()
    """The kinds of values (`policies.KINDS`) that the policy lets out, though the default one keeps them."""
    refuses: int = 0
    """Which words a refusal has; 0: always the same."""

    def shown(self, tool: str) -> str:
        """The name that the catalogue has for a tool."""
        return self.toolset.aliases[tool].name if tool in self.toolset.aliases else tool

    def shown_arguments(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments under the names that the catalogue has."""
        if tool not in self.toolset.aliases:
            return dict(arguments)
        names = self.toolset.aliases[tool].arguments
        return {names[name]: value for name, value in arguments.items()}

    def catalogue(self, home: HomeConfig) -> Catalogue:
        """The real tools over a written home, under the scenario's names and with its failures."""
        own = {tool.name: tool for tool in builtin_tools(replace(home, more=self.toolset.more))}
        own |= {toy_tool.name: as_tool(toy_tool, self.result) for toy_tool in self.toolset.toy_tools}
        own |= {tool.name: tool for tool in operator_tools(Reading())} if self.toolset.operators else {}
        return Catalogue(self._as_shown(own[name]) for name in self.toolset.tools)

    def _as_shown(self, tool: Tool) -> Tool:
        kind = self.broken.get(tool.name)
        if tool.name in self.toolset.aliases:
            tool = aliased(tool, self.toolset.aliases[tool.name])
        return failing(tool, kind) if kind else tool

    def policy(self) -> Policy:
        """The policy for the scenario's tool names: the default, one that lets out more, or one that keeps nothing."""
        if self.in_clear:
            return clear_policy_of(self.toolset.tools, self.toolset.aliases)
        return policy_of(self.toolset.tools, self.toolset.aliases, self.lets_out)


def failing(tool: Tool, kind: FailureKind) -> Tool:
    """The tool, with every call of it failing in this way."""

    async def run(_: Mapping[str, Any]) -> Any:
        raise ToolFailure(kind)

    return replace(tool, run=run)


def draw_toolset(draw: Draw, config: ScenarioConfig, family: Family | None, *, more: bool = False) -> Toolset:
    """A catalogue that mostly serves a family; None stands for requests for toy tools."""
    builtin = list(builtin_tools(replace(_NOWHERE, more=more)))
    if draw.chance(config.own_names):
        if config.has(Switch.EVERYDAY) and not draw.held_out and draw.chance(_BESIDE):
            return _with_others(draw, builtin, more=more)
        if config.has(Switch.MORE_PHRASES) and draw.chance(0.25):
            return Toolset(tools=_some_families(draw, builtin, family), aliases={}, more=more)
        operators = more and config.has(Switch.QUESTIONS) and draw.chance(_OPERATORS)
        with_them = (*builtin, *operator_tools(Reading())) if operators else builtin
        return Toolset(
            tools=tuple(tool.name for tool in with_them), aliases={}, more=more, operators=operators
        )
    toy_tools = tuple(draw.rng.sample(_toy_tools(draw), draw.rng.randint(1, 3)))
    needed = set(family.tools if family else ())
    if family and draw.chance(config.missing) and family.tools:
        needed.discard(draw.rng.choice(family.tools))
        pool = [tool.name for tool in builtin if tool.name not in {*family.tools, *family.detours}]
    else:
        pool = [tool.name for tool in builtin if tool.name not in needed]
    size = max(len(needed), draw.rng.randint(4, 9) - len(toy_tools))
    names = [*needed, *draw.rng.sample(pool, min(len(pool), size - len(needed)))]
    own = {tool.name: tool for tool in builtin} | {g.name: as_tool(g, "") for g in toy_tools}
    names += [toy_tool.name for toy_tool in toy_tools]
    names.sort()
    draw.rng.shuffle(names)
    return Toolset(
        tools=tuple(names),
        aliases=_draw_aliases(draw, [own[name] for name in names]),
        toy_tools=toy_tools,
        more=more,
    )


def _with_others(draw: Draw, builtin: list[Tool], *, more: bool) -> Toolset:
    """The built-in tools under their own names, and some others between them."""
    toy_tools = tuple(draw.rng.sample(_toy_tools(draw), draw.rng.randint(1, 3)))
    names = [tool.name for tool in builtin]
    for one in toy_tools:
        names.insert(draw.rng.randint(0, len(names)), one.name)
    return Toolset(tools=tuple(names), aliases={}, toy_tools=toy_tools, more=more)


def _toy_tools(draw: Draw) -> Sequence[ToyTool]:
    if draw.held_out or not draw.has(Switch.COMPOSED_NAMES):
        return draw.part(TOY_TOOLS)
    needed = NEEDED_TOY_TOOLS if draw.has(Switch.NEED_PHRASED) else ()
    if draw.has(Switch.EVERYDAY) and draw.chance(0.5):
        return [need.tool for need in NEEDS.values()]
    return (*draw.part(TOY_TOOLS), *MORE_TOY_TOOLS, *needed)


def _some_families(draw: Draw, builtin: list[Tool], family: Family | None) -> tuple[str, ...]:
    """The tools of a laptop where only some folders are configured, in their usual order."""
    kinds = list(dict.fromkeys(tool.name.partition(".")[0] for tool in builtin))
    kept = set(draw.rng.sample(kinds, draw.rng.randint(2, 5)))
    kept |= {tool.partition(".")[0] for tool in (family.tools if family else ())}
    return tuple(tool.name for tool in builtin if tool.name.partition(".")[0] in kept)


def _draw_aliases(draw: Draw, tools: list[Tool]) -> dict[str, ToolAlias]:
    """A alias for each tool, no two with one name."""
    aliases: dict[str, ToolAlias] = {}
    taken: set[str] = set()
    for tool in tools:
        keeps = draw.chance(0.25)
        alias = alias_of(draw, tool)
        while alias.name in taken and not keeps:
            alias = alias_of(draw, tool)
        if keeps or alias.name in taken:
            alias = replace(alias, name=tool.name)
        taken.add(alias.name)
        aliases[tool.name] = alias
    return aliases


def draw_scenario(draw: Draw, config: ScenarioConfig, toolset: Toolset, family: Family | None) -> Scenario:
    """A request and a home for a toolset."""
    home = draw_home(draw)
    broken: dict[str, FailureKind] = {}
    result = ""
    if family is None:
        present = toolset.toy_tools and draw.chance(config.served)
        toy_tool = draw.rng.choice(toolset.toy_tools if present else _toy_tools(draw))
        need = NEEDS.get(toy_tool.name)
        task = need_task(draw, home, need) if need else toy_tool_task(draw, toy_tool)
        result = draw.rng.choice(toy_tool.results)
        if "{result}" in toy_tool.answer:
            task = replace(task, facts=(*task.facts, result))
        if config.has(Switch.MORE_PHRASES) and not present and draw.chance(0.5):
            task = out_of_scope_task(draw)
    else:
        task = _drawn(draw, home, family)
        if draw.chance(config.broken) and family.tools:
            broken[draw.rng.choice(family.tools)] = draw.rng.choice(_FAILURES)
    approves = not draw.chance(config.declines)
    in_clear, lets_out = _draw_policy(draw, config)
    return Scenario(
        family=family.name if family else "toy tool",
        toolset=toolset,
        home=task.home or home,
        task=task,
        broken=broken,
        approves=approves,
        result=result,
        in_clear=in_clear,
        lets_out=lets_out,
        refuses=draw.rng.randint(1, 1 << 30) if config.has(Switch.PEOPLES_WORDS) and not draw.held_out else 0,
    )


def _drawn(draw: Draw, home: Home, family: Family) -> Task:
    """A task of a family, drawn again where no request says its days so that they are understood."""
    for _ in range(_DRAWS):
        with contextlib.suppress(UnseenError):
            return family.draw(draw, home)
    return family.draw(draw, home)


def _draw_policy(draw: Draw, config: ScenarioConfig) -> tuple[bool, frozenset[str]]:
    """Whether the policy keeps nothing, and the kinds of values that it lets out otherwise."""
    if not config.policies or not draw.chance(config.policies):
        return False, frozenset()
    if draw.chance(0.5):
        return True, frozenset()
    return False, frozenset(kind for kind in KINDS if draw.chance(0.5))


def draw_more(draw: Draw, config: ScenarioConfig) -> bool:
    """Whether a catalogue has more tools: half of them do with `peoples_words`, most with `questions`."""
    return config.has(Switch.PEOPLES_WORDS) and draw.chance(
        0.95 if config.has(Switch.EVERYDAY) else 0.85 if config.has(Switch.QUESTIONS) else 0.5
    )


def draw_family(
    draw: Draw, config: ScenarioConfig, toolset: Toolset | None = None, *, more: bool = False
) -> Family | None:
    """A family by its weight, mostly one that the toolset can serve; None for a toy tool.

    `more`: of those, too, that need more tools, where there is no toolset yet.
    """
    if draw.chance(config.toy_tools):
        return None
    families = [family for family in FAMILIES if family.held_out <= config.held_out_families]
    if (toolset.more if toolset else more) and not draw.held_out:  # no phrase of these is held out
        families += MORE_FAMILIES
        if config.has(Switch.QUESTIONS):
            families += ANSWER_FAMILIES
        if config.has(Switch.ERRANDS):
            families += ERRAND_FAMILIES
        if config.has(Switch.EVERYDAY) and draw.chance(config.everyday):
            return _everyday_family(draw, config, toolset)
    if toolset and not draw.chance(config.missing):
        families = [family for family in families if set(family.tools) <= set(toolset.tools)]
    if not families:
        return None
    return draw.rng.choices(families, [family.weight for family in families])[0]


def _everyday_family(draw: Draw, config: ScenarioConfig, toolset: Toolset | None) -> Family:
    """A family that came with `everyday`; what no tool does is as likely in every catalogue, however strange."""
    lacking = [family for family in EVERYDAY_FAMILIES if not family.tools]
    doable = [family for family in EVERYDAY_FAMILIES if family.tools]
    if toolset and not draw.chance(config.missing):
        able = [family for family in doable if set(family.tools) <= set(toolset.tools)]
        doable = able or doable
    families = lacking if draw.chance(_LACKING) else doable
    return draw.rng.choices(families, [family.weight for family in families])[0]


_NOWHERE = HomeConfig.under(Path("nowhere"))
