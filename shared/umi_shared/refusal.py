"""A refusal on the wire: `RefusedError` to gRPC status details and back.

The details are a `google.rpc.Status` in the metadata key that gRPC reserves for it, holding an `ErrorInfo`
(the reason) and, where waiting helps, a `RetryInfo`. https://google.aip.dev/193
"""

import math
import re
from collections.abc import Iterable
from datetime import timedelta

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from umi_shared.errors import RefusedError

__all__ = ["REFUSAL_KEY", "refusal_from_metadata", "refusal_metadata"]

REFUSAL_KEY = "grpc-status-details-bin"
DOMAIN = "umi"
MAX_DETAILS_BYTES = 8192
MAX_REASON_CHARACTERS = 63
_TICKET = re.compile(r"[A-Za-z0-9_=-]{1,64}")
MAX_RETRY_SECONDS = 86_400.0


def refusal_metadata(code: int, error: RefusedError) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata that carries the error's reason and its advice; `code` is the gRPC code's number."""
    status = status_pb2.Status(code=code, message=error.message)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    if error.fix:
        info.metadata["fix"] = error.fix
    if error.ticket:
        info.metadata["ticket"] = error.ticket
    status.details.add().Pack(info)
    if error.retry_after_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(timedelta(seconds=error.retry_after_seconds))
        status.details.add().Pack(retry)
    return ((REFUSAL_KEY, status.SerializeToString()),)


def refusal_from_metadata(metadata: Iterable[tuple[str, str | bytes]] | None) -> RefusedError | None:
    """The refusal that a peer sent; None when the metadata holds none that can be read.

    The peer is not trusted: sizes are bounded, its own text is dropped, and only the reason (a word of
    capitals), the delay and a ticket of some letters come through. The reader of the reason says what it means.
    """
    for key, value in metadata or ():
        if key == REFUSAL_KEY and isinstance(value, bytes) and len(value) <= MAX_DETAILS_BYTES:
            return _read(value)
    return None


def _read(details: bytes) -> RefusedError | None:
    reason, ticket, retry_after_seconds = "", "", None
    try:
        for detail in status_pb2.Status.FromString(details).details:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo.FromString(detail.value)
                reason = info.reason if info.domain == DOMAIN else ""
                ticket = info.metadata.get("ticket", "")
            elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                delay = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay
                retry_after_seconds = _bounded(delay.seconds + delay.nanos / 1e9)
    except DecodeError:
        return None
    word = reason.replace("_", "")
    if not (word.isascii() and word.isalnum() and word.isupper() and len(reason) <= MAX_REASON_CHARACTERS):
        return None
    return RefusedError(
        f"the peer refused: {reason}",
        reason=reason,
        retry_after_seconds=retry_after_seconds,
        ticket=ticket if _TICKET.fullmatch(ticket) else "",
    )


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_SECONDS) if math.isfinite(seconds) else 0.0
