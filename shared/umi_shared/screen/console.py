"""The console that tables, panels and progress go through: Rich's, without markup, and with every text made visible."""

from collections.abc import Iterable
from typing import Any

from rich.console import (
    Console,
    ConsoleOptions,
    HighlighterType,
    JustifyMethod,
    OverflowMethod,
    RenderableType,
)
from rich.segment import Segment
from rich.status import Status
from rich.style import StyleType
from rich.text import Text

from umi_shared.screen.text import one_line, unseen, visible

__all__ = ["Screen", "output_screen"]

_PIPED_COLUMNS = 240
_SIGN = "reverse"


class Screen(Console):
    """A Rich console on which nobody's words are markup, a link, or an instruction to the terminal.

    A `str` stays on one line, whatever is in it; a `Text` may have several. What a terminal would obey, or not show,
    becomes a sign before Rich measures it, and no segment with such a character passes, but for Rich's own, which move
    the cursor for a progress bar.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(
        self,
        text: str,
        *,
        style: StyleType = "",
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        emoji: bool | None = None,
        markup: bool | None = None,
        highlight: bool | None = None,
        highlighter: HighlighterType | None = None,
    ) -> Text:
        """The words as they are, on one line."""
        return Text(one_line(text), style=style, justify=justify, overflow=overflow)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is printed; Rich comes here for every part of it, too."""
        shown = _with_signs(renderable) if isinstance(renderable, Text) else renderable
        for segment in super().render(shown, options):
            text, style, control = segment
            if control:
                yield segment
            else:
                yield Segment(visible(text), style.update_link(None) if style and style.link else style)

    def status(self, status: RenderableType, **settings: Any) -> Status:
        """A spinner beside a text; Rich would read markup in a plain string."""
        shown = Text(one_line(status)) if isinstance(status, str) else status
        return super().status(shown, **settings)


def output_screen() -> Screen:
    """Where tables go: as wide as the terminal, or wide enough not to wrap where the output is piped."""
    screen = Screen()
    return screen if screen.is_terminal else Screen(width=_PIPED_COLUMNS, no_color=True)


def _with_signs(text: Text) -> Text:
    """The text with signs in place of what can't be seen, in reverse so that nobody takes them for letters."""
    plain = text.plain
    found = [match for match in unseen().finditer(plain) if match.group() not in "\n\t"]
    if not found:
        return text
    shown, done = text.blank_copy(), 0
    for match in found:
        shown.append_text(text[done : match.start()])
        shown.append(one_line(match.group()), style=_SIGN)
        done = match.end()
    shown.append_text(text[done:])
    return shown
