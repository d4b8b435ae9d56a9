"""What a server offered last time: used while it starts, so that nobody waits for a server that is not needed.

A card is approved by its hash, so an offer that was changed on the disk leaves no more than any server's would.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mcp.types import Tool
from pydantic import ValidationError

from umi_edge.tools.mcp.config import HttpServer, StdioServer
from umi_shared.durable_file import make_private_directory, write_durably

__all__ = ["LastOffers", "Offer"]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server offers."""

    tools: tuple[Tool, ...]
    resources: bool
    """Whether it lists resources that can be read."""


@dataclass(frozen=True, slots=True)
class LastOffers:
    """The offers of servers, a private file for each; where there is no folder, none is kept."""

    folder: Path | None

    def of(self, server: StdioServer | HttpServer) -> Offer | None:
        """What the server offered when it was last started with this very configuration."""
        try:
            kept = json.loads(self._path(server).read_bytes()) if self.folder else {}
            if kept.get("configured") != _hash(server):
                return None
            return Offer(tuple(map(Tool.model_validate, kept["tools"])), bool(kept["resources"]))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, ValidationError):
            return None

    def keep(self, server: StdioServer | HttpServer, tools: Sequence[Tool], *, resources: bool) -> None:
        """Keep an offer for the next time."""
        if self.folder is None:
            return
        told = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
        offer = {"configured": _hash(server), "tools": told, "resources": resources}
        make_private_directory(self.folder)
        write_durably(self._path(server), json.dumps(offer).encode())

    def fail(self, server: StdioServer | HttpServer) -> None:
        """Note that the server, as it is configured, did not start."""
        self._note("failed", server)

    def failed(self, server: StdioServer | HttpServer) -> bool:
        """Whether the server, as it is configured, did not start the last time."""
        return self._is_noted("failed", server)

    def postpone(self, server: StdioServer | HttpServer) -> None:
        """Note that a session does not wait for the start of the server, which is new."""
        self._note("postponed", server)

    def postponed(self, server: StdioServer | HttpServer) -> bool:
        """Whether a session has not waited for the server, as it is configured, and it has not come since."""
        return self._is_noted("postponed", server)

    def _note(self, word: str, server: StdioServer | HttpServer) -> None:
        if self.folder is not None:
            make_private_directory(self.folder)
            write_durably(self._path(server), json.dumps({word: _hash(server)}).encode())

    def _is_noted(self, word: str, server: StdioServer | HttpServer) -> bool:
        try:
            return bool(json.loads(self._path(server).read_bytes()) == {word: _hash(server)})
        except (OSError, ValueError):
            return False

    def forget(self, server: StdioServer | HttpServer) -> None:
        """Know nothing of the server any more."""
        if self.folder is not None:
            self._path(server).unlink(missing_ok=True)

    def _path(self, server: StdioServer | HttpServer) -> Path:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", server.name)
        digest = hashlib.sha256(server.name.encode(errors="surrogatepass")).hexdigest()[:8]
        return (self.folder or Path()) / f"{name}-{digest}.json"


def _hash(server: StdioServer | HttpServer) -> str:
    """Of the configuration before its variables are filled, so without the keys that these hold."""
    return hashlib.sha256(json.dumps(asdict(server), sort_keys=True, default=dict).encode()).hexdigest()
