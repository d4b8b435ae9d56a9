"""Release: the one function that turns labelled values into what a sink may see.

Keeps I1: nothing else mints `Released` values; I2: what has no label cannot get here; I3: the masked form of a
span is made of handles and constants, so two runs that differ in what stays give the same view.

I1: docs/design.md#i1-release-only
I2: docs/design.md#i2-fail-closed
I3: docs/design.md#i3-noninterference
I4: docs/design.md#i4-handles-resolve-in-one-place
"""

import json
from collections.abc import Sequence

from umi_edge.labelling.text import LabelledEntry, LabelledText
from umi_shared.handles import Handle, Text, inert
from umi_shared.labels import Sink
from umi_shared.released import Disclosure, Released, mint
from umi_shared.transcript import ToolCard, View, with_text

__all__ = ["LabelledCard", "release", "seen_by"]

LabelledCard = tuple[ToolCard, LabelledText]
"""A card without its description, and the description with its labels."""


def release(
    cards: Sequence[LabelledCard], entries: Sequence[LabelledEntry], sink: Sink, *, may_ask: bool = False
) -> Released[View]:
    """The transcript as one sink may see it, with the rule behind each clear span.

    `may_ask` says whether the sink may ask the user something: by what it has asked, and nothing that stays.
    """
    disclosures: list[Disclosure] = []
    catalogue = []
    for card, text in cards:
        schema = len(json.dumps(card.input_schema, separators=(",", ":"), ensure_ascii=False).encode())
        disclosures.append(Disclosure(entry=-1, rule=f"catalogue schema of {card.name}", clear_bytes=schema))
        seen = _cleared(-1, text, sink, disclosures)
        catalogue.append(ToolCard(name=card.name, description=seen, input_schema=card.input_schema))
    told = [
        with_text(entry.template, _cleared(index, entry.text, sink, disclosures))
        for index, entry in enumerate(entries)
    ]
    view = View(catalogue=tuple(catalogue), entries=tuple(told), may_ask=may_ask)
    return mint(view, sink, tuple(disclosures))


def seen_by(text: LabelledText, sink: Sink) -> Text:
    """Labelled text as one sink may see it, neighbouring clear pieces joined."""
    return _cleared(0, text, sink, [])


def _cleared(entry: int, text: LabelledText, sink: Sink, disclosures: list[Disclosure]) -> Text:
    """Labelled text as one sink may see it.

    Adds one disclosure a rule: how many bytes it let out of this entry; facts that it shows have their own.
    """
    parts: list[str | Handle] = []
    words: list[str] = []  # since the last handle
    let_out: dict[str, list[str]] = {}
    for span in text:
        if span.label.may_read(sink):
            let_out.setdefault(span.rule, []).append(span.clear)
        elif span.fact:
            let_out.setdefault(f"{span.rule} show", []).append(span.fact)
        for part in span.seen_by(sink):
            if isinstance(part, str):
                words.append(part)
                continue
            _end(words, parts)
            parts.append(part)
            words = []
    _end(words, parts)
    disclosures += (
        Disclosure(entry=entry, rule=rule, clear_bytes=len("".join(pieces).encode()))
        for rule, pieces in let_out.items()
    )
    return tuple(parts)


def _end(words: list[str], parts: list[str | Handle]) -> None:
    """Add what was said since the last handle as one part."""
    # Each piece was escaped by itself; that two of them make a handle when joined must not happen either (I4).
    said = inert("".join(words))
    if said:
        parts.append(said)
