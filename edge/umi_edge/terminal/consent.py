"""Consent on a terminal: the exact values, then a question whose default is no."""

import json

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from umi_edge.session.consent import ConsentRequest
from umi_edge.terminal.stdin import TypedLines
from umi_edge.terminal.text import plain

__all__ = ["TerminalConsent"]


class TerminalConsent:
    """Asks the person at the terminal."""

    def __init__(self, console: Console, lines: TypedLines) -> None:
        self._console = console
        self._lines = lines

    async def approve(self, request: ConsentRequest) -> bool:
        """Show the call with its real values and ask; end of input is a no."""
        self._console.print(Panel(_shown(request), title=f"May {request.tool} do this?", border_style="bold"))
        return await self._lines.confirmed(self._console, "Go ahead?")


def _shown(request: ConsentRequest) -> Text:
    text = Text()
    for name, value in request.arguments.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        text.append(f"{plain(name)}: ", style="bold")
        text.append(f"{plain(shown)}\n")
    if request.leaves_device:
        text.append("These values will leave this device.\n", style="bold yellow")
    for reason in request.reasons:
        text.append(f"Asked because: {plain(reason)}\n", style="dim")
    return text
