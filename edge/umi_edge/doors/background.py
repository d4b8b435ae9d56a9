"""The daemon in the background: started where a command needs it, ended by another, and the address of its page."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import httpx

from umi_edge.doors.place import Place, Running
from umi_edge.doors.proved_client import ProvedFirst
from umi_shared.errors import ConfigError, TransportError

__all__ = ["page_address", "start", "stop"]

_STARTS_SECONDS = 120
_STOPS_SECONDS = 30
_ANSWERS_SECONDS = 10
_PORT = 4864
_TOLD_BYTES = 2000


def start(place: Place, options: Sequence[str]) -> Running:
    """Start it, and wait until it can be found. Raises `ConfigError` with its own words where it does not start."""
    place.folder.mkdir(parents=True, exist_ok=True)
    program = [sys.executable, "-m", "umi_edge", "serve", "--port", str(_free_port()), *options]
    place.log.unlink(missing_ok=True)
    descriptor = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        process = subprocess.Popen(
            program,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # it outlives this command, and its terminal
        )
    end = time.monotonic() + _STARTS_SECONDS
    while time.monotonic() < end:
        if (running := place.running()) is not None:
            return running
        if process.poll() is not None:
            break
        time.sleep(0.1)
    said = place.log.read_bytes()[-_TOLD_BYTES:].decode("utf-8", "replace").strip()
    raise ConfigError(f"umi serve does not start: {said}", fix="start `umi serve` in a terminal to see more")


def stop(place: Place) -> bool:
    """End the one that runs, and wait until it has; whether there was one. Raises `TransportError`."""
    running = place.running()
    if running is None:
        return False
    with suppress(httpx.TransportError):  # it may end before it answers
        _post(running, "/daemon/stop")
    end = time.monotonic() + _STOPS_SECONDS
    while time.monotonic() < end:
        if not place.is_held():
            return True
        time.sleep(0.05)
    raise TransportError("umi serve does not end", fix=f"end the process {running.pid} yourself")


def page_address(running: Running) -> str:
    """The page, with a code in the fragment, which browsers send to nobody; it opens the page once, within a minute.

    Raises `TransportError` where the daemon does not answer.
    """
    try:
        return f"{running.url}/#code={_post(running, '/api/code').json()['code']}"
    except httpx.HTTPError as error:
        raise TransportError(
            "umi serve does not answer", fix="end it with `umi stop`, then try again"
        ) from error


def _post(running: Running, path: str) -> httpx.Response:
    auth = ProvedFirst(running.key)
    reply = httpx.post(f"{running.url}{path}", auth=auth, trust_env=False, timeout=_ANSWERS_SECONDS)
    return reply.raise_for_status()


def _free_port() -> int:
    """The usual one, which chat programs may know; any where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", _PORT))
        except OSError:
            return 0
    return _PORT
