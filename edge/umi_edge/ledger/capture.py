"""A capture: the gRPC messages that somebody saw leave, one JSON object a line.

    {"method":"/umi_proto.v1.Planner/Plan","message":"<base64>"}

`method` is the request's path, or empty where only the bytes are known. Whoever taps the wire writes it; it is not
made by the session whose ledger it is held against.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from umi_edge.ledger.files import MAX_LINE_BYTES, lines
from umi_shared.errors import ConfigError

__all__ = ["CaptureError", "Frame", "read_capture", "write_capture"]


class CaptureError(ConfigError):
    """A capture cannot be read; `file` and `line` (1-based, 0 for all of it) say where."""

    def __init__(self, file: Path, line: int, reason: str) -> None:
        where = f"{file}:{line}" if line else str(file)
        super().__init__(
            f"{where}: {reason}",
            fix='a line of a capture is {"method": "/umi_proto.v1.Planner/Plan", "message": "<base64>"}',
        )
        self.file = file
        self.line = line


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured gRPC message, without its five bytes of prefix."""

    method: str
    message: bytes = field(repr=False)


def write_capture(path: Path, frames: Iterable[Frame]) -> None:
    """Write a capture; a file that is there already is replaced."""
    with path.open("wb") as file:
        for frame in frames:
            row = {"method": frame.method, "message": base64.b64encode(frame.message).decode()}
            file.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")


def read_capture(path: Path) -> Iterator[Frame]:
    """The frames of a capture, in order. Raises `CaptureError` for a file or a line that cannot be read as one."""
    try:
        for number, (line, _) in enumerate(lines(path), start=1):
            if line.strip():
                yield _frame(path, number, line)
    except OSError as error:
        raise CaptureError(path, 0, f"the capture cannot be read: {error.strerror}") from error


def _frame(path: Path, number: int, line: bytes) -> Frame:
    if len(line) >= MAX_LINE_BYTES:
        raise CaptureError(path, number, f"this line is longer than {MAX_LINE_BYTES:,} bytes")
    try:
        row = json.loads(line)
        method, message = row.get("method", ""), base64.b64decode(row["message"], validate=True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise CaptureError(path, number, "this line is not a captured message") from None
    if not isinstance(method, str):
        raise CaptureError(path, number, "the `method` of this line is not a string")
    return Frame(method, message)
