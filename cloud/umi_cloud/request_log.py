"""One line for each request, for the operator: who, how long, how many tokens, how it ended. It holds no text."""

import hashlib
import json
import logging
import secrets
import time
from dataclasses import dataclass, field

from umi_shared.transcript import Usage

__all__ = ["RequestRecord", "session_key"]

_log = logging.getLogger("umi_cloud.requests")
_written = json.JSONEncoder(separators=(",", ":")).encode
# New with each process: the log's session words cannot be matched with what a device's user calls a session.
_SALT = secrets.token_bytes(16)


def session_key(device: str, session: str) -> str:
    """A short word for one device's session; empty without an id. Equal ids of two devices give different words."""
    if not session:
        return ""
    return hashlib.blake2b(f"{device}\0{session}".encode(), digest_size=8, key=_SALT).hexdigest()


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """What becomes one log line."""

    rpc: str
    device: str = ""
    session: str = ""
    outcome: str = "ok"
    """`ok`, `cancelled`, or the reason of the refusal."""
    usage: Usage = field(default_factory=Usage)
    deltas: int = 0
    """Events streamed to the device."""
    queued_ms: int = 0
    """Milliseconds until the request got its turn."""
    begun: bool = False
    """Whether it got its turn."""
    first_ms: int = 0
    """Milliseconds until the first event of its answer."""
    _started: float = field(default_factory=time.monotonic, repr=False)

    def milliseconds(self) -> int:
        """Milliseconds since the request came in."""
        return round((time.monotonic() - self._started) * 1000)

    def log(self) -> None:
        """Write the line: JSON, keys in a fixed order."""
        line = {
            "rpc": self.rpc,
            "device": self.device,
            "session": self.session,
            "outcome": self.outcome,
            "prompt_tokens": self.usage.prompt_tokens,
            "cached_tokens": self.usage.cached_tokens,
            "completion_tokens": self.usage.completion_tokens,
            "queued_ms": self.queued_ms,
            "ms": self.milliseconds(),
        }
        _log.info("%s", _written(line), extra={"fields": line})
