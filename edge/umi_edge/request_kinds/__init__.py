"""Request kinds: what the user's own words ask to be changed, told on the device by a small linear model."""

from umi_edge.request_kinds.kind import KIND_OF, NOTHING, Kind
from umi_edge.request_kinds.model import Limits, RequestKinds

__all__ = ["KIND_OF", "NOTHING", "Kind", "Limits", "RequestKinds"]
