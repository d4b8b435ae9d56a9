"""Subjects: the tools that a proof, or a starter policy, is about."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from umi_edge.policy import Policy
from umi_edge.policy.families import BUILT_IN_FAMILIES
from umi_edge.tools import Tool
from umi_edge.tools.builtin import HomeConfig, builtin_tools

__all__ = ["declared_tools", "named_tools"]


def declared_tools() -> tuple[Tool, ...]:
    """The built-in tools, for their schemas: none of them is to be run."""
    nowhere = Path(os.devnull)
    return builtin_tools(
        HomeConfig(
            contacts=nowhere, calendar=nowhere, mail=nowhere, outbox=nowhere, notes=nowhere, files=(nowhere,)
        )
    )


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
