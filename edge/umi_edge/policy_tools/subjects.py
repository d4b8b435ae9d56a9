"""Subjects: the tools that a proof, or a starter policy, is about."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from umi_edge.policy import Policy
from umi_edge.policy.families import BUILT_IN, BUILT_IN_FAMILIES
from umi_edge.reading import Reading
from umi_edge.tools import Hints, Tool
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.tools.operators import operator_tools

__all__ = ["declared_tools", "named_tools", "own_hints", "own_tool"]


def declared_tools() -> tuple[Tool, ...]:
    """The built-in tools, for their schemas: none of them is to be run."""
    nowhere = Path(os.devnull)
    return builtin_tools(replace(HomeConfig.under(nowhere), more=True))


def own_tool(name: str, source: str = "") -> Tool | None:
    """The built-in tool of that name, unless `source` says that another one is meant."""
    return _own_tools().get(name) if source in ("", BUILT_IN) else None


def own_hints(own: Tool | None, said: Hints) -> Hints:
    """What is known of a tool's effects: of a built-in one it is known, whether it was said or not."""
    if own is None:
        return said
    known = own.hints
    return replace(said, read_only=said.read_only or known.read_only, derived=said.derived or known.derived)


@cache
def _own_tools() -> Mapping[str, Tool]:
    return {tool.name: tool for tool in (*declared_tools(), *operator_tools(Reading()))}


def named_tools(policy: Policy, installed: Iterable[Tool]) -> tuple[Tool, ...]:
    """The installed tools, the built-in ones, and those that a policy lists and that are not here.

    Of these last nothing is known, so they take and return anything.
    """
    known = {tool.name: tool for tool in installed}
    for tool in declared_tools():
        known.setdefault(tool.name, tool)
    for name in policy.tools:
        if not name.endswith("*") and name not in known:
            known[name] = _unknown(name)
    return tuple(known.values())


def _unknown(name: str) -> Tool:
    async def run(arguments: Mapping[str, Any]) -> None:
        raise NotImplementedError

    source = "builtin" if name.partition(".")[0] in BUILT_IN_FAMILIES else "mcp:not installed"
    return Tool(name=name, description="", input_schema={"type": "object"}, run=run, source=source)
