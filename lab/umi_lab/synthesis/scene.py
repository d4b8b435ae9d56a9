"""A scene: one request, one home, one catalogue and one policy, ready for a session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from umi_edge.policy import Policy
from umi_edge.tools import Catalogue, FailureKind, Tool, ToolFailure
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_lab.synthesis.disguise import Disguise, disguise_of, disguised
from umi_lab.synthesis.families import FAMILIES
from umi_lab.synthesis.gadgets import GADGETS, Gadget, gadget_task, gadget_tool
from umi_lab.synthesis.home import Home, draw_home
from umi_lab.synthesis.more_gadgets import MORE_GADGETS
from umi_lab.synthesis.needed_gadgets import NEEDED_GADGETS
from umi_lab.synthesis.policies import KINDS, clear_policy_of, policy_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.task import Family, Task
from umi_lab.synthesis.unserved import unserved_task

__all__ = ["Scene", "SceneConfig", "Stage", "draw_scene", "draw_stage"]

_FAILURES = (FailureKind.UNAVAILABLE, FailureKind.TIMEOUT, FailureKind.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneConfig:
    """How often things happen; the rest is drawn evenly."""

    own_names: float = 0.5
    """The whole built-in catalogue under the names it ships with."""
    broken: float = 0.24
    """A tool that the task needs fails."""
    missing: float = 0.12
    """In a disguised catalogue, a tool that the task needs is not there."""
    gadgets: float = 0.12
    """The request is for a gadget."""
    declines: float = 0.12
    """The user says no where a confirmation is asked."""
    served: float = 0.6
    """A request for a gadget, where the catalogue has gadgets, is for one of them."""
    policies: float = 0.0
    """The policy is not the default one: half of these keep nothing, the others let out some kinds of values."""
    held_out_families: bool = False
    variety: int = 0
    """From 1 on also: some families of the built-in tools alone, requests of many more kinds that no tool serves,
    more phrases, wrapped as people speak. From 2 on also: made-up words, which can only be copied. From 3 on also:
    phrases put together of parts. From 4 on also: names and descriptions of tools put together of parts, many more
    gadgets, and words of the model's own vocabulary. From 5 on also: tools whose name is half a word that says nothing,
    gadgets asked for by the need, many more messages, and days spelt out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What several scenes share, so that their prompts begin alike: the catalogue's tools and their words."""

    tools: tuple[str, ...]
    """Canonical names, in the catalogue's order."""
    disguises: Mapping[str, Disguise]
    gadgets: tuple[Gadget, ...] = ()

    @property
    def own_names(self) -> bool:
        """Whether it is the built-in catalogue as it ships."""
        return not self.disguises


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that one episode is made of."""

    family: str
    stage: Stage
    home: Home = field(repr=False)
    task: Task = field(repr=False)
    broken: Mapping[str, FailureKind]
    """By canonical name."""
    approves: bool
    result: str
    """What a gadget gives."""
    in_clear: bool = False
    """Whether the policy keeps nothing from the cloud."""
    lets_out: frozenset[str] = frozenset()
    """Else the kinds of values (`policies.KINDS`) that it does not keep, though the default policy does."""

    def shown(self, tool: str) -> str:
        """The name that the catalogue has for a tool."""
        return self.stage.disguises[tool].name if tool in self.stage.disguises else tool

    def shown_arguments(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments under the names that the catalogue has."""
        if tool not in self.stage.disguises:
            return dict(arguments)
        names = self.stage.disguises[tool].arguments
        return {names[name]: value for name, value in arguments.items()}

    def catalogue(self, home: HomeConfig) -> Catalogue:
        """The real tools over a written home, under the scene's names and with its failures."""
        own = {tool.name: tool for tool in builtin_tools(home)}
        own |= {gadget.name: gadget_tool(gadget, self.result) for gadget in self.stage.gadgets}
        return Catalogue(self._staged(own[name]) for name in self.stage.tools)

    def _staged(self, tool: Tool) -> Tool:
        kind = self.broken.get(tool.name)
        if tool.name in self.stage.disguises:
            tool = disguised(tool, self.stage.disguises[tool.name])
        return failing(tool, kind) if kind else tool

    def policy(self) -> Policy:
        """The default policy under the scene's names, as far as the scene keeps to it; or one that keeps nothing."""
        if self.in_clear:
            return clear_policy_of(self.stage.tools, self.stage.disguises)
        return policy_of(self.stage.tools, self.stage.disguises, self.lets_out)


def failing(tool: Tool, kind: FailureKind) -> Tool:
    """The tool, broken."""

    async def run(_: Mapping[str, Any]) -> Any:
        raise ToolFailure(kind)

    return replace(tool, run=run)


