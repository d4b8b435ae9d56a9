"""A registry and its authority's keys into one file, and back.

Invariants: the rows are those of one moment; a restore revives neither what was revoked nor a token that was spent,
also where that happened after the backup and nobody knows of it any more: what the registry does not know comes back
held or spent (ADR 36). Not covered: whoever reads the file can admit devices; it is as secret as the authority's key.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from umi_cloud.auth.audit import Event, Origin
from umi_cloud.auth.authority import Authority, AuthorityFiles
from umi_cloud.auth.backup_archive import Manifest, check_new, unpack, write_archive
from umi_cloud.auth.registry import Registry, Standing
from umi_cloud.auth.registry_copy import copy_registry, restore_registry
from umi_cloud.auth.sqlite_store import FILE_NAME, SqliteStore
from umi_cloud.auth.store import Operation, Read
from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.errors import ConfigError

__all__ = ["Backup", "Restored", "back_up", "opened", "restore"]

_KEYS = "ca"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What is in a backup."""

    made: datetime
    place: str
    rows: dict[str, int]
    """Rows by table."""
    keys: bool
    """Whether the authority's files are in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did."""

    backup: Backup
    held: int
    """Devices that are held back now, until the operator releases them."""
    keys: str
    """`restored`, `kept` where they were there already, or empty where none are in the backup or none are wanted."""


async def back_up(registry: Registry, certificates: Path | None, target: Path, by: Origin) -> Backup:
    """Write a new backup of an open registry; with the authority's files where their folder is given.

    Raises `ConfigError` when there is such a file, or it can't be written; `RegistryUnavailableError`.
    """
    check_new(target)
    with _private_folder(target.parent) as folder:
        made = registry.now()
        rows: dict[str, int] = {}
        async with registry.store.snapshot() as snapshot, Registry(SqliteStore(folder)) as copy:
            async for copied in copy_registry(snapshot, copy.store):
                rows[copied.table] = copied.rows
        names = [FILE_NAME]
        if certificates is not None:
            names += _copy_keys(AuthorityFiles(certificates), folder)
            Authority.load(folder)  # raises where its files do not belong together: one was just written
        manifest = write_archive(target, folder, names, made=made, place=registry.store.place)
    await registry.record(Event.BACKED_UP, f"{rows.get('devices', 0)} devices", by=by)
    return _backup(manifest, rows)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[Backup, Registry, Path]]:
    """A backup that was checked, as a registry, and the folder that its authority's files are in."""
    with _private_folder(None) as folder:
        manifest = unpack(path, folder)
        async with Registry(SqliteStore(folder, existing=True)) as registry:
            rows = {name: await _count(registry, name) for name in ("devices", "certificates", "tokens")}
            yield _backup(manifest, rows), registry, folder


async def restore(path: Path, registry: Registry, certificates: Path | None, by: Origin) -> Restored:
    """Bring a backup back into an open registry, and the authority's files where their folder is given.

    It may be cut off and run again, also while fronts run. Raises `ConfigError` for a damaged backup, and for an
    authority that is another one, before anything is written; `RegistryUnavailableError`.
    """
    async with opened(path) as (backup, old, folder):
        keys = "" if certificates is None or not backup.keys else _restore_keys(folder / _KEYS, certificates)
        async for _ in restore_registry(old.store, registry.store):
            pass
        held = sum(one.standing is Standing.HELD for one in await registry.devices())
        await registry.record(
            Event.RESTORED, f"the backup of {backup.made:%Y-%m-%d %H:%M:%S} UTC; {held} devices held", by=by
        )
        return Restored(backup=backup, held=held, keys=keys)


def _backup(manifest: Manifest, rows: dict[str, int]) -> Backup:
    keys = any(name.startswith(f"{_KEYS}/") for name in manifest.files)
    return Backup(made=manifest.made, place=manifest.place, rows=rows, keys=keys)


async def _count(registry: Registry, table: str) -> int:
    def operation(_now: float) -> Operation[int]:
        ((found,),) = (yield (Read(f"SELECT count(*) FROM {table}", {}),))[0]  # noqa: S608  # a constant
        return int(found)

    return await registry.store.read(operation)


@contextmanager
def _private_folder(beside: Path | None) -> Iterator[Path]:
    try:
        folder = Path(tempfile.mkdtemp(prefix=".umi-backup-", dir=beside))  # mode 0700
    except OSError as error:
        raise ConfigError(
            f"cannot write in {beside or tempfile.gettempdir()}: {error.strerror or error}",
            fix="name a directory that you may write to",
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_keys(files: AuthorityFiles, folder: Path) -> list[str]:
    """The names of the authority's files, once they are in the folder."""
    names = []
    try:
        for path in sorted(files.directory.rglob("*")):
            name = Path(_KEYS) / path.relative_to(files.directory)
            if path.is_dir() or any(
                part.startswith(".") for part in name.parts
            ):  # drafts of what is being written
                continue
            make_private_directory((folder / name).parent)
            write_durably(folder / name, path.read_bytes())
            names.append(name.as_posix())
    except OSError as error:
        raise ConfigError(
            f"cannot read {files.directory}: {error.strerror or error}",
            fix="run it as the user who runs the server, or leave the keys out with --registry-only",
        ) from error
    if not files.ca_key.is_file():
        raise ConfigError(
            f"there is no certificate authority in {files.directory}",
            fix="name its folder with --certificates, or leave the keys out with --registry-only",
        )
    return names


def _restore_keys(source: Path, certificates: Path) -> str:
    files = AuthorityFiles(certificates)
    if files.directory.exists():
        if not _same(files.ca_certificate, source / files.ca_certificate.name):
            raise ConfigError(
                f"{files.directory} is another certificate authority than the backup's, or a later one",
                fix="move that directory away first, or leave the keys out with --registry-only",
            )
        return "kept"
    make_private_directory(certificates)
    with _private_folder(certificates) as draft:
        for path in sorted(source.rglob("*")):
            if path.is_dir():
                continue
            target = draft / _KEYS / path.relative_to(source)
            make_private_directory(target.parent)
            private = b"PRIVATE KEY" in path.read_bytes()
            write_durably(target, path.read_bytes(), private=private)
        try:
            (draft / _KEYS).rename(files.directory)
        except OSError as error:
            raise ConfigError(
                f"cannot write {files.directory}: {error.strerror or error}",
                fix=f"make {certificates} a directory that you may write to",
            ) from error
    return "restored"


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False
