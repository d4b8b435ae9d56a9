"""A planner on this device: `umi-cloud serve` as a process of its own, over mTLS on loopback.

The demo and the offline mode use it. It is the server that operators run, and it is reached as a shared one is: with
certificates of its own authority, a one-time token and enrolment. Nothing of `umi_cloud` is imported here.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from umi_edge.connection.connection import Connection
from umi_edge.connection.enroll import enroll
from umi_shared.errors import ModelError, UmiError
from umi_shared.models import EMBEDDED

__all__ = ["LOCAL_STEP_SECONDS", "LocalCloud", "local_cloud"]

LOCAL_STEP_SECONDS = 600.0
"""The time limit of one plan or answer here: a slow laptop needs minutes to read a long prompt."""
_CONNECTIONS = 64
"""More than one laptop needs, and few enough for any system's limit of descriptors."""
_READY_SECONDS = 120
_STOP_SECONDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCloud:
    """A running planner on this device."""

    connection: Connection
    process_id: int
    model: str


@asynccontextmanager
async def local_cloud(folder: Path, *, model: str = EMBEDDED, threads: int = 0) -> AsyncIterator[LocalCloud]:
    """Start the embedded planner, enrol this device with it, and stop it at the end.

    `folder` holds its certificates and the device's; it may be temporary.
    Raises `UmiError` with the server's own words when it does not come up.
    """
    state, connection = folder / "cloud", folder / "connection"
    await _umi_cloud("ca", "init", "--state", str(state), "--host", "localhost")
    config, log = folder / "cloud.yaml", folder / "cloud.log"
    config.write_text(_config(state, model, threads))
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            "serve",
            "--config",
            str(config),
            "--json",
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            stdin=asyncio.subprocess.DEVNULL,
        )
    try:
        ready = await _ready(process, log)
        token = await _token(state, ready)
        enrolment = await enroll(token, connection)
        yield LocalCloud(connection=enrolment.connection, process_id=process.pid, model=model)
    finally:
        await _stop(process)


_COMMAND = (sys.executable, "-m", "umi_cloud")


def _config(state: Path, model: str, threads: int) -> str:
    """The server's configuration; JSON is YAML, so no quoting is needed."""
    return json.dumps(
        {
            "listen": "127.0.0.1:0",
            "enrol_listen": "127.0.0.1:0",
            "state": str(state),
            "engine": {"kind": "llama.cpp", "model": model, "threads": threads},
            "request_seconds": LOCAL_STEP_SECONDS,
            "connections": {"open": _CONNECTIONS},
        }
    )


async def _umi_cloud(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise UmiError(f"`umi-cloud {arguments[0]}` failed: {errors.decode(errors='replace').strip()}")
    return output.decode()


async def _ready(process: asyncio.subprocess.Process, log: Path) -> dict[str, str]:
    """What the server says once it serves: its addresses."""
    assert process.stdout is not None  # noqa: S101  # it was asked for
    try:
        async with asyncio.timeout(_READY_SECONDS):
            async for line in process.stdout:
                said: dict[str, str] = json.loads(line)
                if said["event"] == "ready":
                    return said
    except (TimeoutError, ValueError):
        pass
    if process.returncode is None:
        process.kill()
    raise ModelError(f"the planner on this device did not start: {_last_words(log)}", fix="run `umi doctor`")


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-2000:] or "it said nothing"


async def _token(state: Path, ready: dict[str, str]) -> str:
    output = await _umi_cloud(
        "enroll",
        "this-device",
        "--state",
        str(state),
        "--address",
        ready["address"],
        "--enrol-address",
        ready["enrol_address"],
        "--json",
    )
    token: str = json.loads(output)["token"]
    return token


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.communicate(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.communicate()
