"""`umi tools`: what an agent may call here."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import config_option, json_option, output_console, read_config

if TYPE_CHECKING:
    from umi_edge.runtime.config import EdgeConfig
    from umi_edge.terminal.tool_overview import ToolOverview
    from umi_edge.tools.source import ToolSource

_NOTHING = """\
No tools are installed. Name your folders in {file}, for example

  home:
    contacts: ~/contacts     # vCards
    notes: ~/notes           # Markdown
"""


@click.command()
@click.argument("name", required=False)
@config_option
@json_option
def command(name: str | None, config: Path | None, *, as_json: bool) -> int:
    """List the tools that an agent may call here, or show one with its rules.

    Each comes with where it runs, whether you are asked first, and where it is from. NAME shows its schema, and what
    the policy says of each argument and result. A server that does not start is listed as broken beside the
    others. Exit code 4 when one is.
    """
    import asyncio
    import os

    from umi_edge.runtime.installed_tools import find_tools, name_clash
    from umi_edge.runtime.laptop_policy import read_laptop_policy
    from umi_edge.terminal.tool_overview import overview
    from umi_shared.errors import ToolError

    settings = read_config(config)
    policy = read_laptop_policy(settings)
    sources = asyncio.run(find_tools(settings, os.environ))
    found = [overview(tool, policy) for source in sources for tool in source.tools]
    if name is not None:
        _show(_one(name, found, sources), as_json=as_json)
        return 0
    clash = name_clash(sources)
    if as_json:
        _print_json(found, sources)
    else:
        _print(found, sources, settings)
    if clash is not None:
        raise clash
    return ToolError.exit_code if any(source.problem for source in sources) else 0


def _one(name: str, found: "list[ToolOverview]", sources: "tuple[ToolSource, ...]") -> "ToolOverview":
    from umi_edge.tools import Catalogue

    for tool in found:
        if tool.name == name:
            return tool
    # A server that is broken may be the one that has it: its own error says more.
    family = name.partition(".")[0]
    for source in sources:
        if source.problem is not None and source.name == f"mcp:{family}":
            raise source.problem
    Catalogue(tool for source in sources for tool in source.tools)[name]  # raises, with the closest names
    raise AssertionError(name)


def _print_json(found: "list[ToolOverview]", sources: "tuple[ToolSource, ...]") -> None:
    import json

    broken = [
        {"source": source.name, "problem": source.problem.message, "fix": source.problem.fix}
        for source in sources
        if source.problem
    ]
    click.echo(json.dumps({"tools": [asdict(tool) for tool in found], "broken": broken}))


def _print(found: "list[ToolOverview]", sources: "tuple[ToolSource, ...]", settings: "EdgeConfig") -> None:
    from rich.table import Table

    from umi_edge.runtime.config import config_path

    if found:
        table = Table(box=None, pad_edge=False)
        for column in ("tool", "what it does", "runs", "asks first", "from"):
            table.add_column(column, overflow="fold")
        for tool in found:
            table.add_row(
                _plain(tool.name, bold=True),
                _plain(_sentence(tool.description)),
                _runs(tool.runs),
                _plain(tool.asks),
                _plain(tool.source),
            )
        output_console().print(table)
    elif not any(source.problem for source in sources):
        click.echo(_NOTHING.format(file=settings.file or config_path()), nl=False)
    for source in sources:
        if source.problem is not None:
            click.echo(f"✗ {source.name}: {source.problem.message}\n  Fix: {source.problem.fix}")
        elif source.disabled:
            click.echo(f"– {source.name}: disabled in the configuration")


def _show(tool: "ToolOverview", *, as_json: bool) -> None:
    import json

    from rich.table import Table

    if as_json:
        click.echo(json.dumps(asdict(tool)))
        return
    console = output_console()
    console.print(_plain(tool.name, bold=True), _plain(f"  {tool.source}"))
    console.print(_plain(tool.description.strip()))
    console.print(f"\nruns         {tool.runs}", _plain(f"({tool.rule})"))
    console.print(f"asks first   {tool.asks}")
    console.print(f"its results  {tool.results_are}")
    console.print(f"the caller   sees {tool.caller_sees}")
    console.print(f"its errors   {_ERRORS.get(tool.errors_are) or _readers(tool.errors_are)}\n")
    for title, rows in (("argument", tool.arguments), ("result", tool.results)):
        table = Table(box=None, pad_edge=False)
        for column in (title, "type", "who reads it in clear", "terms", "rule"):
            table.add_column(column, overflow="fold")
        for row in rows:
            kind = getattr(row, "type", "") + ("" if getattr(row, "required", True) else ", optional")
            cells = (row.path, kind, _readers(row.locality), ", ".join(row.terms), row.rule)
            table.add_row(*map(_plain, cells))
        console.print(table)
        console.print()
    console.print("schema", style="bold")
    console.print(_plain(json.dumps(tool.input_schema, indent=2, ensure_ascii=False)))


_READERS = {
    "cloud": "cloud",
    "scan": "cloud, but for what detectors find (scan)",
    "handle": "nobody (handle)",
    "hidden": "nobody, and it leaves no trace (hidden)",
}


_ERRORS = {"kind": "only their kind is told", "cloud": "cloud, text and all"}


def _readers(locality: str) -> str:
    return _READERS.get(locality, locality)


def _sentence(text: str) -> str:
    """The first sentence of a description, on one line."""
    line = " ".join(text.split())
    end = line.find(". ")
    return (line if end < 0 else line[: end + 1])[:160]


def _plain(text: str, *, bold: bool = False) -> Any:
    """Text from servers, fit for a terminal: no markup, no escape sequences."""
    from rich.text import Text

    from umi_edge.terminal.text import plain

    return Text(plain(text), style="bold" if bold else "")


def _runs(where: str) -> Any:
    from rich.text import Text

    return Text("this device", style="green") if where == "device" else Text("third party", style="yellow")
