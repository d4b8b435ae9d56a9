"""The configurations of the programs that use the gateway: one entry put in, or taken out, and nothing else changed.

These files are JSON with comments. They are edited as text, and what comes out is read again: it must be what was there
with that one entry more, or less.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umi_edge.tools.mcp.foreign_configs import is_umi
from umi_shared.errors import ConfigError

__all__ = ["NAME", "PROGRAMS", "Program", "edited", "with_entry", "without_entry"]

NAME = "umi"
"""What the entry is called."""
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that can start MCP servers, and where it says which."""

    client: str
    """What umi calls it."""
    key: str
    """The member that holds the servers."""
    places: tuple[tuple[str, ...], ...]
    """Its file on macOS, on Windows and elsewhere; `~` is the home, `*` the folder of the user's configurations."""
    more: tuple[tuple[str, str], ...] = ()
    """What else its entries say."""
    pointer: str = field(default="", repr=False)
    """The file in the home that says where the program's own folder is, where that is elsewhere."""

    def file(self, home: Path, config: Path, system: str) -> Path:
        """Where its configuration is, or would be. Raises `OSError` and `UnicodeDecodeError`."""
        pointer = home / self.pointer
        if self.pointer and pointer.is_file() and (folder := pointer.read_text("utf-8").strip()):
            return Path(folder) / self.places[0][-1]
        place = self.places[{"darwin": 0, "win32": 1}.get(system, 2) if len(self.places) > 1 else 0]
        root = {"~": home, "*": config}[place[0]]
        return root.joinpath(*place[1:])

    def entry(self, command: Sequence[str]) -> dict[str, Any]:
        """The entry that starts the gateway by this command."""
        started = [*command, "mcp", "serve", "--client", self.client]
        return {**dict(self.more), "command": started[0], "args": started[1:]}


_MAC = ("~", "Library", "Application Support")
PROGRAMS: Mapping[str, Program] = {
    one.client: one
    for one in (
        Program(
            client="claude",
            key="mcpServers",
            places=(
                (*_MAC, "Claude", "claude_desktop_config.json"),
                ("~", "AppData", "Roaming", "Claude", "claude_desktop_config.json"),
                ("*", "Claude", "claude_desktop_config.json"),
            ),
        ),
        Program(
            client="vscode",
            key="servers",
            places=(
                (*_MAC, "Code", "User", "mcp.json"),
                ("~", "AppData", "Roaming", "Code", "User", "mcp.json"),
                ("*", "Code", "User", "mcp.json"),
            ),
            more=(("type", "stdio"),),
        ),
        Program(client="cursor", key="mcpServers", places=(("~", ".cursor", "mcp.json"),)),
        Program(
            client="zed",
            key="context_servers",
            places=(
                ("~", ".config", "zed", "settings.json"),
                ("~", "AppData", "Roaming", "Zed", "settings.json"),
                ("*", "zed", "settings.json"),
            ),
            more=(("source", "custom"),),
        ),
        Program(
            client="lm-studio",
            key="mcpServers",
            places=(("~", ".lmstudio", "mcp.json"),),
            pointer=".lmstudio-home-pointer",
        ),
    )
}


def edited(content: bytes, edit: Callable[[str], str]) -> bytes:
    """A file's bytes after an edit of its text; how its lines end, and a mark at its start, stay.

    Raises `UnicodeDecodeError`.
    """
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    text = content.removeprefix(mark).decode()
    if text.count("\r\n") != text.count("\n"):
        return mark + edit(text).encode()
    after = edit(text.replace("\r\n", "\n"))
    return mark + (after.replace("\n", "\r\n") if "\r\n" in text else after).encode()


def with_entry(text: str, key: str, entry: Mapping[str, Any]) -> str:
    """A configuration with umi's entry, comments and other servers as they were.

    Raises `ConfigError` where it is not JSON, or has another entry of that name.
    """
    if not text.strip():
        return _new(key, entry)
    before = _parsed(text)
    servers = {} if before.get(key) is None else before[key]
    if not isinstance(servers, Mapping) or (NAME in servers and not is_umi(servers[NAME])):
        raise ConfigError(
            f"`{key}` has something else called {NAME}", fix="rename it, or take it out, and try again"
        )
    if servers.get(NAME) == entry:
        return text
    wanted = {**before, key: {**servers, NAME: dict(entry)}}
    plain = _without_comments(text)
    root = plain.index("{")
    found = _member(plain, root, key)
    if found is None:
        made = _edited(
            text, root + 1, root + 1, _inserted(plain, root, f"{json.dumps(key)}: {_line({NAME: entry})}", 2)
        )
    elif before[key] is None:
        made = _edited(text, found.start, found.end, _line({NAME: entry}))
    elif own := _member(plain, found.start, NAME):
        made = _edited(text, own.start, own.end, _line(entry))
    else:
        at = found.start
        made = _edited(text, at + 1, at + 1, _inserted(plain, at, f"{json.dumps(NAME)}: {_line(entry)}", 4))
    return _checked(made, wanted)


