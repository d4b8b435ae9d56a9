"""`umi chat`: keep a conversation going."""

import asyncio
import sys
from pathlib import Path

import click

from umi_edge.commands._options import config_option, read_config


@click.command()
@config_option
@click.option(
    "--policy", type=click.Path(path_type=Path, dir_okay=False), help="A policy file for this once."
)
@click.option("--preview", is_flag=True, help="Show exactly what is about to leave, and ask, each time.")
@click.option("--offline", type=click.Choice(["stop", "device"]), help="What to do without the planner.")
def command(config: Path | None, policy: Path | None, offline: str | None, *, preview: bool) -> int:
    """Keep a conversation going: handles and what was said stay until you leave.

    One instruction a line, from the terminal or from standard input. Ctrl-C stops the step that is running;
    Ctrl-D or an empty line leaves.
    """
    from umi_edge.conversation import Conversation, Output, open_conversation
    from umi_shared.errors import UmiError

    settings = read_config(config, policy=policy, offline=offline, preview="always" if preview else None)
    output = Output.for_terminal(as_json=False, approve_all=False)

    async def turn(conversation: Conversation, line: str) -> None:
        try:
            await conversation.ask(line)
        except UmiError as error:
            output.console.print(f"[red]umi:[/red] {error}")

    async def talk() -> None:
        async with open_conversation(settings, output) as conversation:
            output.console.print(f"Planner: {conversation.where}. An empty line leaves.", style="dim")
            while line := await asyncio.to_thread(_line):
                task = asyncio.create_task(turn(conversation, line))
                await _interruptible(task)

    asyncio.run(talk())
    return 0


def _line() -> str:
    """The next instruction; empty at the end."""
    if sys.stdin.isatty():
        click.echo("\n> ", nl=False)
    return sys.stdin.readline().strip()


async def _interruptible(task: asyncio.Task[None]) -> None:
    """Wait for a turn; Ctrl-C cancels the turn, not the conversation."""
    import signal

    loop = asyncio.get_running_loop()
    previous = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(task.cancel))
    try:
        await asyncio.wait([task])
    finally:
        signal.signal(signal.SIGINT, previous)
    if task.cancelled():
        click.echo("\nstopped", err=True)
    elif task.exception():
        raise task.exception()  # type: ignore[misc]  # it was just seen to be one
