"""The keeper: takes what stays into the vault, and finds it again in text.

Keeps I2 (what it is given stays), I4 (nothing that it writes in clear reads as a handle) and I8.

I2: docs/design.md#i2-fail-closed
I4: docs/design.md#i4-handles-resolve-in-one-place
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_edge.labelling.declassification import Declassifications
from umi_edge.labelling.json_text import HIDDEN, clear_span, compact_json, escaped_json, type_of
from umi_edge.labelling.known_values import KnownValues
from umi_edge.labelling.private_spans import PrivateSpan, never_spans, private_spans
from umi_edge.labelling.text import LabelledText, Span
from umi_edge.labelling.vault import INSTRUCTION, Kept, Origin, Source, Vault
from umi_edge.policy import Detection, Resolution, Scanner
from umi_edge.policy.rules import ANY_TYPE, Shape
from umi_edge.tools.record import Doubt
from umi_shared.handles import Handle, Text, escape
from umi_shared.labels import Integrity, Label, Locality

__all__ = ["ECHO", "ENDS", "Keeper", "PartLabel", "as_the_whole"]

ECHO = Origin(
    Source.RESULT,
    "what a model told you",
    Doubt("repeated of what a model told you", True, "type it in a new session"),
)
"""Where a part of what the user typed came from, which is not their own."""
_WORD = re.compile(r"\S+")
_MOST_GROUPS = 12
"""Pieces of a number that is set with blanks, such as an account's."""
ENDS = ".,;:!?()[]{}<>'\"*_`"
"""What may stand around a word and is no part of it."""

PartLabel = Callable[[str, Label], Label]
"""The label of a part of a text, given the label of the whole."""


def as_the_whole(_: str, label: Label) -> Label:
    """Every part has the label of the whole."""
    return label


@dataclass(slots=True)
class Keeper:
    """The one writer of a session's vault: detectors, the vault, and what has been told of its values."""

    scanner: Scanner
    vault: Vault = field(default_factory=Vault)
    declassified_bits: int = 0
    """The limit of what `show` may tell in this session."""
    hash_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """The key of `show: hash`; the device's own gives a value the same hash in every session."""
    known: KnownValues = field(init=False)
    declassified: Declassifications = field(init=False)

    def __post_init__(self) -> None:
        self.known = KnownValues(self.vault)
        self.declassified = Declassifications(self.declassified_bits, self.hash_key)

    def handle_span(self, handle: Handle) -> Span:
        """A handle that stands in text; only a caller on the device that may see values sees another thing."""
        kept = self.vault[handle]
        clear = escape(kept.value if isinstance(kept.value, str) else compact_json(kept.value))
        label = Label.at(Locality.HANDLE).with_bars(kept.label.bars)
        return Span(clear=clear, masked=(handle,), label=label, rule="handle")

    def kept(self, value: Any, label: Label, resolution: Resolution, *, origin: Origin) -> Span:
        """A JSON value that stays, as the handle that stands for it; or as nothing but that it is hidden."""
        return self.under(label, resolution, origin=origin)(value)

    def under(self, label: Label, resolution: Resolution, *, origin: Origin) -> Callable[[Any], Span]:
        """What `kept` does for every value under one rule, all that does not depend on the value done once."""
        rule, show, vault = resolution.rule_id, resolution.show, self.vault
        hidden = resolution.shape == Shape.HIDDEN  # then neither its type nor its equality to others may show
        named = type_of({}, resolution) if hidden or resolution.type != ANY_TYPE else ""
        link = resolution.link and not hidden

        def conceal(value: Any) -> Span:
            vault.conceal(value, label=label, origin=origin)
            return Span(escaped_json(value), HIDDEN, label, rule)

        def keep(value: Any) -> Span:
            word = named or type_of(value, resolution)
            handle = vault.keep(value, type=word, label=label, origin=origin, link=link)
            fact = self._fact(show, handle, value)
            return Span(escaped_json(value), ('"', handle, fact + '"'), label, rule, False, fact)

        return keep if label.visible else conceal

    def _fact(self, show: str | None, handle: Handle, value: Any, *, never: bool = False) -> str:
        """What is shown behind a handle; charged also where the value never leaves, since a silence tells, too."""
        fact = f" ({self.declassified.fact(show, handle, value).text})" if show else ""
        return "" if fact and (never or self.never_leaves(value)) else fact

    def never_leaves(self, value: Any) -> bool:
        """Whether a detector of a type that leaves under no rule finds something in a JSON value."""
        never = self.scanner.never
        return never is not None and bool(
            never.scan(value if isinstance(value, str) else compact_json(value))
        )

    def clear_text(
        self,
        text: str,
        label: Label,
        *,
        rule: str,
        origin: Origin,
        link: bool = True,
        explicit: bool = False,
        part: PartLabel = as_the_whole,
    ) -> LabelledText:
        """Text that leaves by its rule, to those whom the label names, but for what leaves under no rule (`never`)."""
        return self._parted(
            text, never_spans(text, self.scanner), label, rule, origin, link, part, explicit=explicit
        )

    def scanned_text(
        self,
        text: str,
        label: Label,
        *,
        rule: str,
        origin: Origin,
        link: bool = True,
        part: PartLabel = as_the_whole,
        also: Iterable[PrivateSpan] = (),
    ) -> LabelledText:
        """Text that may leave except for what the detectors, or the vault, know to be private, and for `also`."""
        found = private_spans(text, self.scanner, self.known, typed=origin == INSTRUCTION, also=also)
        let_go = self.scanner.let_go(text)
        return self._parted(text, found, label, rule, origin, link, part, let_go=let_go)

    def _parted(
        self,
        text: str,
        found_in_it: Iterable[PrivateSpan],
        label: Label,
        rule: str,
        origin: Origin,
        link: bool,
        part: PartLabel,
        *,
        explicit: bool = False,
        let_go: Sequence[Detection] = (),
    ) -> LabelledText:
        spans: list[Span] = []
        end = 0
        for found in found_in_it:
            for start, stop, by in _left(end, found.start, let_go, rule):
                spans += _clear_spans(text[start:stop], label, by, part, explicit=explicit)
            value, fact = text[found.start : found.end], ""
            said = part(value, label)
            stays, came = said.join(found.label), ECHO if label.trusted and not said.trusted else origin
            if not stays.visible:
                masked: Text = ("[hidden]",)
            elif found.kept is not None:
                masked = (self._handle_again(found.kept, value, came),)
            else:
                handle = self.vault.keep(value, type=found.type, label=stays, origin=came, link=link)
                fact = self._fact(found.show, handle, value, never=found.never)
                masked = (handle, fact) if fact else (handle,)
            spans.append(
                Span(
                    clear=escape(value),
                    masked=masked,
                    label=stays,
                    rule=found.rule,
                    explicit=False,
                    fact=fact,
                )
            )
            end = found.end
        for start, stop, by in _left(end, len(text), let_go, rule):
            spans += _clear_spans(text[start:stop], label, by, part, explicit=explicit)
        return tuple(spans)

    def _handle_again(self, kept: Kept, text: str, origin: Origin) -> Handle:
        """The value's handle; a fresh one where equality must not show, or where the user has typed it themselves."""
        if origin == INSTRUCTION and not kept.label.trusted:
            label = kept.label.with_integrity(Integrity.TRUSTED)
            return self.vault.keep(text, type=kept.handle.type, label=label, origin=origin, link=kept.linked)
        if kept.linked:
            return kept.handle
        return self.vault.keep(
            kept.value, type=kept.handle.type, label=kept.label, origin=kept.origin, link=False
        )


