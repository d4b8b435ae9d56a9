"""The authority as its files have it now: a front takes up a rotation without a restart."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from umi_cloud.auth.authority import Authority
from umi_cloud.auth.authority_files import AuthorityFiles
from umi_cloud.auth.certificates import DEFAULT_LIFETIMES, Lifetimes
from umi_shared.errors import ConfigError

__all__ = ["AuthoritySource", "LiveAuthority"]

_log = logging.getLogger("umi_cloud.certificates")


class AuthoritySource(Protocol):
    """Where the authority comes from."""

    def current(self) -> Authority:
        """The authority as it is now."""


class LiveAuthority:
    """Reads the files again when one was replaced; while they cannot be read, what was read before counts."""

    def __init__(
        self,
        folder: Path,
        *,
        lifetimes: Lifetimes = DEFAULT_LIFETIMES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Raises ConfigError, as `Authority.load` does."""
        self._load = partial(Authority.load, folder, lifetimes=lifetimes, clock=clock)
        self._files = AuthorityFiles(folder)
        self._authority = self._load()
        self._stamp = self._files.stamp()

    def current(self) -> Authority:
        """The authority as it is now."""
        try:
            stamp = self._files.stamp()
            if stamp != self._stamp:
                self._authority = self._load()
                self._stamp = stamp
        except (ConfigError, OSError) as error:
            _log.error("the certificates cannot be read again: %s", type(error).__name__)
        return self._authority
