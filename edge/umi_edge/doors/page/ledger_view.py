"""The ledger as the page shows it: what left, to whom, and what stood there in place of what stayed.

I7: docs/design.md#i7-the-ledger-has-every-byte-that-left
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from umi_edge.connection.device_key import KEY_NAME, device_key
from umi_edge.doors.chat_request import ApiError
from umi_edge.ledger import BrokenLedgerError, read_ledger, verify_ledger
from umi_edge.ledger.capture import read_capture
from umi_edge.ledger.files import LedgerFiles
from umi_edge.ledger.index import LedgerIndex, Row, Wanted
from umi_edge.ledger.outbound import entry_title, outbound_view, text_json
from umi_edge.ledger.reconciliation import reconcile
from umi_edge.ledger.remarks import remarks
from umi_edge.runtime.config import EdgeConfig
from umi_shared.handles import Handle
from umi_shared.transcript import Entry, text_of

__all__ = ["LedgerView"]

_MOST_ROWS = 100
_CHUNK = 1 << 20


@dataclass(slots=True)
class LedgerView:
    """Reads the ledger of a configuration; one thread at a time."""

    config: EdgeConfig
    _index: LedgerIndex = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._index = LedgerIndex(self.config.ledger)

    def search(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The newest messages that are wanted, and what there is to choose from."""
        words = {name: str(asked.get(name) or "") for name in ("day", "session", "sink", "tool", "type")}
        before = asked.get("before")
        rows, more = self._index.find(
            Wanted(**words), before=before if isinstance(before, int) else None, most=_MOST_ROWS
        )
        every = self._index.rows()
        return {
            "rows": [self._row(row) for row in rows],
            "more": more,
            "messages": len(every),
            "bytes": sum(row.size_bytes for row in every),
            "days": list(dict.fromkeys(row.time[:10] for row in reversed(every)))[:_MOST_ROWS],
            "sinks": sorted({row.sink for row in every}),
        }

    def message(self, number: int) -> dict[str, Any]:
        """One message: its text with what was replaced marked, and what of it is new. Raises `ApiError`."""
        row = self._index.row(number)
        if row is None:
            raise ApiError(f"the ledger has no message with the number {number}", status=404)
        entry = self._index.entry(row)
        view = outbound_view(entry)
        earlier = self._index.before(row)
        known: Sequence[Entry] = outbound_view(self._index.entry(earlier)).entries if earlier else ()
        same = 0
        while same < min(len(known), len(view.entries)) and known[same] == view.entries[same]:
            same += 1
        parts = {part for one in view.entries for part in text_of(one) if isinstance(part, Handle)}
        return {
            **self._row(row),
            "request": str(entry.get("request", "")),
            "earlier": earlier.number if earlier else None,
            "entries": [
                {
                    "title": entry_title(one),
                    "kind": type(one).__name__.lower(),
                    "text": text_json(text_of(one)),
                    "is_new": at >= same,
                    "released": _released(entry, at),
                }
                for at, one in enumerate(view.entries)
            ],
            "tools": [{"name": card.name, "text": text_json(card.description)} for card in view.catalogue],
            "stayed": dict(sorted(Counter(handle.type for handle in parts).items())),
        }

    def verify(self) -> dict[str, Any]:
        """Whether it is whole, unchanged and signed."""
        folder = self.config.ledger.parent
        key = device_key(folder).public_key() if (folder / KEY_NAME).exists() else None
        try:
            report = verify_ledger(self.config.ledger, key, self.config.second_head)
        except BrokenLedgerError as error:
            return {"sound": False, "problem": str(error)}
        return {
            "sound": True,
            **asdict(report),
            "remarks": list(remarks(report, signer_known=key is not None)),
        }

    def reconciled(self, capture: bytes) -> dict[str, Any]:
        """The messages that somebody saw leave, held against the ledger, byte for byte."""
        with tempfile.TemporaryDirectory(prefix="umi-") as folder:
            file = Path(folder) / "capture"
            file.write_bytes(capture)
            found = reconcile(read_capture(file), read_ledger(self.config.ledger))
        return {"complete": found.complete, **asdict(found)}

    def export(self) -> Iterator[bytes]:
        """The whole ledger, as JSON Lines."""
        for path in LedgerFiles(self.config.ledger).all():
            with path.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    yield chunk

    def _row(self, row: Row) -> dict[str, Any]:
        named = self._index.named(row)
        return {
            "number": row.number,
            "time": row.time,
            "session": row.session,
            "sink": row.sink,
            "peer": row.peer.removeprefix("the planner "),
            "bytes": row.size_bytes,
            "clear_bytes": row.clear_bytes,
            "sha256": row.sha256,
            "named_tools": sorted(named.tools),
            "types": sorted(named.types),
        }


def _released(entry: Mapping[str, Any], at: int) -> list[dict[str, Any]]:
    """The rules that released clear text of one entry, most first."""
    total: Counter[str] = Counter()
    for one in entry["clearances"]:
        if one["entry"] == at:
            total[one["rule"]] += one["clear_bytes"]
    return [{"rule": rule, "bytes": count} for rule, count in total.most_common()]
