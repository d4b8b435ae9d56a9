"""The state of one connection that its transport knows before the protocol does."""

from dataclasses import dataclass

from umi_edge.tools.outcome import FailureKind


@dataclass(slots=True)
class Link:
    """Whether the connection has ended, and the limit that ended it, if it was one."""

    closed: bool = False
    failure: FailureKind | None = None
