"""The laptop's daemon in a process of its own, with a home of samples, and a chat program's way to ask it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil

from umi_edge.doors.place import Place, Running
from umi_edge.tools.sample_home import make_sample_home
from umi_shared.errors import ConfigError
from umi_shared.models import EMBEDDED, ModelStore, shipped_adapter

__all__ = ["DaemonProcess", "daemon_process", "embedded_caller"]

_TODAY = date(2026, 6, 1)
_STARTS_SECONDS = 120
_ANSWERS_SECONDS = 300


class DaemonProcess:
    """A daemon that runs."""

    def __init__(self, process: psutil.Process, running: Running, key: str) -> None:
        """`key` is that of chat programs."""
        self.process = process
        self.running = running
        self.key = key

    async def ask(self, text: str) -> str:
        """What it answers to a new conversation. Raises ConfigError with what it says instead."""
        body = {"model": "umi", "messages": [{"role": "user", "content": text}]}
        headers = {"authorization": f"Bearer {self.key}"}
        async with httpx.AsyncClient(timeout=_ANSWERS_SECONDS, trust_env=False) as http:
            answer = await http.post(f"{self.running.url}/v1/chat/completions", json=body, headers=headers)
        if answer.status_code != httpx.codes.OK:
            raise ConfigError(f"the daemon answered {answer.status_code}: {answer.text[:300]}")
        return str(answer.json()["choices"][0]["message"]["content"])


def embedded_caller() -> dict[str, str]:
    """The settings of the caller that umi ships, on this machine's copy of its model."""
    return {
        "model": str(ModelStore.local().path_of(EMBEDDED)),
        "adapter": str(shipped_adapter("caller")),
        "dialect": "umi",
    }


@asynccontextmanager
async def daemon_process(
    folder: Path,
    connection: Path,
    caller: Mapping[str, Any],
    runner: Sequence[str] = (sys.executable, "-m"),
) -> AsyncIterator[DaemonProcess]:
    """Start one in a folder, with a connection and a caller's settings. `runner` runs a module. Raises ConfigError."""
    home = make_sample_home(folder / "home", _TODAY)
    config = folder / "config.yaml"
    config.write_text(
        json.dumps(
            {
                "connection": str(connection),
                "ledger": str(folder / "edge" / "ledger.jsonl"),
                "home": {
                    one: str(getattr(home, one))
                    for one in ("contacts", "calendar", "mail", "outbox", "notes")
                },
                "caller": dict(caller),
                "operators": False,
                "notifications": False,
            }
        )
    )
    place = Place(folder / "edge")
    command = (*runner, "umi_edge", "serve", "--config", str(config), "--port", "0")
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=null, stdout=null, stderr=null)
    try:
        async with asyncio.timeout(_STARTS_SECONDS):
            while (running := place.running()) is None and process.returncode is None:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        if running is None:
            raise ConfigError("the daemon does not start", fix="start `umi serve` to see why")
        yield DaemonProcess(psutil.Process(process.pid), running, place.key())
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
