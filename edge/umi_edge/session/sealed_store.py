"""Sealed files: what a session leaves on the disk is encrypted and authenticated, and a damaged file is an error.

A file is a line of JSON, then a nonce of 12 bytes, then the ciphertext of AES-256-GCM. The line says how the key is
made and how long the rest is; it is authenticated with the rest, and so is the name that the file is saved under.

Covered: whoever reads the disk learns names, sizes and times of saved sessions, and nothing in them; a file that was
cut short, changed, or put under another name does not open.
Not covered: an older version of the same file in its place; a weak passphrase; the memory of a running session.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.errors import ConfigError

__all__ = ["KeyringKey", "Passphrase", "SealedError", "SealedStore", "SealingKey"]

_FORMAT = "umi-sealed-1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NONCE, _TAG = 12, 16
_MAX_BYTES = 256 << 20
_MAX_HEADER = 1024
_SERVICE, _USER = "umi", "saved sessions"


class SealedError(ConfigError):
    """A sealed file cannot be opened; `path` says which."""

    def __init__(self, path: Path, message: str, *, fix: str) -> None:
        super().__init__(f"{path}: {message}", fix=fix)
        self.path = path


class SealingKey(Protocol):
    """Where the key of 32 bytes comes from."""

    def parameters(self) -> Mapping[str, Any]:
        """What a new file says of how its key is made; nothing in it is secret."""
        ...

    def key(self, parameters: Mapping[str, Any]) -> bytes:
        """The key of a file with these parameters; raises `ValueError` where it is not this one's to open."""
        ...


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A key from a passphrase, by scrypt (RFC 7914): 32 MiB and about a tenth of a second a try."""

    text: str = field(repr=False)
    log2_cost: int = 15

    def parameters(self) -> Mapping[str, Any]:
        """A fresh salt."""
        salt = base64.b64encode(secrets.token_bytes(16)).decode()
        return {"key": "scrypt", "salt": salt, "log2_cost": self.log2_cost}

    def key(self, parameters: Mapping[str, Any]) -> bytes:
        """The key; the cost is bounded, since it comes from a file."""
        if parameters["key"] != "scrypt":
            raise ValueError("it was sealed with a key of the system's keyring")
        cost, salt = int(parameters["log2_cost"]), base64.b64decode(parameters["salt"], validate=True)
        if not 10 <= cost <= 17 or len(salt) != 16:
            raise ValueError("its key is made in a way that this version does not know")
        return hashlib.scrypt(
            self.text.encode(), salt=salt, n=1 << cost, r=8, p=1, maxmem=(1 << cost) * 1024 * 2, dklen=32
        )


@dataclass(frozen=True, slots=True)
class KeyringKey:
    """A random key in the system's keyring."""

    secret: bytes = field(repr=False)

    @classmethod
    def of_system(cls) -> "KeyringKey | None":
        """The key in the system's keyring, made at the first use; None where there is no keyring."""
        try:
            keyring: Any = import_module("keyring")  # optional
        except ImportError:
            return None
        try:
            text = keyring.get_password(_SERVICE, _USER)
            if text is None:
                text = base64.b64encode(secrets.token_bytes(32)).decode()
                keyring.set_password(_SERVICE, _USER, text)
            return cls(base64.b64decode(text, validate=True))
        except (keyring.errors.KeyringError, ValueError):
            return None

    def parameters(self) -> Mapping[str, Any]:
        """Says only that the key is in the keyring."""
        return {"key": "keyring"}

    def key(self, parameters: Mapping[str, Any]) -> bytes:
        """The key."""
        if parameters["key"] != "keyring":
            raise ValueError("it was sealed with a passphrase")
        if len(self.secret) != 32:
            raise ValueError("the key in the system's keyring is not one that umi made")
        return self.secret


@dataclass(frozen=True, slots=True)
class SealedStore:
    """A folder of sealed files, one a name."""

    folder: Path
    sealing: SealingKey

    def save(self, name: str, content: bytes) -> None:
        """Write a file whole, or leave the old one as it was. Raises `ConfigError`."""
        path = self.path(name)
        parameters = dict(self.sealing.parameters())
        size = _NONCE + len(content) + _TAG
        header = json.dumps({"format": _FORMAT, "name": name, "bytes": size, **parameters}).encode() + b"\n"
        nonce = secrets.token_bytes(_NONCE)
        try:
            key = self.sealing.key(parameters)
        except ValueError as error:
            raise SealedError(path, str(error), fix="use a passphrase") from None
        make_private_directory(self.folder)
        write_durably(path, header + nonce + AESGCM(key).encrypt(nonce, content, header))

    def load(self, name: str) -> bytes:
        """The content of a saved file. Raises `SealedError` when it is not there or does not open."""
        path = self.path(name)
        header, sealed = self._read(path)
        try:
            parameters = json.loads(header)
            if parameters["format"] != _FORMAT or parameters["name"] != name:
                raise ValueError("it was saved under another name, or by another version of umi")
            size, key = int(parameters["bytes"]), self.sealing.key(parameters)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            said = str(error) if type(error) is ValueError else "it is not a sealed session"
            raise SealedError(path, said, fix="name another session") from None
        if len(sealed) < size:
            raise SealedError(path, "it was cut short", fix="restore it from a copy, or start anew")
        try:
            return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], header)
        except (InvalidTag, ValueError):
            raise SealedError(
                path, "the key is wrong, or the file was changed", fix="try the passphrase again"
            ) from None

    def path(self, name: str) -> Path:
        """The file of a name. Raises `ConfigError` for a name that is not allowed."""
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{name!r:.80} is not a name for a session", fix="use letters, digits, '.', '_' and '-'"
            )
        return self.folder / f"{name}.sealed"

    def names(self) -> list[str]:
        """What is saved here, in order."""
        return sorted(path.name.removesuffix(".sealed") for path in self.folder.glob("*.sealed"))

    @staticmethod
    def _read(path: Path) -> tuple[bytes, bytes]:
        """The first line with its end, and the rest."""
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            raise SealedError(
                path, "there is no such session", fix="save one with `umi chat --save NAME`"
            ) from None
        except OSError as error:
            raise SealedError(path, f"it cannot be read: {error.strerror}", fix="mend that") from error
        end = content.find(b"\n", 0, _MAX_HEADER) + 1
        if len(content) > _MAX_BYTES or not end:
            raise SealedError(
                path, "it is not a sealed session, or was cut short", fix="name another session"
            )
        return content[:end], content[end:]