def without_entry(text: str, key: str) -> str:
    """A configuration without umi's entry; as it is where there is none. Raises `ConfigError` where it is not JSON.

    What `with_entry` wrote is taken out to the letter, and nothing is left of a file that it made.
    """
    if not text.strip():
        return text
    before = _parsed(text)
    servers = before.get(key)
    if not isinstance(servers, Mapping) or not is_umi(servers.get(NAME)):
        return text
    if text == _new(key, servers[NAME]):
        return ""
    plain = _without_comments(text)
    if (undone := _uninserted(text, plain, key, servers[NAME])) is not None:
        return undone
    found = _member(plain, plain.index("{"), key)
    own = _member(plain, found.start, NAME) if found is not None else None
    if own is None:
        raise ConfigError("umi's entry is not where it should be", fix="take it out by hand")
    start, end = own.key, own.end
    after = re.compile(r"\s*,").match(plain, end)
    if after is not None:
        end = after.end()
    else:
        comma = re.search(r",\s*$", plain[:start])
        start = comma.start() if comma is not None else start
        # A comment between that comma and the entry stays: only the comma goes.
        if comma is not None and text[comma.start() + 1 : own.key].strip():
            text = text[: comma.start()] + " " + text[comma.start() + 1 :]
            start = own.key
    start -= len(text[:start]) - len(text[:start].rstrip(" \t"))
    start -= start > 0 and text[start - 1] == "\n"
    rest = {name: one for name, one in servers.items() if name != NAME}
    return _checked(text[:start] + text[end:], {**before, key: rest})


@dataclass(frozen=True, slots=True)
class _Member:
    key: int
    start: int
    end: int


def _member(plain: str, at: int, name: str) -> _Member | None:
    """Where a member of the object that begins at a place stands."""
    for key, one in _members(plain, at):
        if key == name:
            return one
    return None


def _members(plain: str, at: int) -> Iterator[tuple[str, _Member]]:
    depth, position, key, key_at, value_at = 0, at, "", 0, -1
    while position < len(plain):
        sign = plain[position]
        if sign == '"':
            token = _TOKEN.match(plain, position)
            if token is None:
                return
            if depth == 1 and value_at < 0:
                key, key_at = json.loads(token[0]), position
            position = token.end()
            continue
        if sign in "{[":
            depth += 1
        elif sign in "}]":
            depth -= 1
        if depth == 1 and sign == ":" and value_at < 0:
            value_at = position + 1
        elif value_at >= 0 and ((depth == 1 and sign == ",") or depth == 0):
            value = plain[value_at:position]
            start = value_at + len(value) - len(value.lstrip())
            yield key, _Member(key_at, start, value_at + len(value.rstrip()))
            value_at = -1
        if depth == 0:
            return
        position += 1


def _new(key: str, entry: Mapping[str, Any]) -> str:
    """A configuration that has nothing else."""
    return json.dumps({key: {NAME: entry}}, indent=2) + "\n"


def _inserted(plain: str, at: int, member: str, indent: int) -> str:
    """A member as the first of the object that begins at a place."""
    empty = next(_members(plain, at), None) is None
    return _piece(member, indent, before_others=not empty)


def _piece(member: str, indent: int, *, before_others: bool) -> str:
    return f"\n{' ' * indent}{member}" + ("," if before_others else "\n" + " " * (indent - 2))


def _uninserted(text: str, plain: str, key: str, entry: Mapping[str, Any]) -> str | None:
    """The text before `_inserted` put the entry there, or the object that holds it; None where it looks otherwise."""
    root = plain.index("{")
    found = _member(plain, root, key)
    places = [(root, f"{json.dumps(key)}: {_line({NAME: entry})}", 2)]
    places += [(found.start, f"{json.dumps(NAME)}: {_line(entry)}", 4)] if found is not None else []
    for at, member, indent in places:
        for before_others in (False, True):
            piece = _piece(member, indent, before_others=before_others)
            if text.startswith(piece, at + 1):
                return text[: at + 1] + text[at + 1 + len(piece) :]
    return None


def _edited(text: str, start: int, end: int, piece: str) -> str:
    return text[:start] + piece + text[end:]


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _without_comments(text: str) -> str:
    """The text with blanks in the place of comments, so that every place stays where it is."""
    return _TOKEN.sub(
        lambda token: token[0] if token[0].startswith('"') else re.sub(r"[^\n]", " ", token[0]), text
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        data = json.loads(_LAST_COMMA.sub(lambda match: match[1] or "", _without_comments(text)))
    except (ValueError, RecursionError) as error:
        raise ConfigError("the file is not JSON", fix="correct it, or name another file") from error
    if not isinstance(data, dict):
        raise ConfigError("the file holds no object", fix="correct it, or name another file")
    return data


def _checked(made: str, wanted: Mapping[str, Any]) -> str:
    if _parsed(made) != wanted:
        raise ConfigError("the file is written in a way that umi cannot edit", fix="put the line in by hand")
    return made
