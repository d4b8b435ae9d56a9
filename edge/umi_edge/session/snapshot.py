"""What a session is between two instructions, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from umi_edge.labelling.text import LabelledEntry
from umi_edge.labelling.vault import Kept
from umi_edge.session.events import Action
from umi_edge.session.ready_call import WaitingCall
from umi_shared.handles import Handle
from umi_shared.labels import Sink

__all__ = ["Snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that it takes to continue a session, under the same policy and the same tools.

    It has the bits that shapes have cost, but not where they were seen: a resumed session pays for those again.
    """

    kept: tuple[Kept, ...] = field(repr=False)
    entries: tuple[LabelledEntry, ...] = field(repr=False)
    read_by: Mapping[Sink, int] = field(repr=False)
    """How many entries each sink has been sent."""
    declassified: Mapping[tuple[Handle, str], int] = field(repr=False)
    """The bits spent, by the handle and by what was shown of its value."""
    shapes: Mapping[tuple[str, str], float] = field(repr=False)
    """The bits spent, by what was told (`list lengths`, …) and by the tool."""
    record: tuple[Action, ...] = field(repr=False)
    on_device: bool = False
    """Whether the planner that was told it is on this device."""
    waiting: WaitingCall | None = field(default=None, repr=False)
    """The call that waits for the user to say which is meant. On the disk it is not saved, and planned anew."""
    lost_at: int = -1
    """The entry of the last question whose call was lost like this: it has told nobody what is meant."""