def draw_stage(draw: Draw, config: SceneConfig, family: Family | None) -> Stage:
    """A catalogue that serves a family, mostly; None asks for one with gadgets."""
    builtin = list(builtin_tools(_NOWHERE))
    if draw.chance(config.own_names):
        if config.variety and draw.chance(0.25):
            return Stage(tools=_some_families(draw, builtin, family), disguises={})
        return Stage(tools=tuple(tool.name for tool in builtin), disguises={})
    gadgets = tuple(draw.rng.sample(_gadgets(draw), draw.rng.randint(1, 3)))
    needed = set(family.tools if family else ())
    if family and draw.chance(config.missing):
        needed.discard(draw.rng.choice(family.tools))
        pool = [tool.name for tool in builtin if tool.name not in {*family.tools, *family.detours}]
    else:
        pool = [tool.name for tool in builtin if tool.name not in needed]
    size = max(len(needed), draw.rng.randint(4, 9) - len(gadgets))
    names = [*needed, *draw.rng.sample(pool, min(len(pool), size - len(needed)))]
    own = {tool.name: tool for tool in builtin} | {g.name: gadget_tool(g, "") for g in gadgets}
    names += [gadget.name for gadget in gadgets]
    names.sort()
    draw.rng.shuffle(names)
    return Stage(
        tools=tuple(names), disguises=_disguises(draw, [own[name] for name in names]), gadgets=gadgets
    )


def _gadgets(draw: Draw) -> Sequence[Gadget]:
    if draw.held_out or draw.variety < 4:
        return draw.part(GADGETS)
    needed = NEEDED_GADGETS if draw.variety > 4 else ()
    return (*draw.part(GADGETS), *MORE_GADGETS, *needed)


def _some_families(draw: Draw, builtin: list[Tool], family: Family | None) -> tuple[str, ...]:
    """The tools of a laptop where only some folders are configured, in their usual order."""
    kinds = list(dict.fromkeys(tool.name.partition(".")[0] for tool in builtin))
    kept = set(draw.rng.sample(kinds, draw.rng.randint(2, 5)))
    kept |= {tool.partition(".")[0] for tool in (family.tools if family else ())}
    return tuple(tool.name for tool in builtin if tool.name.partition(".")[0] in kept)


def _disguises(draw: Draw, tools: list[Tool]) -> dict[str, Disguise]:
    """A disguise for each tool, no two with one name."""
    disguises: dict[str, Disguise] = {}
    taken: set[str] = set()
    for tool in tools:
        keeps = draw.chance(0.25)
        disguise = disguise_of(draw, tool)
        while disguise.name in taken and not keeps:
            disguise = disguise_of(draw, tool)
        if keeps or disguise.name in taken:
            disguise = replace(disguise, name=tool.name)
        taken.add(disguise.name)
        disguises[tool.name] = disguise
    return disguises


def draw_scene(draw: Draw, config: SceneConfig, stage: Stage, family: Family | None) -> Scene:
    """A request and a home for a stage."""
    home = draw_home(draw)
    broken: dict[str, FailureKind] = {}
    result = ""
    if family is None:
        present = stage.gadgets and draw.chance(config.served)
        gadget = draw.rng.choice(stage.gadgets if present else _gadgets(draw))
        task, result = gadget_task(draw, gadget), draw.rng.choice(gadget.results)
        if "{result}" in gadget.answer:
            task = replace(task, facts=(*task.facts, result))
        if config.variety and not present and draw.chance(0.5):
            task = unserved_task(draw)
    else:
        task = family.draw(draw, home)
        if draw.chance(config.broken):
            broken[draw.rng.choice(family.tools)] = draw.rng.choice(_FAILURES)
    approves = not draw.chance(config.declines)
    in_clear, lets_out = _draw_policy(draw, config)
    return Scene(
        family=family.name if family else "gadget",
        stage=stage,
        home=home,
        task=task,
        broken=broken,
        approves=approves,
        result=result,
        in_clear=in_clear,
        lets_out=lets_out,
    )


def _draw_policy(draw: Draw, config: SceneConfig) -> tuple[bool, frozenset[str]]:
    """Whether it keeps nothing, and else what it lets out."""
    if not config.policies or not draw.chance(config.policies):
        return False, frozenset()
    if draw.chance(0.5):
        return True, frozenset()
    return False, frozenset(kind for kind in KINDS if draw.chance(0.5))


def draw_family(draw: Draw, config: SceneConfig, stage: Stage | None = None) -> Family | None:
    """A family by its weight, mostly one that the stage can serve; None for a gadget."""
    if draw.chance(config.gadgets):
        return None
    families = [family for family in FAMILIES if family.held_out <= config.held_out_families]
    if stage and not draw.chance(config.missing):
        families = [family for family in families if set(family.tools) <= set(stage.tools)]
    if not families:
        return None
    return draw.rng.choices(families, [family.weight for family in families])[0]


_NOWHERE = HomeConfig.under(Path("nowhere"))
