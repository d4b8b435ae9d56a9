"""A process that may be killed and started again on the same terms, by a clock of its own if need be."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["FAKETIME", "Process"]

FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
"""libfaketime (Debian's `libfaketime`), which moves one process's clock; None where it is not installed."""
_READY_SECONDS = 90
_AGAIN_SECONDS = 0.5


class Process:
    """One program. `start` waits for its first line of JSON with the word that means that it is ready."""

    def __init__(self, command: Sequence[str | Path], log: Path, *, ready: str = "") -> None:
        """`ready` is the `event` of the line to wait for; empty: any object. A program that says nothing has None."""
        self._command = [str(one) for one in command]
        self._log = log
        self._ready = ready
        self._process: asyncio.subprocess.Process | None = None
        self._up = asyncio.Event()

    @property
    def pid(self) -> int:
        """The process's number. It has been started."""
        assert self._process is not None  # noqa: S101  # started
        return self._process.pid

    async def start(self, *, hours: float = 0, waits: bool = True) -> None:
        """Start it, with a clock that is some hours ahead; `waits`: until it is ready.

        One that ends instead is started again, as a supervisor does: a front whose engine is gone does not stay up.
        """
        async with asyncio.timeout(_READY_SECONDS):
            while not await self._started(hours, waits=waits):  # noqa: ASYNC110  # another process
                await asyncio.sleep(_AGAIN_SECONDS)
        self._up.set()

    async def _started(self, hours: float, *, waits: bool) -> bool:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE if waits else log,
                stderr=log,
                env={**os.environ, **_clock(hours)},
            )
        try:
            while waits and (await _line(self._process)).get("event", "") != self._ready:
                pass
        except EOFError:
            await self._process.wait()
            return False
        return True

    async def kill(self) -> None:
        """`kill -9`, and nothing else."""
        self._up.clear()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def ask(self, work: Mapping[str, Any]) -> dict[str, Any] | None:
        """Its answer to a line, once it is up; None where it was killed meanwhile."""
        await self._up.wait()
        process = self._process
        assert process is not None  # noqa: S101  # started
        assert process.stdin is not None  # noqa: S101  # it was asked for
        try:
            process.stdin.write(json.dumps(work).encode() + b"\n")
            await process.stdin.drain()
            return await _line(process)
        except (ConnectionError, EOFError):
            return None


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next object that it writes. Raises EOFError when it ended instead."""
    assert process.stdout is not None  # noqa: S101  # it was asked for
    while line := await process.stdout.readline():
        if line.startswith(b"{"):
            said: dict[str, Any] = json.loads(line)
            return said
    raise EOFError("it ended")


def _clock(hours: float) -> dict[str, str]:
    if not hours or FAKETIME is None:
        return {}
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": f"{hours:+g}h",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }
