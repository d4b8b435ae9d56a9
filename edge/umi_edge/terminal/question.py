"""A server's question on a terminal: shown as a stranger's, answered field by field, for that server only.

I5: docs/design.md#i5-third-party-tools-are-sinks
"""

import asyncio
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from umi_edge.terminal.colours import BAD
from umi_edge.terminal.stdin import TypedLines
from umi_edge.terminal.values import doubts, quoted
from umi_edge.tools.json_type import JSON
from umi_edge.tools.running_call import QuestionField, ServerQuestion
from umi_edge.tools.schemas import ArgumentCheck, SoundSchema
from umi_shared.screen.console import Screen
from umi_shared.screen.text import one_line, visible

__all__ = ["TerminalQuestion", "given_value", "typed_value"]

_MOST_PROMPTED = 40
"""Characters of a server's that stand before the place where the user types."""
_TRIES = 3
_YES = ("y", "yes", "true")
_NO = ("n", "no", "false")


class TerminalQuestion:
    """Puts a server's question to the person at the terminal."""

    def __init__(
        self, console: Screen, lines: TypedLines, browse: Callable[[str], Any] = webbrowser.open
    ) -> None:
        self._console = console
        self._lines = lines
        self._browse = browse

    async def answer(self, question: ServerQuestion) -> Mapping[str, JSON] | None:
        """What the person answers; None for a no, the end of input, and a third answer that does not fit."""
        self._show(question)
        if question.url:
            if not await self._lines.confirmed(self._console, "Open this address?", in_full=True):
                return None
            await asyncio.to_thread(self._browse, question.url)
            return {}
        if not await self._lines.confirmed(self._console, "Answer it?"):
            return None
        answers: dict[str, JSON] = {}
        for one in question.fields:
            try:
                value = await self._typed(one)
            except ValueError:
                return None
            if value is not None:
                answers[one.name] = value
        return answers

    def _show(self, question: ServerQuestion) -> None:
        body = Table.grid(padding=(0, 1))
        body.add_column(max_width=24, overflow="fold")
        body.add_column(overflow="fold", ratio=1)
        who = Text("These are the words of the server, not of umi. It may be lying.", style=f"bold {BAD}")
        body.add_row("", who)
        body.add_row(Text("it says", style="bold"), Text(visible(question.message)))
        if question.url:
            body.add_row(Text("address", style="bold"), quoted(question.url, whole=True, style="bold cyan"))
            for doubt in doubts("url", question.url):
                body.add_row("", Text.assemble(("Look closely: ", f"bold {BAD}"), quoted(doubt)))
        for one in question.fields:
            words = Text(one_line(one.description or one.title))
            body.add_row(Text(one_line(one.name), style="bold"), words)
        where = "to that server, which is not on this device" if question.remote else "to that server"
        body.add_row("", Text(f"What you answer goes {where}, and to nobody else.", style="dim"))
        title = f"{one_line(question.server)} asks you something"
        self._console.print(Panel(body, title=Text(title), border_style="bold"))

    async def _typed(self, one: QuestionField) -> JSON:
        """What is typed for a field; None where an optional one is left out. Raises `ValueError`."""
        for _ in range(_TRIES):
            self._console.print(Text(_prompt(one)), end="", style="bold")
            line = await self._lines.next()
            if not line:
                break
            try:
                return typed_value(one, line.strip())
            except ValueError as error:
                self._console.print(Text(one_line(str(error))), style="yellow")
        raise ValueError("no answer that fits")


def _prompt(one: QuestionField) -> str:
    words = _short(one.title)
    if one.choices:
        words += f" [{_short(', '.join(one.choices))}]"
    elif one.kind == "flag":
        words += " [y/n]"
    if one.default is not None:
        return f"{words} ({_short(str(one.default))}): "
    return f"{words}: " if one.required else f"{words} (may be left out): "


def _short(text: str) -> str:
    """A server's words, too few and without the gaps to make a line of the terminal that looks like umi's own.

    >>> _short("Table" + " " * 90 + "umi: your ledger is locked.")
    'Table umi: your ledger is locked.'
    """
    words = " ".join(one_line(text).split())
    return words if len(words) <= _MOST_PROMPTED else f"{words[: _MOST_PROMPTED - 1]}…"


def typed_value(one: QuestionField, text: str) -> JSON:
    """What a typed line stands for; nothing typed is what the server proposes. Raises `ValueError` with the reason.

    >>> typed_value(QuestionField(name="age", title="Age", kind="integer", schema={"type": "integer"}), "41")
    41
    """
    if text or one.default is None:
        return given_value(one, text)
    return _checked(one, one.default)


def given_value(one: QuestionField, said: str | Sequence[str]) -> JSON:
    """What was said to a field, choices as a list or as one text; None for nothing, whatever the server proposes.

    Raises `ValueError` with the reason.
    """
    if said:
        return _checked(one, _read(one, said))
    if one.required:
        raise ValueError("this is needed")
    return None


def _checked(one: QuestionField, value: JSON) -> JSON:
    form = {"type": "object", "properties": {one.name: dict(one.schema)}}
    if ArgumentCheck(SoundSchema.of(form)).problems({one.name: value}):
        raise ValueError("the server does not take this")
    return value


def _read(one: QuestionField, said: str | Sequence[str]) -> JSON:
    if one.kind == "choices":
        parts = [part.strip() for part in said.split(",")] if isinstance(said, str) else said
        return [_chosen(one, part) for part in parts]
    if not isinstance(said, str):
        raise ValueError("one value is asked for")  # it does not fit the field
    text = said
    match one.kind:
        case "integer":
            return int(text)
        case "number":
            return float(text)
        case "flag":
            if text.lower() not in (*_YES, *_NO):
                raise ValueError("type y or n")
            return text.lower() in _YES
        case "choice":
            return _chosen(one, text)
    return text


def _chosen(one: QuestionField, text: str) -> str:
    """A choice by its value, or by its words."""
    if text in one.choices:
        return text
    for value, words in one.choices.items():
        if text.casefold() in (value.casefold(), words.casefold()):
            return value
    raise ValueError("choose one of those that are shown")
