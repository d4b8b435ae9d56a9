"""The exchange with the cloud: what a session lets it see, and what it wrote of that.

I1: docs/design.md#i1-release-only
I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from umi_edge.egress.cloud_client import Sent
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import release
from umi_edge.labelling.text import LabelledText
from umi_edge.session.calls import Calls
from umi_edge.session.events import Event
from umi_edge.session.pending_question import may_ask
from umi_edge.session.ports import CloudPort
from umi_edge.session.rehydration import Rehydrator
from umi_edge.session.told_catalogue import ToldCatalogue
from umi_edge.session.totals import Totals
from umi_shared.errors import PrivacyError
from umi_shared.labels import PLANNER, Label, Sink, join_all
from umi_shared.released import Released
from umi_shared.transcript import View

__all__ = ["Exchange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Of one session, as it is at one step."""

    cloud: CloudPort = field(repr=False)
    told: ToldCatalogue
    calls: Calls = field(repr=False)
    totals: Totals
    observe: Callable[[Event], None] = field(repr=False)
    new_id: Callable[[], str] = field(repr=False)

    @property
    def labeller(self) -> Labeller:
        """Who labels what the models of this session write."""
        return self.calls.labeller

    def view_of(self, sink: Sink) -> Released[View]:
        """What a reader may see of the transcript; one on this device takes it as it is."""
        asks = sink == PLANNER and may_ask(self.calls.entries)
        return release(self.told.cards, self.calls.entries, sink, may_ask=asks)

    def released(self, sink: Sink) -> Released[View]:
        """What a sink may see, as long as the vault has what every handle in it stands for (I2)."""
        view = self.view_of(sink)
        if not all(handle in self.labeller.vault for handle in view.payload.handles()):
            raise PrivacyError(
                "the vault has lost values of this session; nothing more was sent", fix="start a new session"
            )
        return view

    def shown_to(self, sink: Sink) -> Label:
        """The label of what a sink writes next: the join of all that it was shown in clear."""
        return join_all(entry.shown_to(sink) for entry in self.calls.entries)

    def wrote(self, text: str, shown: Label) -> LabelledText:
        """What a model wrote that was `shown` this, labelled."""
        labelled = self.labeller.model_text(text, shown)
        self.calls.public.allow_clear(labelled)
        return labelled

    def with_values(self, text: str, *, one_line: bool = False) -> str:
        """What was written with handles, for the user's eyes; `one_line`: each value in one line."""
        rehydrator = Rehydrator(self.labeller.vault, one_line=one_line)
        return rehydrator.feed(text) + rehydrator.finish()

    def sent(self, sent: Sent, sink: Sink) -> None:
        """A message has left."""
        self.totals.messages_out += 1
        self.totals.bytes_out += sent.size_bytes
        self.calls.public.has_read(sink, self.calls.entries)
        self.observe(sent)
