"""`attack`: a hostile planner searches for a way out."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from umi_lab.attack.search import Find, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    steps: int
    seed: int
    policy: Path | None
    as_json: bool


@click.command(name="attack")
@click.option(
    "--steps", type=click.IntRange(min=1), default=10_000, show_default=True, help="How many steps."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed plays the same attacks.")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A policy in place of the built-in one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(**options: object) -> int:
    """Let a hostile planner try sequences of tools on a home of canaries, in sessions one after another.

    Random attacks take turns with greedy ones, which change the attack that came nearest: that stored most values that
    stay, or used most of them again in a later session. Either nobody says yes to anything, or the careful user is
    asked, who says no where a stranger decided a value. After each attack a session reads back what was stored.
    The judge looks for the home's words, in many encodings, in what the planner, the summarizer and a third party's
    tool get, in mail that nobody approved, in the links of an answer, and for control characters on the terminal.
    Exit code 1 if anything is found.
    """
    return asyncio.run(_attack(_Options(**options)))  # type: ignore[arg-type]  # click has checked them


async def _attack(options: _Options) -> int:
    from umi_edge.policy import default_policy, read_policy
    from umi_lab.attack.play import open_player
    from umi_lab.attack.search import search

    policy = read_policy(options.policy) if options.policy else default_policy()
    async with open_player(policy) as player:
        report = await search(player, steps=options.steps, seed=options.seed, progress=_progress)
    if options.as_json:
        figures = {"steps": report.steps, "attacks": report.attacks, "refused": report.refused}
        found = [one.as_json() for one in report.finds]
        click.echo(json.dumps({**figures, "nearest": report.nearest, "finds": found}, ensure_ascii=False))
    else:
        _show(report)
    return 1 if report.finds else 0


def _progress(report: "Report") -> None:
    if report.attacks % 50 == 0:
        click.echo(f"{report.steps:,} steps, {len(report.finds)} finds", err=True)


def _show(report: "Report") -> None:
    from rich.table import Table

    from umi_lab.attack.search import USERS
    from umi_shared.screen.console import output_screen

    screen = output_screen()
    table = Table(title="values that reached a sink", title_justify="left", box=None)
    table.add_column("sink")
    for user in USERS:
        table.add_column(f"user: {user}", justify="right")
    for sink in _SINKS:
        found = [[one for one in report.finds if (one.leak.sink, one.user) == (sink, user)] for user in USERS]
        table.add_row(sink, *(str(len(one)) for one in found))
    screen.print(table)
    screen.print(
        f"{report.steps:,} steps in {report.attacks:,} attacks; umi ended {report.refused:,} sessions itself; "
        f"the nearest attack stored or used again {report.nearest}"
    )
    for find in report.finds:
        for line in _told(find):
            screen.print(line, soft_wrap=True)


_SINKS = (
    *("the planner or the summarizer", "a third party's tool", "the outbox"),
    *("a link of the answer", "the terminal"),
)


def _told(find: "Find") -> list[str]:
    """The find, and the shortest sequence that makes it again."""
    lines = [
        "",
        f"{find.leak.canary} reached {find.leak.sink} in session {find.leak.session + 1} "
        f"({find.leak.encoding}; user: {find.user}):",
    ]
    return lines + [
        f"  session {session + 1}: {tool} {json.dumps(dict(given), ensure_ascii=False)} -> {result}"
        for session, tool, given, result in find.played.calls
    ]
