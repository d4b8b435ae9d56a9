"""What umi wrote into the user's stores: kept by record, so that it does not come back as the user's own."""

from umi_edge.records.entry import Entry, Marked
from umi_edge.records.records import Records
from umi_edge.records.sealed_log import SealedLog

__all__ = ["Entry", "Marked", "Records", "SealedLog"]
