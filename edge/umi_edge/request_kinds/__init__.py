"""Request kinds: what the user's own words ask to be changed, told on the device by a small linear model.

The model itself is `umi_edge.request_kinds.model`, which takes numpy: it is loaded once a change is planned.
"""

from umi_edge.request_kinds.kind import KIND_OF, NOTHING, Kind

__all__ = ["KIND_OF", "NOTHING", "Kind"]
