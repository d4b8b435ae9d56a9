"""`umi service`: what keeps the daemon running."""

import sys
from pathlib import Path

import click

from umi_edge.commands._options import config_option, read_config


@click.command()
@config_option
@click.option(
    "--kind",
    type=click.Choice(["systemd", "launchd"]),
    default="launchd" if sys.platform == "darwin" else "systemd",
    show_default=True,
    help="Who is to run it.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=4864, show_default=True, help="Where it is to listen."
)
def command(config: Path | None, kind: str, port: int) -> int:
    """Print what makes `umi serve` start with your login and run on: a systemd user unit, or a launchd agent.

    How it is installed stands in its first lines. Nothing is written.

    \b
    umi service > ~/.config/systemd/user/umi.service
    systemctl --user daemon-reload
    systemctl --user enable --now umi
    """
    from umi_edge.doors.service import launchd_agent, systemd_unit
    from umi_shared.screen.output import say_text

    settings = read_config(config)
    program = [sys.executable, "-m", "umi_edge", "serve", "--port", str(port)]
    if settings.file:
        program += ["--config", str(settings.file.resolve())]
    folder = settings.ledger.parent.resolve()
    say_text(systemd_unit(program) if kind == "systemd" else launchd_agent(program, folder))
    return 0
