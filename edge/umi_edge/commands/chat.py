"""`umi chat`: keep a conversation going."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_edge.commands._options import alone_option, config_option, json_lines_option, read_config
from umi_shared.screen.output import ask_secret

if TYPE_CHECKING:
    from umi_edge.session.sealed_store import SealingKey


@click.command()
@config_option
@click.option(
    "--policy", type=click.Path(path_type=Path, dir_okay=False), help="A policy file for this once."
)
@click.option("--preview", is_flag=True, help="Show exactly what is about to leave, and ask, each time.")
@click.option(
    "--save", metavar="NAME", help="Save the conversation under a name, encrypted, after each turn."
)
@click.option("--resume", metavar="NAME", help="Go on with a saved conversation, and keep saving it.")
@click.option("--offline", type=click.Choice(["stop", "device"]), help="What to do without the planner.")
@alone_option
@json_lines_option
def command(
    config: Path | None,
    policy: Path | None,
    offline: str | None,
    save: str | None,
    resume: str | None,
    *,
    preview: bool,
    alone: bool,
    as_json: bool,
) -> int:
    """Keep a conversation going: handles and what was said stay until you leave.

    One instruction a line, from the terminal or from standard input; then every question is answered with no, since
    its answer would have been written before you saw it. Ctrl-C stops the step that is running;
    Ctrl-D or an empty line leaves. What is saved is encrypted with a key of the system's keyring, or with a
    passphrase (UMI_PASSPHRASE, or asked for). One that is not saved is carried out by the `umi serve` that runs. Exit
    code 0: every instruction was answered; 1: one was not.
    """
    from umi_edge.commands._visit import visited
    from umi_edge.policy.loader import default_policy_text, read_policy_text
    from umi_edge.runtime.conversation import Output, open_conversation, talk
    from umi_edge.session.saved import SavedChat
    from umi_shared.errors import ConfigError

    if save and resume:
        raise ConfigError(
            "--save begins a conversation and --resume goes on with one", fix="give one of them"
        )

    settings = read_config(config, policy=policy, offline=offline, preview="always" if preview else None)
    output = Output.for_terminal(as_json=as_json, approve_all=False)

    if not (alone or save or resume) and (code := visited(settings, output, None)) is not None:
        return code

    chat = SavedChat.open(
        save or resume or "",
        settings.ledger.parent / "sessions",
        read_policy_text(settings.policy) if settings.policy else default_policy_text(),
        _sealing_key,
        resume=bool(resume),
    )

    async def converse() -> bool:
        async with open_conversation(settings, output) as conversation:
            chat.restore(conversation.session)
            return await talk(conversation, _interruptible, keep=chat.keep)

    return 0 if asyncio.run(converse()) else 1


def _sealing_key() -> "SealingKey":
    """The key that saved conversations are encrypted with."""
    from umi_edge.session.sealed_store import KeyringKey, Passphrase
    from umi_shared.errors import ConfigError

    if passphrase := os.environ.get("UMI_PASSPHRASE"):
        return Passphrase(passphrase)
    if (key := KeyringKey.of_system()) is not None:
        return key
    if not sys.stdin.isatty():
        raise ConfigError("there is no key to save conversations with", fix="set UMI_PASSPHRASE")
    return Passphrase(ask_secret("Passphrase"))


async def _interruptible(task: asyncio.Task[bool]) -> bool:
    """Wait for a turn; Ctrl-C cancels the turn, not the conversation."""
    import signal

    loop = asyncio.get_running_loop()
    previous = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(task.cancel))
    try:
        await asyncio.wait([task])
    finally:
        signal.signal(signal.SIGINT, previous)
    return False if task.cancelled() else task.result()
