"""The MCP servers of other programs' configurations: Claude Desktop's, VS Code's, Cursor's and Zed's."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umi_edge.tools.mcp.config import McpServers
from umi_shared.errors import ConfigError

__all__ = ["ForeignConfig", "foreign_paths", "is_umi", "read_foreign"]

_PLACES = (("mcpServers",), ("servers",), ("mcp", "servers"), ("context_servers",))
"""Where the servers stand: most programs; VS Code's `mcp.json`; its settings; Zed's."""
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')
_KEYS = (
    "command", "args", "env", "cwd", "url", "serverUrl", "httpUrl", "headers", "type", "disabled", "enabled",
)  # fmt: skip
_MAX_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignConfig:
    """One program's servers, as umi would have them."""

    path: Path
    servers: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """Each that umi can use, with the keys that umi knows."""
    left: Mapping[str, str] = field(repr=False)
    """Why each other one is left, in words without values (I8)."""


def foreign_paths(home: Path, config: Path, here: Path) -> tuple[Path, ...]:
    """Where these programs keep their configurations, on every system; most of them are not there.

    `config` is the folder of the user's configurations, `here` the project's.
    """
    mac = home / "Library" / "Application Support"
    return (
        *(folder / "Claude" / "claude_desktop_config.json" for folder in (mac, config)),
        home / ".claude.json",
        here / ".mcp.json",
        *(
            folder / "Code" / "User" / name
            for folder in (mac, config)
            for name in ("mcp.json", "settings.json")
        ),
        here / ".vscode" / "mcp.json",
        home / ".cursor" / "mcp.json",
        here / ".cursor" / "mcp.json",
        home / ".config" / "zed" / "settings.json",
        here / ".zed" / "settings.json",
    )


def read_foreign(path: Path) -> ForeignConfig | None:
    """The servers in a file; None for a file without any. Raises `ConfigError` for one that is not JSON.

    Comments and last commas, which editors allow, are allowed. I8: docs/design.md#i8-no-private-value-in-what-umi-says
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError
        text = _COMMENT.sub(lambda match: match[1] or " ", path.read_text("utf-8-sig"))
        data = json.loads(_LAST_COMMA.sub(lambda match: match[1] or "", text))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read as JSON", fix="correct it, or name another file") from error
    entries = next((found for place in _PLACES if (found := _at(data, place))), None)
    if entries is None:
        return None
    servers: dict[str, Mapping[str, Any]] = {}
    left: dict[str, str] = {}
    for name, entry in entries.items():
        taken = _known_keys(entry)
        if is_umi(entry):
            left[name] = "it is umi itself"
            continue
        try:
            if not McpServers.parse({"mcpServers": {name: taken}}).servers:
                left[name] = "it is switched off there"
            else:
                servers[name] = taken
        except ConfigError as error:
            left[name] = error.message
    return ForeignConfig(path=path, servers=servers, left=left)


def is_umi(entry: Any) -> bool:
    """Whether an entry starts umi's own server, which `umi mcp install` writes.

    >>> is_umi({"command": "/bin/umi", "args": ["mcp", "serve"]}), is_umi({"command": "npx"})
    (True, False)
    """
    args = entry.get("args") if isinstance(entry, Mapping) else None
    said = args if isinstance(args, list) else []
    return any(said[at : at + 2] == ["mcp", "serve"] for at in range(len(said)))


def _at(data: Any, place: tuple[str, ...]) -> Mapping[str, Any] | None:
    for word in place:
        data = data.get(word) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) and data else None


def _known_keys(entry: Any) -> Mapping[str, Any]:
    """The entry with the keys that umi knows; Zed's older form has the command in a mapping of its own."""
    if not isinstance(entry, Mapping):
        return {}
    command = entry.get("command")
    if isinstance(command, Mapping):
        entry = {**entry, **command, "command": command.get("path")}
    return {word: entry[word] for word in _KEYS if entry.get(word) is not None}
