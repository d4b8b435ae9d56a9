"""The window: `umi mcp reveal` asks a running gateway for the values of handles, on this machine and of this user.

A gateway listens on a loopback port, and writes the port and a key into a file that only its user can read. Who has the
key is told values: they are the user's own.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import contextlib
import hmac
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umi_edge.doors.gateway.sessions import Sessions
from umi_edge.labelling.vault import UnknownHandleError
from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.handles import Handle, parts_of

__all__ = ["SeenValue", "look", "window", "window_folder"]

_LINE_BYTES = 64 * 1024
_ANSWER_BYTES = 16 << 20
_SECONDS = 5
_MOST_HANDLES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenValue:
    """One value of one session, for the user's eyes."""

    client: str = field(repr=False)
    session: str = field(repr=False)
    handle: str
    value: Any = field(repr=False)
    origin: str = field(repr=False)
    """Where it came from, in words of the program."""


def window_folder(state: Path) -> Path:
    """Where running gateways write how they are reached, in the folder of the ledger."""
    return state / "mcp" / "gateways"


@asynccontextmanager
async def window(folder: Path, client: str, sessions: Sessions) -> AsyncIterator[None]:
    """Answer `look` while this holds. Raises `ConfigError` where the file cannot be written."""
    key = secrets.token_urlsafe(32)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, RecursionError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_SECONDS):
                asked = json.loads(await reader.readline())
                if isinstance(asked, dict) and hmac.compare_digest(
                    str(asked.get("key")).encode(), key.encode()
                ):
                    found = [_as_json(one) for one in _kept(client, sessions, asked)]
                    writer.write(json.dumps(found).encode() + b"\n")
                    await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=_LINE_BYTES)
    port = server.sockets[0].getsockname()[1]
    make_private_directory(folder)
    file = folder / f"{os.getpid()}-{secrets.token_hex(4)}.json"
    write_durably(file, json.dumps({"port": port, "key": key, "client": client}).encode())
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        server.close()


def _kept(client: str, sessions: Sessions, asked: dict[str, Any]) -> Iterator[SeenValue]:
    texts = asked.get("handles")
    handles = _handles(texts if isinstance(texts, list) else [])
    for word, session in sessions.recent():
        if asked.get("session") not in ("", None, word):
            continue
        for handle in handles:
            with contextlib.suppress(UnknownHandleError):
                kept = session.kept(handle)
                yield SeenValue(
                    client=client, session=word, handle=str(handle), value=kept.value, origin=str(kept.origin)
                )


def _handles(texts: Sequence[Any]) -> list[Handle]:
    parts = (part for text in texts[:_MOST_HANDLES] if isinstance(text, str) for part in parts_of(text))
    return list(dict.fromkeys(part for part in parts if isinstance(part, Handle)))


def _as_json(seen: SeenValue) -> dict[str, Any]:
    return {
        "client": seen.client,
        "session": seen.session,
        "handle": seen.handle,
        "value": seen.value,
        "origin": seen.origin,
    }


async def look(folder: Path, handles: Sequence[str], session: str = "") -> list[SeenValue]:
    """What the handles stand for in the sessions of every gateway that runs; of one, where its word is given."""
    found: list[SeenValue] = []
    for written in await asyncio.to_thread(_windows, folder):
        with contextlib.suppress(OSError, ValueError, TimeoutError, KeyError, TypeError):
            at = json.loads(written)
            async with asyncio.timeout(_SECONDS):
                said = await _asked(
                    int(at["port"]), {"key": at["key"], "handles": [*handles], "session": session}
                )
            found += [SeenValue(**one) for one in json.loads(said)]
    return found


def _windows(folder: Path) -> list[str]:
    """How each gateway is reached, as it has written it."""
    found = []
    for file in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, UnicodeDecodeError):  # it has just ended
            found.append(file.read_text("utf-8"))
    return found


async def _asked(port: int, question: dict[str, Any]) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_ANSWER_BYTES)
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        await writer.drain()
        return await reader.readline()
    finally:
        writer.close()