def _left(start: int, end: int, let_go: Sequence[Detection], rule: str) -> Iterator[tuple[int, int, str]]:
    """The pieces of what leaves of a text, each with its rule: an exception's where a detector finds the piece."""
    for one in let_go:
        if start <= one.start and one.end <= end:
            if start < one.start:
                yield start, one.start, rule
            yield one.start, one.end, one.rule_id
            start = one.end
    if start < end:
        yield start, end, rule


def _clear_spans(text: str, label: Label, rule: str, part: PartLabel, *, explicit: bool) -> Iterator[Span]:
    """What is clear between the private spans: one span, cut at what has another label."""
    end = 0
    for start, stop, said in _labelled_words(text, label, part) if part is not as_the_whole else ():
        if start > end:
            yield clear_span(text[end:start], label, rule)._replace(explicit=explicit)
        yield clear_span(text[start:stop], said, rule)._replace(explicit=explicit)
        end = stop
    if end < len(text):
        yield clear_span(text[end:], label, rule)._replace(explicit=explicit)


def _labelled_words(text: str, label: Label, part: PartLabel) -> Iterator[tuple[int, int, Label]]:
    """The words that have another label; of words in a row that each hold a digit, as many as make one number."""
    words = [(one.start(), one.end()) for one in _WORD.finditer(text)]
    at = 0
    while at < len(words):
        start, taken = words[at][0], 1
        for _, stop in reversed(words[at : at + _row(text, words, at)]):
            said = part(text[start:stop].strip(ENDS), label)
            if said != label:
                yield start, stop, said
                taken = sum(word[1] <= stop for word in words[at:])
                break
        at += taken


def _row(text: str, words: Sequence[tuple[int, int]], at: int) -> int:
    """How many words from one on may be parts of one number; at least that one."""
    row = 0
    for start, stop in words[at : at + _MOST_GROUPS]:
        if not any(map(str.isdecimal, text[start:stop])):
            break
        row += 1
    return max(row, 1)
