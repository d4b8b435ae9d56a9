"""The state of one connection that its transport knows before the protocol does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.tools.outcome import FailureKind


@dataclass(slots=True)
class Link:
    """Whether the connection has ended, and the limit that ended it, if it was one."""

    closed: bool = False
    failure: FailureKind | None = None
    status: int = 0
    """The last status by which an HTTP server refused; 0 where none has."""
    web_page: bool = False
    """Whether the last answer was a page for people."""
    schemas: list[tuple[Mapping[str, Any], Any]] = field(default_factory=list, repr=False)
    """The schemas of the arguments and of the result of each tool, as the server gave them, in its order."""
