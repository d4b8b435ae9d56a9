"""Release: the one function that turns labelled values into what a sink may see.

Keeps I1: nothing else mints `Released` values; I2: what has no label cannot get here; I3: the masked form of a
span is made of handles and constants, so two runs that differ in what stays give the same view.
"""

import json
from collections.abc import Iterable, Sequence

from umi_edge.labelled import LabelledEntry, LabelledText
from umi_shared.handles import Handle, Text, inert
from umi_shared.labels import Sink
from umi_shared.released import Clearance, Released, mint
from umi_shared.transcript import ToolCard, View, with_text

__all__ = ["LabelledCard", "release", "seen_by"]

LabelledCard = tuple[ToolCard, LabelledText]
"""A card without its description, and the description with its labels."""


def release(cards: Sequence[LabelledCard], entries: Sequence[LabelledEntry], sink: Sink) -> Released[View]:
    """The transcript as one sink may see it, with the rule behind each clear span."""
    view = View(
        catalogue=tuple(
            ToolCard(name=card.name, description=seen_by(text, sink), input_schema=card.input_schema)
            for card, text in cards
        ),
        entries=tuple(with_text(entry.template, seen_by(entry.text, sink)) for entry in entries),
    )
    clearances = [clearance for card in cards for clearance in _card_clearances(card, sink)] + [
        clearance for index, entry in enumerate(entries) for clearance in _clearances(index, entry.text, sink)
    ]
    return mint(view, sink, tuple(clearances))


def seen_by(text: LabelledText, sink: Sink) -> Text:
    """Labelled text as one sink may see it, neighbouring clear pieces joined."""
    return _joined(part for span in text for part in span.seen_by(sink))


def _joined(parts: Iterable[str | Handle]) -> Text:
    joined: list[str | Handle] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    # Each piece was escaped by itself; that two of them make a handle when joined must not happen either (I4).
    return tuple(inert(part) if isinstance(part, str) else part for part in joined)


def _card_clearances(labelled: LabelledCard, sink: Sink) -> list[Clearance]:
    card, text = labelled
    schema = len(json.dumps(card.input_schema, separators=(",", ":"), ensure_ascii=False).encode())
    return [
        Clearance(entry=-1, rule=f"catalogue schema of {card.name}", clear_bytes=schema),
        *_clearances(-1, text, sink),
    ]


def _clearances(entry: int, text: LabelledText, sink: Sink) -> list[Clearance]:
    """One clearance a rule: how many bytes it let out of this entry; facts that it shows have their own."""
    released: dict[str, int] = {}
    for span in text:
        clear = span.label.may_read(sink)
        let_out = span.clear if clear else span.fact
        if clear or span.fact:
            rule = span.rule if clear else f"{span.rule} show"
            released[rule] = released.get(rule, 0) + len(let_out.encode())
    return [Clearance(entry=entry, rule=rule, clear_bytes=count) for rule, count in released.items()]
