"""Public text: what the guard may take as public, and which sink has read what.

The guard knows no other reason why a kept value could be in a message.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling.release import LabelledCard
from umi_edge.labelling.text import LabelledEntry, LabelledText
from umi_edge.policy import Policy
from umi_shared.labels import Sink
from umi_shared.transcript import Observation

__all__ = ["PublicText"]


@dataclass(slots=True)
class PublicText:
    """Tells one session's guard of the text that is public by its origin."""

    guard: EgressGuard = field(repr=False)
    read_by: dict[Sink, int] = field(default_factory=dict, repr=False)
    """How many entries each sink has been sent: a value that is kept only later is in these already."""

    def allow_catalogue(
        self,
        cards: Iterable[LabelledCard],
        tools: Iterable[str],
        policy: Policy,
        result_names: Mapping[str, Iterable[str]],
    ) -> None:
        """The cards as the cloud is told of them, and the names that tools declare of results and their rules spell."""
        for card, text in cards:
            self.guard.allow(card.name)
            self.guard.allow(json.dumps(card.input_schema, ensure_ascii=False))
            self.allow_clear(text)
        for declared in result_names.values():
            self.guard.allow(json.dumps(sorted(declared), ensure_ascii=False))
        # Names that a tool's rules spell are the policy's words, also where another tool has them.
        for tool in tools:
            for side in ("arguments", "results"):
                names = sorted(policy.table(tool, side).names)
                self.guard.allow(json.dumps(names, ensure_ascii=False))

    def allow_clear(self, text: LabelledText) -> None:
        """The words that every sink may read: the user's own, a card's, those that a model wrote of public text."""
        for span in text:
            if span.label.readers is None:
                self.guard.allow(span.clear)
            self.guard.allow(span.fact)

    def allow_explicit(self, text: LabelledText) -> None:
        """The values of a result that a rule names as clear, and the facts that its rules show."""
        for span in text:
            if span.explicit:
                self.guard.allow(span.clear.strip('"'))
            self.guard.allow(span.fact)

    def allow_transcript(self, entries: Sequence[LabelledEntry], read_by: Mapping[Sink, int]) -> None:
        """All that is public in these entries, and what each sink has read of them."""
        for entry in entries:
            own = isinstance(entry.template, Observation)
            (self.allow_explicit if own else self.allow_clear)(entry.text)
        for sink, count in read_by.items():
            self.read_by[sink] = 0
            self.has_read(sink, entries[:count])

    def has_read(self, sink: Sink, entries: Sequence[LabelledEntry]) -> None:
        """A sink was sent these entries, from the first one on."""
        for entry in entries[self.read_by.get(sink, 0) :]:
            for span in entry.text:
                if span.label.may_read(sink):
                    self.guard.allow(span.clear, sink)
        self.read_by[sink] = len(entries)
