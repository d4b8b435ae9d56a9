"""Lines, texts and JSON on standard output or standard error; nothing in them steers a terminal."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import click

from umi_shared.screen.text import escaped, one_line, visible

__all__ = [
    "Coloured",
    "Line",
    "ask_secret",
    "ask_yes",
    "relay",
    "say",
    "say_bytes",
    "say_json",
    "say_prompt",
    "say_text",
]


@dataclass(frozen=True, slots=True)
class Coloured:
    """A part of a line in a colour of click's; the colour is left out where the output is piped."""

    text: str = field(repr=False)
    colour: str = field(repr=False)


Line = str | Sequence[str | Coloured]
"""A line, or the parts of one."""


def say(*lines: Line, err: bool = False, file: IO[str] | None = None) -> None:
    """Print lines. Each stays one line, whatever is in it."""
    for line in lines or ("",):
        parts = (line,) if isinstance(line, str) else line
        click.echo("".join(_shown(part) for part in parts), err=err, file=file)


def say_text(text: str, *, err: bool = False, file: IO[str] | None = None) -> None:
    """Print a text of many lines as it is: an answer, a file. It ends with a new line."""
    click.echo(visible(text).removesuffix("\n"), err=err, file=file)


def relay(drawn: str, *, err: bool = False) -> None:
    """Print what the screen of another process of this user has drawn already, colours and all."""
    click.echo(drawn, nl=False, err=err, color=True)


def say_bytes(pieces: Iterable[bytes]) -> None:
    """Print a file for programs as it is, byte for byte; a terminal is shown it as text."""
    if sys.stdout.isatty():
        for line in b"".join(pieces).splitlines():
            say(line.decode("utf-8", "backslashreplace"))
        return
    out = sys.stdout.buffer
    out.writelines(pieces)
    out.flush()


def say_json(document: Any, *, indent: int | None = None, file: IO[str] | None = None) -> None:
    """Print a document for programs; what can't be seen is escaped as JSON does it, so nothing is lost."""
    click.echo(escaped(json.dumps(document, indent=indent, ensure_ascii=False)), file=file)


def say_prompt(prompt: str, *, err: bool = False, file: IO[str] | None = None) -> None:
    """Print what stands before the place where a person types, below an empty line."""
    click.echo(f"\n{one_line(prompt)}", nl=False, err=err, file=file)


def ask_secret(question: str) -> str:
    """What a person types without it showing; the question goes to standard error."""
    typed: str = click.prompt(one_line(question), hide_input=True, err=True)
    return typed


def ask_yes(question: str) -> bool:
    """Whether a person says yes, on standard error; an empty line is no."""
    said: bool = click.confirm(one_line(question), default=False, err=True)
    return said


def _shown(part: str | Coloured) -> str:
    if isinstance(part, Coloured):
        return click.style(one_line(part.text), fg=part.colour)
    return one_line(part)
