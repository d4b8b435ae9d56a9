"""The place of the daemon: three small files beside the ledger, by which other commands find the one that runs.

- `daemon.lock`: held as long as it runs, so there is one for a user and a ledger
- `daemon.json`: its port and the user's key, which is another at each start; readable by the user alone
- `serve.key`: the key of chat programs, which stays

A daemon that was killed leaves its files and not its lock. One that ends takes its file away before it gives up its
port, since another program may listen there then.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

from umi_edge.doors.doorkeeper import door_key
from umi_edge.runtime.config import EdgeConfig
from umi_shared.errors import ConfigError

__all__ = ["Place", "Running", "settings_digest"]

_PROBE_SECONDS = 1.0
"""How long a daemon waits for its lock: another command may be looking whether it is held."""


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that runs."""

    port: int
    pid: int
    key: str = field(repr=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


def settings_digest(config: EdgeConfig, key: str) -> str:
    """Stands for all that decides what a session does; keyed, for it may hold secrets.

    Left out are the words of the policy's file, which each session reads anew, and how often messages are shown before
    they leave, which a visit says.
    """
    said = {**asdict(config), "preview": "", "umi": version("umi-runtime")}
    spelled = json.dumps(said, sort_keys=True, default=str)
    return hmac.new(key.encode(), spelled.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the daemon of one ledger is found."""

    folder: Path

    @classmethod
    def beside(cls, ledger: Path) -> "Place":
        """That of a ledger."""
        return cls(ledger.parent)

    @property
    def log(self) -> Path:
        """What a daemon that was started in the background says."""
        return self.folder / "daemon.log"

    @property
    def shortcut(self) -> Path:
        """A file that leads a browser to the page."""
        return self.folder / "open.html"

    def key(self) -> str:
        """The key of chat programs; it is made when it is first asked for. Raises `ConfigError`."""
        return door_key(self.folder / "serve.key")

    def running(self) -> Running | None:
        """The daemon that runs; None where none does, whatever one that was killed has left."""
        try:
            said = json.loads(self._file.read_text("utf-8"))
            running = Running(int(said["port"]), int(said["pid"]), str(said["key"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return running if self.is_held() else None

    def is_held(self) -> bool:
        """Whether a daemon runs, be it one that is starting or ending."""
        with suppress(Timeout), self._lock(0):
            return False
        return True

    @contextmanager
    def held(self) -> Iterator[None]:
        """While it holds, no other daemon starts here. Raises `ConfigError` where one runs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = self._lock(_PROBE_SECONDS)
        try:
            lock.acquire()
        except Timeout:
            raise ConfigError(
                "umi's daemon runs already for this ledger", fix="use it, or end it with `umi stop`"
            ) from None
        try:
            self.withdraw()  # what one that was killed has left leads to a port that may be another program's now
            yield
        finally:
            self.withdraw()
            lock.release()

    def withdraw(self) -> None:
        """Nobody finds the daemon any more."""
        for file in (self._file, self.shortcut):
            file.unlink(missing_ok=True)

    def note(self, port: int, key: str) -> None:
        """Note where the daemon listens, and the user's key, for as long as it runs."""
        new = self._file.with_suffix(".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"port": port, "pid": os.getpid(), "key": key}, file)
        new.replace(self._file)

    @property
    def _file(self) -> Path:
        return self.folder / "daemon.json"

    def _lock(self, seconds: float) -> FileLock:
        return FileLock(self.folder / "daemon.lock", timeout=seconds, mode=0o600)
