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


class Process:
    """One program. `start` waits for its first line of JSON with the word that means that it is ready."""

    def __init__(self, command: Sequence[str | Path], log: Path, *, ready: str = "") -> None:
        """`ready` is the `event` of the line to wait for; empty: any object. A program that says nothing has None."""
        self._command = [str(one) for one in command]
        self._log = log
        self._ready = ready
        self._process: asyncio.subprocess.Process | None = None
        self._up = asyncio.Event()

    async def start(self, *, hours: float = 0, waits: bool = True) -> None:
        """Start it, with a clock that is some hours ahead; `waits`: until it is ready."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE if waits else log,
                stderr=log,
                env={**os.environ, **_clock(hours)},
            )
        if waits:
            async with asyncio.timeout(_READY_SECONDS):
                while (await _line(self._process)).get("event", "") != self._ready:
                    pass
        self._up.set()

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
