"""A PostgreSQL server of one's own in a folder that goes away: for tests, and for measuring fleets.

PostgreSQL itself is a package of the system (`make postgres` installs it where that is Debian's).
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT, SIGQUIT, Signals
from threading import Lock

import psutil

__all__ = ["HERE", "PostgresServer", "Site", "binaries", "free_port", "postgres_server"]

_READY_SECONDS = 30
_END_SECONDS = 5
_OPTIONS = ("-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=80")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a server runs."""

    enter: tuple[str, ...] = ()
    """What a command begins with that runs there; where there is any, as root."""
    address: str = "127.0.0.1"
    network: str = ""
    """Who may come in beside this machine, as `10.77.0.0/24`."""


HERE = Site()


@dataclass(slots=True, kw_only=True)
class PostgresServer:
    """One server, with the superuser `postgres`, who needs no password."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    site: Site = HERE
    turn: Lock = field(default_factory=Lock, repr=False)
    """Of whoever starts or ends it: a thread may start it that nobody waits for any more."""

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases, for programs of its site."""
        return f"postgresql://postgres@{self.site.address}:{self.port}/{database}"

    def url_here(self, database: str = "postgres") -> str:
        """The same for this process, whatever the site."""
        return f"postgresql://postgres@/{database}?host={self.folder}&port={self.port}"

    def make_database(self, name: str, template: str = "template0") -> None:
        """A database of this name: an empty one, or a copy of another."""
        server = ("-h", str(self.folder), "-p", str(self.port), "-U", "postgres")
        _run("createdb", *server, "-T", template, name)

    def stop(self, how: Signals = SIGINT) -> None:
        """End it: SIGINT ends its connections and shuts down well, SIGKILL does not."""
        if self.process.poll() is not None:
            return
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(how)
        self.process.wait(_READY_SECONDS)
        # After SIGKILL its children notice by themselves that it is gone; until then they answer.
        psutil.wait_procs(children, _END_SECONDS)

    def start(self) -> None:
        """Start it again on the same port, with what it holds."""
        with self.turn:
            self.process = _started(self.folder, self.port, self.site)


def binaries() -> Path | None:
    """Where this machine's newest PostgreSQL is; None where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def postgres_server(site: Site = HERE) -> Iterator[PostgresServer]:
    """Make a server, start it, and remove it at the end. Raises `RuntimeError` where there is no PostgreSQL."""
    if binaries() is None:
        raise RuntimeError("there is no PostgreSQL here: install Debian's package `postgresql`")
    folder = Path(tempfile.mkdtemp(prefix="umi-pg-"))  # a short path: a socket's has a limit
    try:
        if (user := _user()) is not None:
            shutil.chown(folder, user)
        _run(
            "initdb", "-D", str(folder / "data"), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"
        )
        if site.network:
            with (folder / "data" / "pg_hba.conf").open("a") as allowed:
                allowed.write(f"host all all {site.network} trust\n")
        server = _first_started(folder, site)
        try:
            yield server
        finally:
            with server.turn:
                if server.process.poll() is None:
                    server.stop(SIGQUIT)  # at once: its data goes, too
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _first_started(folder: Path, site: Site) -> PostgresServer:
    """A server on a port that was free, and on another where somebody else took that meanwhile."""
    for last in (False, False, True):
        port = free_port()
        try:
            return PostgresServer(folder=folder, port=port, process=_started(folder, port, site), site=site)
        except RuntimeError:
            if last:
                raise
    raise AssertionError


def _started(folder: Path, port: int, site: Site) -> subprocess.Popen[bytes]:
    log = (folder / "log").open("ab")
    arguments = (
        "-D",
        str(folder / "data"),
        "-h",
        site.address,
        "-p",
        str(port),
        "-k",
        str(folder),
        *_OPTIONS,
    )
    user = _user()
    process = subprocess.Popen(
        [*site.enter, *(_becoming(user) if site.enter and user else ()), _program("postgres"), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        user=None if site.enter else user,  # to enter takes root
        cwd=folder,
    )
    log.close()
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end:
        asked = subprocess.run(
            [_program("pg_isready"), "-q", "-h", str(folder), "-p", str(port)], check=False
        )
        if asked.returncode == 0:
            return process
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text(errors='replace')[-2000:]}")


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [_program(program), *arguments], check=False, capture_output=True, text=True, user=_user(), cwd="/"
    )
    if done.returncode:
        raise RuntimeError(f"{program} failed: {done.stderr[-2000:]}")


def _program(name: str) -> str:
    folder = binaries()
    if folder is None:
        raise RuntimeError("there is no PostgreSQL here")
    return str(folder / name)


def _user() -> str | None:
    """PostgreSQL refuses to run as root: as the system's own user for it, then."""
    return "postgres" if hasattr(os, "geteuid") and os.geteuid() == 0 else None


def _becoming(user: str) -> tuple[str, ...]:
    return "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
