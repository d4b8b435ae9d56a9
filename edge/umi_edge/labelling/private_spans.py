"""The private spans of a text: what the detectors find in it, and what this session keeps already.

I1: docs/design.md#i1-release-only
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from umi_edge.labelling.known_values import KnownValues
from umi_edge.labelling.vault import Kept
from umi_edge.policy import Scanner
from umi_shared.labels import Integrity, Label, Locality

__all__ = ["PrivateSpan", "never_spans", "private_spans"]


_STAYS = Label.at(Locality.HANDLE, Integrity.TRUSTED)


@dataclass(frozen=True, slots=True)
class PrivateSpan:
    """One span that stays."""

    start: int
    end: int
    type: str
    rule: str
    label: Label = _STAYS
    """Who may read it; its integrity is that of the text."""
    kept: Kept | None = None
    """The value that it is, where it is exactly one that is kept already."""
    never: bool = False
    """Whether it leaves under no rule, whoever may read what it stands in."""
    show: str | None = field(default=None, repr=False)
    """The fact that may be shown of it."""

    def merged(self, other: "PrivateSpan", *, typed: bool) -> "PrivateSpan":
        """One span over both, with the words of the longer one; as that one is kept only if it is all of it.

        Only those may read it who may read both. Two things stay as they are: a longer value that is kept already, and
        what the user has typed and a detector finds, which is theirs to give.
        """
        longest = other if other.end - other.start > self.end - self.start else self
        start, end = min(self.start, other.start), max(self.end, other.end)
        covers = (longest.start, longest.end) == (start, end)
        equal = (self.start, self.end) == (other.start, other.end)
        never = self.never or other.never
        as_it_is = typed or (longest.kept is not None and not equal)
        if covers and as_it_is and not never:
            return replace(longest, label=longest.label.with_bars(self.label.bars | other.label.bars))
        kept = longest.kept if covers else None
        label = self.label.join(other.label)
        return replace(longest, start=start, end=end, label=label, never=never, kept=kept)


def private_spans(
    text: str,
    scanner: Scanner,
    known: KnownValues,
    *,
    typed: bool = False,
    also: Iterable["PrivateSpan"] = (),
) -> Iterator[PrivateSpan]:
    """The private spans of a text, in order, never overlapping; `typed` is whether the user typed it,
    `also` what is known of it besides.

    Spans that overlap become one: a part of a kept value is not clear because a detector found another part of
    it. Of equal spans the detector's type counts, and the value gets the text's own integrity.
    """
    found = [
        PrivateSpan(one.start, one.end, one.type, one.rule_id, show=one.show) for one in scanner.scan(text)
    ]
    found += never_spans(text, scanner)
    rule = "this session keeps this value already"
    for seen in known.find(text):
        label = seen.label.with_integrity(Integrity.TRUSTED)
        kind, kept = (seen.kept.handle.type, seen.kept) if seen.whole else ("text", None)
        found.append(PrivateSpan(seen.start, seen.end, kind, rule, label, kept))
    found += also
    found.sort(key=lambda one: one.start)
    best: PrivateSpan | None = None
    for one in found:
        if best is None or one.start >= best.end:
            if best is not None:
                yield best
            best = one
        else:
            best = best.merged(one, typed=typed)
    if best is not None:
        yield best


def never_spans(text: str, scanner: Scanner) -> Iterator[PrivateSpan]:
    """The spans that leave under no rule, in order, never overlapping."""
    for one in scanner.never.scan(text) if scanner.never else ():
        yield PrivateSpan(one.start, one.end, one.type, one.rule_id, never=True)
