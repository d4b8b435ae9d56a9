"""Reconciliation: captured messages against ledger entries, byte for byte (I7).

Covered: a message that left with no entry, an entry whose message was never seen, one changed by a byte, one that
went to another sink than its entry says, one that left more often than it was recorded.
Not covered: what the capture missed, bytes beside the messages (headers, settings, pings), and order.

I7: docs/design.md#i7-the-ledger-has-every-byte-that-left
"""

import base64
import hashlib
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from umi_edge.ledger.capture import Frame
from umi_shared.labels import PLANNER, SUMMARIZER, Sink

__all__ = ["Reconciliation", "UnmatchedEntry", "UnmatchedFrame", "reconcile"]

_SINKS: Mapping[str, Sink] = {
    "/umi_proto.v1.Planner/Plan": PLANNER,
    "/umi_proto.v1.Summarizer/Summarize": SUMMARIZER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmatchedFrame:
    """A captured message that is in no entry; `number` is its place in the capture, from 1."""

    number: int
    method: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmatchedEntry:
    """An entry whose message was not captured; `number` is the ledger's."""

    number: int
    session: str
    sink: Sink
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What came of holding a capture against a ledger."""

    matched: int
    matched_bytes: int
    frames: tuple[UnmatchedFrame, ...]
    """Messages that left without being recorded: a fault of umi, or messages of another program."""
    entries: tuple[UnmatchedEntry, ...]
    """Messages that were recorded and not captured: the connection failed first, or the capture missed them."""

    @property
    def complete(self) -> bool:
        """Whether each frame has its entry and each entry its frame."""
        return not self.frames and not self.entries


def reconcile(frames: Iterable[Frame], entries: Iterable[Mapping[str, Any]]) -> Reconciliation:
    """Match each frame to one entry of kind `sent` with the same bytes and, where its method is known, sink.

    The digests are of the bytes on both sides, never those that an entry states of itself.

    >>> reconcile([Frame("", b"seen")], []).frames[0].size_bytes
    4
    """
    waiting: dict[str, deque[UnmatchedEntry]] = defaultdict(deque)
    for entry in entries:
        if entry["kind"] == "sent":
            recorded = _recorded(entry)
            waiting[recorded.sha256].append(recorded)
    matched, matched_bytes, strangers = 0, 0, []
    for number, frame in enumerate(frames, start=1):
        digest = hashlib.sha256(frame.message).hexdigest()
        if _take(waiting[digest], frame.method):
            matched += 1
            matched_bytes += len(frame.message)
        else:
            strangers.append(
                UnmatchedFrame(
                    number=number, method=frame.method, size_bytes=len(frame.message), sha256=digest
                )
            )
    left = sorted((entry for rest in waiting.values() for entry in rest), key=lambda entry: entry.number)
    return Reconciliation(
        matched=matched, matched_bytes=matched_bytes, frames=tuple(strangers), entries=tuple(left)
    )


def _recorded(entry: Mapping[str, Any]) -> UnmatchedEntry:
    message = base64.b64decode(entry["message"])
    return UnmatchedEntry(
        number=entry["number"],
        session=entry["session"],
        sink=entry["sink"],
        size_bytes=len(message),
        sha256=hashlib.sha256(message).hexdigest(),
    )


def _take(entries: deque[UnmatchedEntry], method: str) -> bool:
    """Take the first of these entries whose sink the method serves; any, where no method is known."""
    for entry in entries:
        if not method or _SINKS.get(method) == entry.sink:
            entries.remove(entry)
            return True
    return False
