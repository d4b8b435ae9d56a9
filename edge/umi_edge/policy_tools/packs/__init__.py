"""Policy packs: reviewed starting policies for MCP servers that many people use, a data file for each.

A pack says which of a server's tools only read, and whether the server sends anything off this device. What only reads
is not asked about; all else is, at every call. Nothing of a pack lets a value out: results and arguments stay.

I2: docs/design.md#i2-fail-closed
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from umi_edge.tools.mcp.translation import name_prefix
from umi_shared.errors import PolicyError

__all__ = ["PolicyPack", "pack_for", "pack_named", "policy_packs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPack:
    """A starting policy for one server."""

    name: str
    about: str
    written_from: str
    """The package and the version whose tools it was written from."""
    runs: str
    """`device` for a server that sends nothing off this machine, else `third-party`."""
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    marks: tuple[str, ...]
    """By which words of a command the server is known."""
    hosts: tuple[str, ...]
    """Where its makers host it for everybody, with tools of the same names."""
    why: str
    """What `runs` rests on."""

    def entries(self, server: str) -> dict[str, dict[str, Any]]:
        """The pack's lines under `tools:`, for a server that the configuration calls `server`."""
        prefix = name_prefix(server)
        reads = {"runs": self.runs, "confirm": "never", "stored_as": "nowhere"}
        writes = {"runs": self.runs, "confirm": "always"}
        return {prefix + name: dict(reads) for name in self.reads} | {
            prefix + name: dict(writes) for name in self.writes
        }

    def text(self, server: str) -> str:
        """The same as a whole policy."""
        lines = [f"# For {self.written_from}. {self.why}", "version: 1", f"name: {self.name}", "tools:"]
        for name, entry in self.entries(server).items():
            said = ", ".join(f"{word}: {value}" for word, value in entry.items())
            lines.append(f"  {json.dumps(name)}: {{{said}}}")
        return "\n".join(lines) + "\n"


def policy_packs() -> tuple[PolicyPack, ...]:
    """Every pack, by name."""
    found = [one for one in files(__name__).iterdir() if one.name.endswith(".yaml")]
    return tuple(
        _pack(one.name.removesuffix(".yaml"), one.read_text("utf-8"))
        for one in sorted(found, key=lambda one: one.name)
    )


def pack_named(name: str) -> PolicyPack:
    """One pack. Raises `PolicyError`."""
    for pack in policy_packs():
        if pack.name == name:
            return pack
    raise PolicyError(f"there is no pack called {name!r:.60}", fix="`umi policy packs` lists them")


def pack_for(entry: Mapping[str, Any]) -> PolicyPack | None:
    """The pack of the server that an entry of `mcpServers` starts, or is at; None where there is none."""
    args = entry.get("args")
    words = [str(word) for word in (entry.get("command"), *(args if isinstance(args, list) else ()))]
    at = {_host(str(entry[key])) for key in ("url", "serverUrl", "httpUrl") if key in entry}
    if any(
        word.partition("@")[0] == _BRIDGE for word in words
    ):  # to programs that know no servers on the network
        at |= {_host(word) for word in words}
    for pack in policy_packs():
        if _is_started(words, pack.marks) or not at.isdisjoint(pack.hosts):
            return pack
    return None


_BRIDGE = "mcp-remote"


def _host(url: str) -> str:
    """The host of an address over TLS; empty for anything else, which may be anybody's.

    >>> _host("https://mcp.linear.app/mcp"), _host("http://mcp.linear.app/mcp"), _host("https://mcp.linear.app.evil.io/")
    ('mcp.linear.app', '', 'mcp.linear.app.evil.io')
    """
    try:
        parts = urlsplit(url)
        standard = parts.scheme == "https" and parts.port in (None, 443)
    except ValueError:
        return ""
    return parts.hostname or "" if standard else ""


_FROM_NPM = re.compile(r"(?:.*[/\\])?(?:npx|npm|pnpm|pnpx|yarn|bunx?)\b", re.IGNORECASE)
"""A word that starts or names what fetches from npm: `npx`, `npx.cmd`, `npx-cli.js`, `npm:`, in a folder or without."""


def _is_started(words: Sequence[str], marks: Iterable[str]) -> bool:
    """Whether a command names a package, with a version or in a folder or without.

    What npm fetches is known by a name with its owner's alone: others may own the same name there.

    >>> _is_started(["npx", "-y", "@playwright/mcp@latest"], ["@playwright/mcp"])
    True
    >>> _is_started(["npx", "-y", "mcp-obsidian"], ["mcp-obsidian"])
    False
    >>> _is_started(["cmd", "/c", "npx.cmd", "-y", "mcp-obsidian"], ["mcp-obsidian"])
    False
    """
    fetched = any(_FROM_NPM.match(word) for word in words)
    known = {mark for mark in marks if mark.startswith("@") or not fetched}
    for text in words:
        head, at, _ = text.rpartition("@")
        if {text, head if at and head else text, text.partition("==")[0], text.rpartition("/")[2]} & known:
            return True
    return False


def _pack(name: str, text: str) -> PolicyPack:
    said = YAML(typ="safe", pure=True).load(text)
    return PolicyPack(
        name=name,
        about=said["about"],
        written_from=said["written_from"],
        runs=said["runs"],
        reads=tuple(said["reads"]),
        writes=tuple(said["writes"]),
        marks=tuple(said["marks"]),
        hosts=tuple(said.get("hosts", ())),
        why=text.splitlines()[0].removeprefix("# "),
    )
