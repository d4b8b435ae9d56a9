"""The file of a backup: the registry's rows, the authority's files, and a manifest with the checksum of each.

Invariants: only its owner may read it; a file is unpacked only if the manifest names it and its checksum is right.
"""

import hashlib
import io
import json
import os
import re
import secrets
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from umi_shared.durable_file import make_private_directory
from umi_shared.errors import ConfigError

__all__ = ["REGISTRY_FILE", "Manifest", "check_new", "unpack", "write_archive"]

REGISTRY_FILE = "devices.sqlite"
MANIFEST = "manifest.json"
VERSION = 1
MANIFEST_BYTES_MAX = 1024 * 1024
PIECE_BYTES = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself."""

    made: datetime
    """By the registry's time."""
    place: str
    """Where the registry was, without a password."""
    files: dict[str, str]
    """SHA-256 by name."""


def check_new(path: Path) -> None:
    """Raise `ConfigError` for a file that is there."""
    if path.exists():
        raise ConfigError(f"{path} is there already", fix="name a new file")


def write_archive(path: Path, folder: Path, names: Iterable[str], *, made: datetime, place: str) -> Manifest:
    """Write these files of a folder into a new archive, whole or not at all. Raises `ConfigError`."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        manifest = Manifest(
            made=made, place=place, files={name: _sha256(folder / name) for name in sorted(names)}
        )
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                with tarfile.open(fileobj=file, mode="w:gz") as archive:
                    _add(archive, MANIFEST, _json(manifest))
                    for name in manifest.files:
                        archive.add(folder / name, arcname=name, recursive=False, filter=_anonymous)
                file.flush()
                os.fsync(file.fileno())
            check_new(path)
            temporary.rename(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}",
            fix="name a file in a directory that you may write to, on a disk that has room",
        ) from error
    return manifest


def unpack(path: Path, folder: Path) -> Manifest:
    """Write the files of an archive below a folder, once each is what the manifest says. Raises `ConfigError`."""
    try:
        with tarfile.open(path, mode="r:gz") as archive:
            first = archive.next()
            manifest = _manifest(_content(archive, first)) if first and first.name == MANIFEST else None
            if manifest is None:
                raise _damaged(path, "it begins with no manifest")
            found = set()
            while (member := archive.next()) is not None:
                if member.name not in manifest.files or member.name in found or not member.isreg():
                    raise _damaged(path, "it has a file that its manifest does not name")
                found.add(member.name)
                if _extracted(archive, member, folder / member.name) != manifest.files[member.name]:
                    raise _damaged(path, f"the checksum of {member.name} is wrong")
    except (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, "it cannot be read") from error
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror or 'it is no archive'}",
            fix="name a file of `umi-cloud backup`",
        ) from error
    if found != manifest.files.keys():
        raise _damaged(path, "files are missing")
    return manifest


def _json(manifest: Manifest) -> bytes:
    document = {
        "umi_backup": VERSION,
        "made": manifest.made.isoformat(),
        "place": manifest.place,
        "files": manifest.files,
    }
    return json.dumps(document, indent=1).encode()


def _manifest(content: bytes) -> Manifest:
    document: dict[str, Any] = json.loads(content)
    if document["umi_backup"] != VERSION:
        raise ConfigError(
            "the backup is of another version of umi-cloud", fix="restore it with the newest umi-cloud"
        )
    files = {str(name): str(digest) for name, digest in document["files"].items()}
    if REGISTRY_FILE not in files or not all(map(_NAME.fullmatch, files)):
        raise ValueError("a manifest with names that no backup has")
    made = datetime.fromisoformat(document["made"]).astimezone(UTC)
    return Manifest(made=made, place=str(document["place"]), files=files)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    archive.addfile(member, io.BytesIO(content))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None or member.size > MANIFEST_BYTES_MAX:
        raise ValueError("no manifest of a backup")
    return file.read()


def _extracted(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> str:
    """The file's SHA-256, once it is written."""
    source, digest = archive.extractfile(member), hashlib.sha256()
    if source is None:
        raise ValueError("no file")
    make_private_directory(target.parent)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while piece := source.read(PIECE_BYTES):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: Path, how: str) -> ConfigError:
    return ConfigError(f"{path} is damaged, or no backup: {how}", fix="use another backup")
