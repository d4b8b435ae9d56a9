"""The preview: a person sees exactly what is about to leave, and says yes or no to these bytes and no others.

I2: docs/design.md#i2-fail-closed
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rich.rule import Rule
from rich.text import Text as Rich

from umi_edge.egress.cloud_client import Outbound
from umi_edge.ledger.outbound import entry_title
from umi_edge.terminal.colours import BAD, LEFT, STAYED
from umi_edge.terminal.stdin import TypedLines
from umi_shared.handles import Handle, Text
from umi_shared.labels import Sink
from umi_shared.screen.console import Screen
from umi_shared.screen.text import one_line
from umi_shared.transcript import ToolCard, View, text_of

__all__ = ["DeclineOutbound", "TerminalPreview"]


class DeclineOutbound:
    """Nobody is there to see it first, so nothing leaves (I2)."""

    async def approve(self, outbound: Outbound) -> bool:
        """No."""
        return False


@dataclass(slots=True)
class TerminalPreview:
    """Asks the person at the terminal; `once` asks for the first message of a session only.

    A message repeats all that came before it. What was approved for the same reader is counted, not shown again.
    """

    console: Screen
    lines: TypedLines
    once: bool = False
    notices: Callable[[], Sequence[str]] = field(default=tuple, repr=False)
    """What a person should know before they say yes, such as names that the detectors do without."""
    _approved: dict[Sink, View] = field(default_factory=dict, repr=False)

    async def approve(self, outbound: Outbound) -> bool:
        """Show the message and ask; the default, and the end of input, is no."""
        if self.once and self._approved:
            return True
        for line in self._shown(outbound):
            self.console.print(line, soft_wrap=True)
        approved = await self.lines.confirmed(self.console, "May this leave the device?")
        if approved:
            self._approved[outbound.sink] = outbound.view
        return approved

    def _shown(self, outbound: Outbound) -> Iterator[Rich | Rule]:
        view, known = outbound.view, self._approved.get(outbound.sink)
        size = len(outbound.message)
        yield from (Rich(one_line(f"Careful: {notice}"), style=f"bold {BAD}") for notice in self.notices())
        yield Rule(f"about to leave for the {outbound.sink}, {one_line(outbound.peer)}", style=LEFT)
        if known is not None and known.catalogue == view.catalogue and _continues(view, known):
            seen = f"as approved before: {len(known.catalogue)} tools, {len(known.entries)} entries"
            yield Rich(seen, style="dim")
            entries = view.entries[len(known.entries) :]
        else:
            yield from map(_card, view.catalogue)
            entries = view.entries
        for entry in entries:
            yield Rich.assemble((f"{one_line(entry_title(entry))}: ", "bold"), _marked(text_of(entry)))
        yield from (Rich(one_line(f"By exception: {note}"), style=LEFT) for note in outbound.notes)
        yield Rich.assemble(
            f"{size:,} bytes, {outbound.padding_bytes:,} of them padding, with the request's id "
            f"{one_line(outbound.request_id)}   sha256 {outbound.sha256}",
        )


def _continues(view: View, known: View) -> bool:
    return view.entries[: len(known.entries)] == known.entries


def _card(card: ToolCard) -> Rich:
    return Rich.assemble(
        ("tool ", "bold"),
        (one_line(card.name), LEFT),
        ": ",
        _marked(card.description),
        (f" {one_line(json.dumps(card.input_schema, separators=(',', ':'), ensure_ascii=False))}", LEFT),
    )


def _marked(text: Text) -> Rich:
    """The text with handles in the colour of what stays, and the rest in that of what leaves."""
    shown = Rich()
    for part in text:
        if isinstance(part, Handle):
            shown.append(str(part), style=f"bold {STAYED}")
        else:
            shown.append(one_line(part), style=LEFT)
    return shown
