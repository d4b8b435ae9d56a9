"""A folder of GGUF adapters: which file each role uses.

`adapters.json` in the folder maps roles to files, so that roles which were trained into one adapter share one file,
and with it one KV cache. It has each file's SHA-256. A folder without it holds one file for each role, `<role>.gguf`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from umi_shared.durable_file import write_durably
from umi_shared.errors import ConfigError, ModelError

__all__ = [
    "MANIFEST",
    "ROLES",
    "AdapterFile",
    "adapters_in",
    "read_adapter_folder",
    "shipped_adapters",
    "write_manifest",
]

MANIFEST = "adapters.json"
ROLES = ("planner", "caller", "summarizer")
_MANIFEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """One role's adapter."""

    path: Path
    sha256: str = ""
    """The file's SHA-256 in hexadecimal digits; empty when no manifest names it."""

    def check(self) -> None:
        """Read the file, and raise `ModelError` when it is not the one that the manifest names."""
        if not self.sha256:
            return
        try:
            found = _digest(self.path)
        except OSError as error:
            raise ModelError(f"the adapter {self.path} cannot be read: {error.strerror}") from error
        if found != self.sha256:
            raise ModelError(
                f"{self.path} is not the adapter that {MANIFEST} names: its SHA-256 is {found}, not {self.sha256}",
                fix="put the right file back, or write the folder again",
            )


def read_adapter_folder(folder: Path) -> dict[str, AdapterFile]:
    """The adapter of each role that has one; only the manifest is read.

    Raises `ConfigError` for a manifest that cannot be read or names a file that is not there, and for a `<role>.gguf`
    that it does not name, because nothing says which of the two was meant.
    """
    own = {role: path for role in ROLES if (path := folder / f"{role}.gguf").exists()}
    if not (folder / MANIFEST).exists():
        return {role: AdapterFile(path) for role, path in own.items()}
    named = _manifest(folder)
    for path in own.values():
        if path not in {file.path for file in named.values()}:
            raise ConfigError(
                f"{path} is not in {folder / MANIFEST}",
                fix=f"delete {MANIFEST} to use one file for each role, or delete {path.name}",
            )
    return named


def adapters_in(folder: Path | None) -> dict[str, Path]:
    """The adapters of a folder by role, empty without a folder. The base model plays a role that has no adapter.

    Raises `ConfigError` for a folder that holds none at all and as `read_adapter_folder` does, `ModelError` for a file
    that is not the one its manifest names.
    """
    if folder is None:
        return {}
    found = read_adapter_folder(folder)
    if not found:
        raise ConfigError(
            f"{folder} holds neither {MANIFEST} nor any of {', '.join(f'{role}.gguf' for role in ROLES)}",
            fix="write them with `umi-cloud glpft --recipe … --export FOLDER`",
        )
    for file in set(found.values()):
        file.check()
    return {role: file.path for role, file in found.items()}


def shipped_adapters() -> dict[str, AdapterFile]:
    """The adapters that umi ships for the embedded model; empty when this version ships none."""
    folder = Path(str(resources.files("umi_shared"))) / "adapters"
    return read_adapter_folder(folder) if folder.is_dir() else {}


def write_manifest(folder: Path, roles: Mapping[str, Path]) -> None:
    """Write which file of the folder each role uses. Raises `ConfigError` when it cannot be written."""
    manifest = {
        "roles": {role: path.name for role, path in roles.items()},
        "sha256": {path.name: _digest(path) for path in set(roles.values())},
    }
    write_durably(folder / MANIFEST, f"{json.dumps(manifest, indent=2)}\n".encode(), private=False)


def _manifest(folder: Path) -> dict[str, AdapterFile]:
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MANIFEST_BYTES:
            raise ValueError("too long")
        manifest: dict[str, Any] = json.loads(path.read_bytes())
        named = {
            role: AdapterFile(folder / file, manifest["sha256"][file])
            for role, file in manifest["roles"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{path} cannot be read as a list of adapters",
            fix="write the folder again with `umi-cloud glpft --recipe … --export FOLDER`, or delete the file",
        ) from error
    for role, file in named.items():
        # A name with a folder in it could reach any file, and the digest would bless it.
        if (
            role not in ROLES
            or file.path.parent != folder
            or not isinstance(file.sha256, str)
            or not file.sha256
        ):
            raise ConfigError(
                f"{path} says something odd about the role {role!r}", fix="write the folder again"
            )
        if not file.path.is_file():
            raise ConfigError(
                f"{file.path}, which {MANIFEST} names, is not there", fix="write the folder again"
            )
    return named


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
