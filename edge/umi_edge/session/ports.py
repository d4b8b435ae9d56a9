"""The models of a session as it needs them: planner and summarizer in the cloud, the caller on this device."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from umi_edge.caller import WrittenCall
from umi_edge.egress.cloud_client import Restarted, Sent
from umi_shared.released import Released
from umi_shared.transcript import PlanEvent, SummarizeEvent, View

__all__ = ["CallerPort", "CloudPort"]


class CloudPort(Protocol):
    """The planner and the summarizer, as a session needs them."""

    def plan(self, view: Released[View], request_id: str) -> AsyncIterator[PlanEvent | Restarted | Sent]:
        """Stream one decision."""
        ...

    def summarize(
        self, view: Released[View], request_id: str
    ) -> AsyncIterator[SummarizeEvent | Restarted | Sent]:
        """Stream the answer."""
        ...


class CallerPort(Protocol):
    """The caller, as a session needs it."""

    async def warm(self, catalogue: Released[View]) -> None:
        """Hold what every prompt with these tools begins with; it may come from the disk, and be kept there."""
        ...

    async def prefill(self, view: View) -> None:
        """Read a prompt ahead of time. A plan without a tool at the end of the view is one that is still being said."""
        ...

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        """Write the call that the view's last plan asks for."""
        ...
