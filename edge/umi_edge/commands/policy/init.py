"""`umi policy init`: a starter policy for the installed tools."""

from pathlib import Path

import click

from umi_edge.commands._options import config_option, read_config
from umi_shared.errors import ConfigError
from umi_shared.screen.output import say, say_text


@click.command()
@config_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here, not to the terminal."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(config: Path | None, output: Path | None, *, force: bool) -> int:
    """Write a policy for the tools that are installed, with a comment for each choice; everything stays.

    Every argument and every result field that a tool declares has its line, so that letting one out is changing one
    word. MCP servers are started to be asked; one that does not start is left out, and said so (exit code 4).
    """
    import asyncio
    import os

    from umi_edge.policy_tools.starter import starter_policy
    from umi_edge.runtime.installed_tools import find_tools
    from umi_shared.durable_file import write_durably
    from umi_shared.errors import ToolError

    if output is not None and output.exists() and not force:
        raise ConfigError(f"{output} is there already", fix="choose another name, or give --force")
    sources = asyncio.run(find_tools(read_config(config), os.environ))
    text = starter_policy(tool for source in sources for tool in source.tools)
    if output is None:
        say_text(text)
    else:
        write_durably(output, text.encode(), private=False)
        say(f"{output}: check it with `umi policy check {output}`", err=True)
    broken = [source for source in sources if source.problem is not None]
    for source in broken:
        say(f"left out: {source.name}: {source.problem.message if source.problem else ''}", err=True)
    return ToolError.exit_code if broken else 0
