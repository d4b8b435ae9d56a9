"""A worker: a program in another Python that waits for work without taking any of the machine."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from umi_shared.errors import ConfigError

__all__ = ["Worker", "worker"]

_LINE_BYTES = 64 << 20
_END_SECONDS = 20


class Worker:
    """Sends one JSON object a line, and reads one for each."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self.process = process
        self.hello: dict[str, Any] = {}
        """What it said when it was ready."""
        self._name = name

    async def ask(self, work: Any) -> Any:
        """Send work; the answer. Raises ConfigError with the program's last words when it ends instead."""
        writer = self.process.stdin
        assert writer is not None  # noqa: S101  # it was asked for
        try:
            writer.write(json.dumps(work).encode() + b"\n")
            await writer.drain()
        except ConnectionError:
            pass  # it has ended: its last words say more
        return await self.answer()

    async def answer(self) -> Any:
        """The next JSON object that the program writes; other lines are skipped. Raises ConfigError as `ask` does."""
        reader = self.process.stdout
        assert reader is not None  # noqa: S101  # it was asked for
        while line := await reader.readline():
            if line.startswith(b"{"):
                return json.loads(line)
        errors = await self.process.stderr.read() if self.process.stderr else b""
        last = errors.decode(errors="replace").strip().rpartition("\n")[2]
        code = await self.process.wait()
        raise ConfigError(
            f"{self._name} ended with exit code {code}: {last or 'it said nothing'}",
            fix="check the Python that was named for it: `make bench` sets one up",
        )


@asynccontextmanager
async def worker(
    command: Sequence[str | Path], name: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Worker]:
    """Start a program, wait until it says that it is ready, and end it at the end. Raises ConfigError."""
    try:
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            env={**os.environ, **(environment or {})},
        )
    except OSError as error:
        raise ConfigError(
            f"{command[0]} cannot be started: {error.strerror}", fix="name a Python program that is there"
        ) from error
    try:
        started = Worker(process, name)
        started.hello = await started.answer()
        yield started
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.communicate(), _END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.communicate()
