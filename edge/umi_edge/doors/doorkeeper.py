"""The doorkeeper: only programs of this user, on this machine, that have the key, get in.

A page in a browser can reach loopback ports, too, and make its own name point to them (DNS rebinding): so the names
that the request says it is for, and comes from, are looked at before anything else.
"""

import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from umi_edge.doors.chat_request import ApiError
from umi_shared.errors import ConfigError

__all__ = ["Doorkeeper", "door_key", "is_loopback"]

_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
_KEY_BYTES = 32


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach an address or a name."""
    return _LOOPBACK.fullmatch(host) is not None


def door_key(path: Path) -> str:
    """The key in a file that only the user can read; it is made at the first start. Raises `ConfigError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read(path)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"umi-{secrets.token_urlsafe(_KEY_BYTES)}\n")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", fix="make its folder writable"
        ) from error
    return _read(path)


def _read(path: Path) -> str:
    try:
        open_to_others = os.name == "posix" and path.stat().st_mode & 0o077
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read", fix="delete it: a new key is made") from error
    if open_to_others:
        raise ConfigError(
            f"others can read the key in {path}", fix=f"delete it, and a new key is made: rm {path}"
        )
    if len(key) < _KEY_BYTES:
        raise ConfigError(f"{path} holds no key", fix="delete it: a new key is made")
    return key


class Doorkeeper:
    """Looks at the headers of a request."""

    def __init__(
        self,
        key: str,
        *,
        hosts: frozenset[str] = frozenset(),
        origins: frozenset[str] = frozenset(),
        wanted: str = "umi's key as the API key; `umi serve --show-key` prints it",
    ) -> None:
        self._key = key.encode()
        self._wanted = wanted
        """What somebody without the key is told."""
        self._hosts = frozenset(host.lower() for host in hosts)
        """Names other than loopback's that requests may be for."""
        self.origins = origins
        """Pages that may ask, such as `http://localhost:3000`."""

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises `ApiError` for a request that is not to be let in; names are in lower case."""
        self.check_place(headers)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._key):
            raise ApiError(
                f"this needs {self._wanted}",
                status=401,
                code="invalid_api_key",
            )

    def check_place(self, headers: Mapping[str, str]) -> None:
        """What `check` looks at but the key: whether it is for this machine, and no page of another site's."""
        place = headers.get("host", "").lower()
        host = re.sub(r":\d+$", "", place).removeprefix("[").removesuffix("]")
        if not is_loopback(host) and host not in self._hosts:
            raise ApiError(
                "this request is for another host than this machine, so umi does not take it", status=403
            )
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{place}" and origin not in self.origins:
            raise ApiError(
                f"a page of another site asks: if it is yours, start umi with `umi serve --origin {_plain(origin)}`",
                status=403,
            )


def _plain(origin: str) -> str:
    return origin if re.fullmatch(r"[\w.:/\[\]-]{1,100}", origin, re.ASCII) else "ORIGIN"
