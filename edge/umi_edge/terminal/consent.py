"""Consent on a terminal: the exact values and where each came from, then a question whose default is no."""

from collections.abc import Callable, Iterable, Mapping

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from umi_edge.session.consent import ConsentRequest
from umi_edge.terminal.colours import BAD
from umi_edge.terminal.consent_words import Tone, notes_of, origin_of, title_of
from umi_edge.terminal.lookalikes import NOTHING_KNOWN, KnownAddresses
from umi_edge.terminal.question import TerminalQuestion
from umi_edge.terminal.stdin import TypedLines
from umi_edge.terminal.values import FOLDED, doubts, is_destination, ordered, quoted
from umi_edge.tools.json_type import JSON
from umi_edge.tools.running_call import ServerQuestion
from umi_shared.screen.console import Screen
from umi_shared.screen.text import one_line

__all__ = ["NobodyAtTerminal", "TerminalConsent", "show_request"]


class TerminalConsent:
    """Asks the person at the terminal; `known` gives the addresses and names that the user's own data has."""

    def __init__(
        self, console: Screen, lines: TypedLines, known: Callable[[], Iterable[str]] = tuple
    ) -> None:
        self._console = console
        self._lines = lines
        self._known = known

    async def approve(self, request: ConsentRequest) -> bool:
        """Show the call with its real values and ask; end of input is a no.

        What a stranger's text decided is asked apart: a `y` is not enough there.
        """
        known = KnownAddresses(self._known())
        show_request(self._console, request, known)
        return await self._lines.confirmed(
            self._console,
            "Go ahead?",
            in_full=bool(request.from_strangers),
            whole=(lambda: show_request(self._console, request, known, whole=True))
            if _is_long(request)
            else None,
        )

    async def answer(self, question: ServerQuestion) -> Mapping[str, JSON] | None:
        """Put a server's question to the person."""
        return await TerminalQuestion(self._console, self._lines).answer(question)


class NobodyAtTerminal:
    """Nobody is at a terminal, so the answer is no, and a line says what would have been asked, and why."""

    def __init__(self, console: Screen) -> None:
        self._console = console

    async def approve(self, request: ConsentRequest) -> bool:
        """No; the line has the tool and the rules, and no value."""
        why = one_line("; ".join(request.reasons))
        said = f"{one_line(request.tool)} is declined, for nobody is at a terminal to say yes to it: {why}"
        self._console.print(said, markup=False, highlight=False, soft_wrap=True)
        return False


def show_request(
    console: Screen, request: ConsentRequest, known: KnownAddresses = NOTHING_KNOWN, *, whole: bool = False
) -> None:
    """Show a call with its real values, and where each came from; long ones folded unless `whole`."""
    title = title_of(request)
    body = Table.grid(padding=(0, 1))  # a value stays in its column, however long: it can't look like a name
    body.add_column(max_width=24, overflow="fold")
    body.add_column(overflow="fold", ratio=1)
    for line in _notes(request):
        body.add_row("", line)
    for name in ordered(request.arguments):
        for row in _rows(request, name, known, whole=whole):
            body.add_row(*row)
    console.print(Panel(body, title=Text(title), border_style="bold"))


def _is_long(request: ConsentRequest) -> bool:
    return any(len(str(value)) > FOLDED for value in request.arguments.values())


def _notes(request: ConsentRequest) -> list[Text]:
    styles = {Tone.QUIET: "dim", Tone.CAREFUL: "bold yellow", Tone.BAD: f"bold {BAD}"}
    return [Text(one_line(note.words), style=styles[note.tone]) for note in notes_of(request)]


def _rows(
    request: ConsentRequest, name: str, addresses: KnownAddresses, *, whole: bool
) -> list[tuple[Text, Text]]:
    value = request.arguments[name]
    goes = is_destination(name, value)
    rows = [
        (Text(one_line(name), style="bold"), quoted(value, whole=whole, style="bold cyan" if goes else ""))
    ]
    said = one_line(origin_of(request, name))
    style = BAD if name in request.from_strangers else "dim"
    rows.append((Text(), Text(said, style=style)))
    rows += [
        (Text(), Text.assemble(("Look closely: ", f"bold {BAD}"), quoted(one)))
        for one in doubts(name, value, addresses)
    ]
    return rows
