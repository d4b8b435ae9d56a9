"""Replies on a terminal: what a person types to a question that a planner, or this device, asks them."""

from umi_edge.terminal.stdin import TypedLines
from umi_shared.screen.console import Screen
from umi_shared.screen.text import visible

__all__ = ["TerminalReplies"]


class TerminalReplies:
    """Asks the person at the terminal. What they type leaves as an instruction does, and they are told so."""

    def __init__(self, console: Screen, lines: TypedLines, *, shown: bool) -> None:
        """`shown` says that the question stands on the screen already, streamed by the live view."""
        self._console = console
        self._lines = lines
        self._shown = shown

    async def reply(self, question: str) -> str:
        """The line that they type; an empty one, and the end of input, is none."""
        if not self._shown:
            self._console.print(f"Asked: {visible(question)}", markup=False, soft_wrap=True)
        self._console.print()
        return await self._lines.reply(
            self._console, "Your reply, which the planner reads as it reads what you ask (nothing: stop): "
        )
