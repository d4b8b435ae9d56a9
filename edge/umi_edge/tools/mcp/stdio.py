"""The stdio transport: a server as a child process, one JSON message a line.

The SDK's own transport puts no limit on a line, copies what it has at every chunk, and logs a line
that does not parse; a server can so fill the memory, or the log with private text. This one is
bounded and silent, and knows when the server has ended. Both share the SDK's way to end a process.
"""

import contextlib
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import anyio
import anyio.abc
import pydantic_core
from mcp.client.stdio import DEFAULT_INHERITED_ENV_VARS
from mcp.os.posix.utilities import terminate_posix_process_tree
from mcp.os.win32.utilities import (
    close_process_job,
    create_windows_process,
    get_windows_executable_command,
    terminate_windows_process_tree,
)
from mcp.shared.message import SessionMessage
from mcp.types import PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError

from umi_edge.tools.mcp.config import StdioServer
from umi_edge.tools.mcp.link import Link
from umi_edge.tools.outcome import FailureKind

_EXIT_SECONDS = 2.0
_FLUSH_SECONDS = 0.5
_POLL_SECONDS = 0.01

_Reader = anyio.abc.ObjectReceiveStream[SessionMessage | Exception]
_Writer = anyio.abc.ObjectSendStream[SessionMessage]
_GONE = (anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream, OSError)


@asynccontextmanager
async def stdio_transport(
    server: StdioServer, env: Mapping[str, str], limit: int, link: Link, log: Path | None = None
) -> AsyncGenerator[tuple[Any, Any]]:
    """Start the server and yield the streams of messages from it and to it.

    It inherits only what the SDK holds safe of `env` (PATH, HOME and the like), and its own. What it
    writes to stderr goes to the private file `log`, or nowhere. Raises `OSError` when it cannot start.
    """
    inherited = {name: env[name] for name in DEFAULT_INHERITED_ENV_VARS if name in env}
    # Shielded: a process that is half begun when the start is cancelled would be nobody's.
    with anyio.CancelScope(shield=True), _stderr(log) as stderr:
        process = await _spawned(server, {**inherited, **server.env}, stderr)
    inbox, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, outbox = anyio.create_memory_object_stream[SessionMessage](0)
    flushed = anyio.Event()

    async def write() -> None:
        with contextlib.suppress(*_GONE):
            async for message in outbox:
                line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                await process.stdin.send(line.encode() + b"\n")
        flushed.set()

    async def read() -> None:
        with contextlib.suppress(*_GONE):
            await _read_lines(process.stdout, inbox, limit, link)
        link.closed = True
        await inbox.aclose()  # the session sees the end, and fails what it waits for

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(write)
        try:
            yield messages, outgoing
        finally:
            link.closed = True
            with anyio.CancelScope(shield=True):
                await outgoing.aclose()
                with anyio.move_on_after(_FLUSH_SECONDS):
                    await flushed.wait()
                await _stop(process, patient=link.failure is None)
                for stream in (messages, inbox, outbox):
                    await stream.aclose()
            group.cancel_scope.cancel()


async def _read_lines(stdout: Any, inbox: Any, limit: int, link: Link) -> None:
    parts: list[bytes] = []
    size = 0
    while True:
        chunk: bytes = await stdout.receive()
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            whole = b"".join((*parts, line))
            parts, size = [], 0
            message = _parsed(whole, limit, link)
            if link.failure is not None:
                return
            if message is not None:
                await inbox.send(message)
        parts.append(rest)
        size += len(rest)
        if size > limit:
            link.failure = FailureKind.TOO_LARGE
            return


def _parsed(line: bytes, limit: int, link: Link) -> SessionMessage | None:
    """The message in a line; None for any other line, such as one that the server printed."""
    if len(line) > limit:
        link.failure = FailureKind.TOO_LARGE
        return None
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValidationError as error:
        if "recursion limit" in str(error.errors(include_input=False, include_url=False)):
            # It may have been the answer somebody waits for: better no connection than no answer.
            link.failure = FailureKind.TOO_DEEP
        return _refusal(line)


def _refusal(line: bytes) -> SessionMessage | None:
    """An error in the place of an answer that breaks the protocol, so that nobody waits for it."""
    try:
        answer = pydantic_core.from_json(line)
    except ValueError:
        return None
    identity = answer.get("id") if isinstance(answer, dict) and "method" not in answer else None
    if not isinstance(identity, int | str):
        return None
    error = ErrorData(code=PARSE_ERROR, message="the answer breaks the protocol")
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=identity, error=error))


@contextlib.contextmanager
def _stderr(log: Path | None) -> Any:
    if log is None:
        yield subprocess.DEVNULL
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch(0o600)
    with log.open("w", encoding="utf-8") as file:
        yield file


async def _spawned(server: StdioServer, env: dict[str, str], stderr: IO[str] | int) -> Any:
    if sys.platform == "win32":
        command = get_windows_executable_command(server.command)
        errors: Any = stderr  # typed as a file, handed on to Popen, which takes DEVNULL too
        return await create_windows_process(command, list(server.args), env, errors, server.cwd)
    # A session of its own, so that the whole process group can be ended.
    return await anyio.open_process(
        [server.command, *server.args], env=env, stderr=stderr, cwd=server.cwd, start_new_session=True
    )


async def _stop(process: Any, *, patient: bool) -> None:
    """End the server as the specification says: close its stdin, wait, then end the whole tree.

    A server that passed a limit is not waited for: it may be blocked on what nobody reads.
    """
    await _close(process.stdin)
    if patient:
        await _exited(process)
    if sys.platform == "win32":
        await terminate_windows_process_tree(process)
        close_process_job(process)
    elif process.returncode is None:
        await terminate_posix_process_tree(process, _EXIT_SECONDS)
        await _exited(process)
    await _close(process.stdout)
    # Nothing public closes asyncio's transport while a grandchild still holds a pipe.
    transport = getattr(getattr(process, "_process", None), "_transport", None)
    if transport is not None:
        with contextlib.suppress(PermissionError):
            transport.close()


async def _exited(process: Any) -> None:
    """Wait a while for the end. Not with wait(): a grandchild that holds a pipe would block it."""
    with anyio.move_on_after(_EXIT_SECONDS):
        while process.returncode is None:  # noqa: ASYNC110 -- there is no event for it
            await anyio.sleep(_POLL_SECONDS)


async def _close(stream: Any) -> None:
    with contextlib.suppress(*_GONE):
        await stream.aclose()
