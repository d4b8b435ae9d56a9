"""`umi tools`: what an agent may call here."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import config_option, json_option, read_config
from umi_shared.screen.output import say, say_json, say_text
from umi_shared.screen.text import one_line, visible

if TYPE_CHECKING:
    from umi_edge.labelling.tool_cards import CardToApprove
    from umi_edge.policy import Policy
    from umi_edge.runtime.config import EdgeConfig
    from umi_edge.runtime.tool_call import ShownLeaf
    from umi_edge.terminal.tool_overview import ToolOverview
    from umi_edge.tools.builtin.inventory import Holding
    from umi_edge.tools.source import ToolSource

_ROWS = 200
_CELL = 200
_NOTHING = """\
No tools are installed. Name your folders in {file}, for example

  home:
    contacts: ~/contacts     # vCards
    notes: ~/notes           # Markdown
"""


@click.command()
@click.argument("name", required=False)
@click.argument("server", required=False)
@click.argument("arguments", required=False)
@config_option
@click.option(
    "--yes", is_flag=True, help="With approve: do not ask. For scripts whose author has read the cards."
)
@json_option
def command(
    name: str | None,
    server: str | None,
    arguments: str | None,
    config: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> int:
    """List the tools that an agent may call here, or show one with its rules.

    Each comes with where it runs, whether you are asked first, and where it is from. NAME shows its schema, and what
    the policy says of each argument and result. A server that does not start is listed as broken beside the
    others. Exit code 4 when one is. Below stands what was found in each of your folders, and what could not be read.

    `umi tools approve SERVER` shows what the planner would read of the tools of an MCP server, and asks once; until
    then it is told their names, and the names and types of their arguments.

    `umi tools call NAME JSON` calls a tool, by the policy and with your consent as in a session, and shows of each part
    of its result who would read what. Nothing of it is sent to the planner.
    """
    import asyncio
    import os

    from umi_edge.runtime.installed_tools import find_tools, home_inventory, name_clash
    from umi_edge.runtime.laptop_policy import read_laptop_policy
    from umi_edge.terminal.tool_overview import overview
    from umi_shared.errors import ToolError

    settings = read_config(config)
    policy = read_laptop_policy(settings)
    if server is not None and name == "call":
        return asyncio.run(_call(server, arguments or "{}", settings, policy, as_json=as_json))
    if server is not None:
        if name != "approve" or arguments is not None:
            raise click.UsageError(
                "write `umi tools NAME`, `umi tools approve SERVER` or `umi tools call NAME JSON`"
            )
        return asyncio.run(_approve(server, settings, policy, yes=yes))
    sources = asyncio.run(find_tools(settings, os.environ))
    found = [overview(tool, policy) for source in sources for tool in source.tools]
    if name is not None:
        _show(_one(name, found, sources), as_json=as_json)
        return 0
    clash = name_clash(sources)
    homes = home_inventory(settings.home)
    if as_json:
        _print_json(found, sources, homes)
    else:
        _print(found, sources, settings)
        for home in homes:
            say(f"{'!' if home.lost else '–'} {home.store}: {home}")
    if clash is not None:
        raise clash
    return ToolError.exit_code if any(source.problem for source in sources) else 0


async def _approve(server: str, settings: "EdgeConfig", policy: "Policy", *, yes: bool) -> int:
    """Show the cards of a server as they will leave, ask, and pin them."""
    import os

    from umi_edge.labelling.approved_cards import ApprovedCards
    from umi_edge.labelling.gazetteers import load_gazetteers
    from umi_edge.labelling.tool_cards import card_to_approve, needs_approval, why_withheld
    from umi_edge.policy import Scanner
    from umi_edge.runtime.installed_tools import find_tools
    from umi_edge.terminal.stdin import TypedLines
    from umi_edge.tools import Catalogue
    from umi_shared.errors import ToolError
    from umi_shared.screen.console import Screen

    sources = await find_tools(settings, os.environ)
    source = next((one for one in sources if one.name == f"mcp:{server}"), None)
    if source is None:
        raise ToolError(f"no MCP server is called {server}", fix="see `mcpServers` of the configuration")
    if source.problem is not None:
        raise source.problem
    catalogue = Catalogue(tool for one in sources for tool in one.tools)
    missing = [one for one in sources if one.problem]
    names = await load_gazetteers(policy, catalogue, missing)
    scanner = Scanner.of(policy, names.values)
    rules = {tool.name: policy.tool(tool.name, source=tool.source) for tool in source.tools}
    cards = [
        card_to_approve(tool, scanner)
        for tool in source.tools
        if needs_approval(tool, rules[tool.name])
        and not why_withheld(tool.name, rules[tool.name], tool.source, scanner)
    ]
    for card in cards:
        _show_card(card)
    if not cards:
        say(f"{server} has no tool to approve: the policy decides on all of them.")
        return 0
    question = f"Let the planner read these {len(cards)} cards?"
    if not yes and not await TypedLines().confirmed(Screen(stderr=True), question):
        return 1
    approved = ApprovedCards.read(settings.approved_cards)
    approved.with_server(source.name, [(card.tool, card.hash) for card in cards]).write(
        settings.approved_cards
    )
    say(f"{len(cards)} cards of {server} are approved as shown. One that changes stays until you approve it.")
    return 0


async def _call(name: str, arguments: str, settings: "EdgeConfig", policy: "Policy", *, as_json: bool) -> int:
    """Call a tool and show its result as each reader would see it."""
    import json
    import os

    from umi_edge.labelling.gazetteers import load_gazetteers
    from umi_edge.labelling.labeller import Labeller
    from umi_edge.policy import Scanner
    from umi_edge.runtime.conversation import Output
    from umi_edge.runtime.installed_tools import open_tools
    from umi_edge.runtime.tool_call import call_tool, shown_leaves
    from umi_edge.tools import Failed
    from umi_shared.errors import ToolError

    try:
        written = json.loads(arguments)
    except ValueError:
        written = None
    if not isinstance(written, dict):
        raise click.UsageError('the arguments are a JSON object, such as \'{"query": "Ann"}\'')
    async with open_tools(settings, os.environ) as installed:
        catalogue = installed.catalogue
        for source in installed.missing:
            if source.problem is not None and source.prefix and name.startswith(source.prefix):
                raise source.problem
        tool = catalogue[name]
        names = await load_gazetteers(policy, catalogue, installed.missing)
        sources = {one.name: one.source for one in catalogue}
        labeller = Labeller.fresh(policy, Scanner.of(policy, names.values), sources)
        consent = Output.for_terminal(as_json=as_json, approve_all=False).consent()
        outcome = await call_tool(tool, written, labeller, consent)
    if outcome is None:
        say("You did not say yes, so nothing was done.")
        return 1
    if isinstance(outcome, Failed):
        raise ToolError(f"{name} failed: {outcome.kind}: {outcome.detail}", fix=f"see `umi tools {name}`")
    leaves = list(shown_leaves(name, outcome.value, labeller))
    if as_json:
        say_json([asdict(leaf) for leaf in leaves])
    else:
        _print_leaves(leaves)
    return 0


def _print_leaves(leaves: "list[ShownLeaf]") -> None:
    import json

    from rich.table import Table

    from umi_shared.screen.console import output_screen

    table = Table(box=None, pad_edge=False)
    for column in ("path", "value", "label", "planner", "summarizer", "caller", "third parties", "rule"):
        table.add_column(column, overflow="fold")
    for leaf in leaves[:_ROWS]:
        told = json.dumps(leaf.value, ensure_ascii=False)
        table.add_row(
            leaf.path,
            one_line(told if len(told) <= _CELL else f"{told[:_CELL]}…"),
            ", ".join(filter(None, (leaf.locality, leaf.integrity, leaf.barred))),
            *(one_line(text[:_CELL]) for text in (leaf.planner, leaf.summarizer, leaf.caller)),
            "may get it" if leaf.third_party else "by a rule or your yes",
            leaf.rule,
        )
    output_screen().print(table)
    if len(leaves) > _ROWS:
        say(f"{len(leaves) - _ROWS} more: `--json` has them all.")


def _show_card(card: "CardToApprove") -> None:
    import json

    from umi_shared.screen.console import output_screen

    screen = output_screen()
    screen.print(card.tool, style="bold")
    screen.print(_lines(card.description))
    screen.print(_lines(json.dumps(card.input_schema, indent=2, ensure_ascii=False)))
    if card.result_names:
        screen.print(f"names in its results: {', '.join(sorted(card.result_names))}")
    for rule in dict.fromkeys(card.found):
        screen.print(f"withheld: {card.found.count(rule)} by {rule}")
    screen.print()


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


def _print_json(
    found: "list[ToolOverview]", sources: "tuple[ToolSource, ...]", homes: "tuple[Holding, ...]"
) -> None:
    broken = [
        {"source": source.name, "problem": source.problem.message, "fix": source.problem.fix}
        for source in sources
        if source.problem
    ]
    withheld = [asdict(tool) for source in sources for tool in source.withheld]
    held = [
        {"store": home.store, "counts": home.counts, "skipped": [asdict(one) for one in home.lost]}
        for home in homes
    ]
    tools = [asdict(tool) for tool in found]
    say_json({"tools": tools, "broken": broken, "withheld": withheld, "homes": held})


def _print(found: "list[ToolOverview]", sources: "tuple[ToolSource, ...]", settings: "EdgeConfig") -> None:
    from rich.table import Table
    from rich.text import Text

    from umi_edge.labelling.approved_cards import ApprovedCards
    from umi_edge.runtime.config import config_path
    from umi_shared.screen.console import output_screen

    approved = ApprovedCards.read(settings.approved_cards)
    if found:
        table = Table(box=None, pad_edge=False)
        for column in ("tool", "what it does", "runs", "asks first", "from"):
            table.add_column(column, overflow="fold")
        for tool in found:
            table.add_row(
                Text(one_line(tool.name), style="bold"),
                _sentence(tool.description),
                _runs(tool.runs),
                tool.asks,
                tool.source,
            )
        output_screen().print(table)
    elif not any(source.problem for source in sources):
        say_text(_NOTHING.format(file=one_line(str(settings.file or config_path()))))
    for source in sources:
        for one in source.withheld:
            say(f"– {one.name}: left out, because {one.because}")
        if source.problem is not None:
            say(f"✗ {source.name}: {source.problem.message}", f"  Fix: {source.problem.fix}")
        elif source.disabled:
            say(f"– {source.name}: disabled in the configuration")
        elif source.name.startswith("mcp:") and source.name not in approved.pins:
            server = source.name.removeprefix("mcp:")
            say(f"– {source.name}: shown to the planner by name only: `umi tools approve {server}`")


def _show(tool: "ToolOverview", *, as_json: bool) -> None:
    import json

    from rich.table import Table
    from rich.text import Text

    from umi_shared.screen.console import output_screen

    if as_json:
        say_json(asdict(tool))
        return
    screen = output_screen()
    screen.print(Text.assemble((one_line(tool.name), "bold"), f"   {one_line(tool.source)}"))
    screen.print(_lines(tool.description.strip()))
    screen.print()
    screen.print(f"runs         {tool.runs} ({tool.rule})")
    screen.print(f"asks first   {tool.asks}")
    screen.print(f"its results  {tool.results_are}")
    screen.print(f"the caller   sees {tool.caller_sees}")
    screen.print(f"its errors   {_ERRORS.get(tool.errors_are) or _readers(tool.errors_are)}")
    screen.print()
    for title, rows in (("argument", tool.arguments), ("result", tool.results)):
        table = Table(box=None, pad_edge=False)
        for column in (title, "type", "who reads it in clear", "terms", "rule"):
            table.add_column(column, overflow="fold")
        for row in rows:
            kind = getattr(row, "type", "") + ("" if getattr(row, "required", True) else ", optional")
            cells = (row.path, kind, _readers(row.locality), ", ".join(row.terms), row.rule)
            table.add_row(*cells)
        screen.print(table)
        screen.print()
    screen.print("schema", style="bold")
    screen.print(_lines(json.dumps(tool.input_schema, indent=2, ensure_ascii=False)))


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


def _lines(text: str) -> Any:
    """A server's text of several lines, set in: none of them looks like one of umi's."""
    from rich.padding import Padding
    from rich.text import Text

    return Padding(Text(visible(text)), (0, 0, 0, 2))


def _runs(where: str) -> Any:
    from rich.text import Text

    return Text("this device", style="green") if where == "device" else Text("third party", style="yellow")
