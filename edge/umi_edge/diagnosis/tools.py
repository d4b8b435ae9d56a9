"""The tools: folders there, functions importable, servers that start."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path

from umi_edge.diagnosis.finding import Finding, fine, from_error, warning
from umi_edge.labelling.approved_cards import ApprovedCards
from umi_edge.runtime.config import EdgeConfig, HomeSettings
from umi_edge.runtime.installed_tools import find_tools, home_inventory, name_clash
from umi_edge.tools.builtin.inventory import Holding

__all__ = ["tools"]

_FOLDERS = ("contacts", "calendar", "mail", "outbox", "notes")


async def tools(config: EdgeConfig, environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Every source of tools, one by one; MCP servers are started and ended."""
    for finding in _folders(config.home):
        yield finding
    for finding in _holdings(await asyncio.to_thread(home_inventory, config.home)):
        yield finding
    for finding in _smtp(config.home, environment):
        yield finding
    approved = ApprovedCards.read(config.approved_cards)
    sources = await find_tools(config, environment)
    for source in sources:
        for one in source.withheld:
            yield warning("tools", f"{one.name} is left out: {one.because}", "tell the server's author")
        if source.problem is not None:
            yield from_error("tools", source.problem)
        elif source.disabled:
            yield fine("tools", f"{source.name} is disabled")
        elif source.tools:
            yield fine("tools", f"{source.name}: {len(source.tools)} tools")
            if source.name.startswith("mcp:") and source.name not in approved.pins:
                fix = f"read and approve their cards: `umi tools approve {source.name.removeprefix('mcp:')}`"
                yield fine("tools", f"{source.name} is shown to the planner by name only; {fix}")
    clash = name_clash(sources)
    if clash is not None:
        yield from_error("tools", clash)
    if not any(source.tools or source.problem for source in sources):
        fix = "name your folders under `home:` in the configuration; `umi tools` shows how"
        yield warning("tools", "no tools are installed", fix)


def _folders(home: HomeSettings) -> Iterator[Finding]:
    named = [(f"home.{name}", getattr(home, name)) for name in _FOLDERS] + [
        ("home.files", folder) for folder in home.files
    ]
    for setting, folder in named:
        if not folder:
            continue
        path = Path(folder)
        if not path.exists():
            if setting != "home.outbox":  # that one is made when mail is sent
                message = f"the folder {path} of `{setting}` is not there"
                yield warning("tools", message, f"make it, or correct `{setting}`")
            continue
        try:
            next(path.iterdir(), None)
        except OSError as error:
            fix = f"mend its permissions, or correct `{setting}`"
            yield warning("tools", f"{path} of `{setting}` cannot be read: {error.strerror}", fix)


def _holdings(found: Iterable[Holding]) -> Iterator[Finding]:
    """What is in each folder, and what of it is not read."""
    for one in found:
        if one.lost:
            fixes = dict.fromkeys(lost.fix for lost in one.lost if lost.fix)
            fix = "; ".join(fixes) or "mend these, or move them away: no tool reads them"
            yield warning("tools", f"{one.store}: {one}", fix)
        else:
            yield fine("tools", f"{one.store}: {one}")


def _smtp(home: HomeSettings, environment: Mapping[str, str]) -> Iterator[Finding]:
    variable = home.smtp.password_env if home.smtp else ""
    if variable and variable not in environment:
        message = f"the environment variable {variable} of `home.smtp.password_env` is not set"
        yield warning("tools", message, "set it before `umi ask`, or mail cannot be sent")
