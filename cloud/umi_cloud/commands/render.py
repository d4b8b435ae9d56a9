"""`umi-cloud render`: the prompts and targets that a dialect makes of recorded conversations."""

import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_shared.screen.output import say_json

if TYPE_CHECKING:
    from umi_cloud.episodes import Episode

ROLES = ("planner", "caller", "summarizer", "backbone")


@click.command(name="render")
@click.option("--dialect", "dialect_name", default="umi", show_default=True, help="alpha-umi or umi.")
@click.option("--role", type=click.Choice(ROLES), required=True, help="Whose training set.")
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Episodes (JSON lines), or α-UMi's raw_data_stage_1.json or raw_data_stage_2.json.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Print at most this many rows.")
def command(dialect_name: str, role: str, data: Path, limit: int | None) -> None:
    """Print the prompts and targets a dialect makes of recorded conversations.

    One JSON object a line, with the keys `input` and `target`.
    """
    from umi_cloud.episodes import Role, read_episodes, training_rows
    from umi_shared.dialects import dialect_named

    dialect = dialect_named(dialect_name)
    episodes = _with_progress(list(read_episodes(data)))
    rows = training_rows(episodes, dialect=dialect, role=Role(role))
    for row in itertools.islice(rows, limit):
        say_json({"input": row.input, "target": row.target})


def _with_progress(episodes: list["Episode"]) -> Iterable["Episode"]:
    """A bar on stderr while rows go to a file or a pipe; none where rows fill the same terminal."""
    if sys.stdout.isatty() or not sys.stderr.isatty():
        return episodes
    return _bar(episodes)


def _bar(episodes: list["Episode"]) -> Iterator["Episode"]:
    from rich.progress import track

    from umi_shared.screen.console import Screen

    yield from track(episodes, description="Rendering", console=Screen(stderr=True), transient=True)
