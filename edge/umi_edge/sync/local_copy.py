"""A local copy: the private folder that an account is fetched into, and what is known of each thing in it.

Names of files are made here, of digests and of letters a to z: nothing that a server says becomes a path.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from umi_edge.tools.builtin.copied_folder import STATUS, CopiedFolder, CopyStatus
from umi_edge.tools.builtin.notes import slug
from umi_edge.tools.outcome import Lost
from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.errors import ConfigError

__all__ = ["INDEX", "LocalCopy", "Part", "file_of"]

INDEX = ".index.json"
"""The file by which a folder is known to be a copy."""


@dataclass(slots=True, kw_only=True)
class Part:
    """One address book, calendar or mail folder."""

    folder: str = field(repr=False)
    """The name of its folder."""
    mark: str = field(default="", repr=False)
    """What the server calls the state that was fetched (ctag, sync-token, UIDVALIDITY); empty: none, or not whole."""
    items: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    """Of each thing, by what the server calls it: its version, and its file's name."""


@dataclass(slots=True)
class LocalCopy:
    """The copy of one account. It is written part by part, so that what ends early loses nothing."""

    of: CopiedFolder
    parts: dict[str, Part] = field(default_factory=dict, repr=False)
    lost: list[Lost] = field(default_factory=list, repr=False)
    """What this fetch could not fetch."""

    @classmethod
    @contextlib.contextmanager
    def opened(cls, of: CopiedFolder) -> Iterator["LocalCopy"]:
        """The copy, with what is known of it; that is noted at the end, whatever happens.

        Raises `ConfigError`, and `filelock.Timeout` where another process has it open.
        """
        make_private_directory(of.path.parent.parent)
        make_private_directory(of.path.parent)
        make_private_directory(of.path)
        if of.path.is_symlink():
            raise ConfigError(f"{of.path} is a link", fix="delete it: umi makes a folder there")
        of.path.chmod(0o700)
        with FileLock(of.path / ".lock", timeout=0, mode=0o600):
            copy = cls(of, _known(of.path))
            try:
                yield copy
            finally:
                copy._note()

    def part(self, identity: str, name: str) -> Part:
        """The part that the server calls `identity` and people call `name`."""
        if identity not in self.parts:
            folder = f"{slug(name[:100])}-{_digest(identity)[:8]}"
            self.parts[identity] = Part(folder=folder)
        make_private_directory(self.of.path / self.parts[identity].folder)
        return self.parts[identity]

    def put(self, part: Part, identity: str, version: str, file: str, content: bytes) -> None:
        """Write one thing of a part, over what there was of it; `file` may begin with a folder of the part."""
        before = part.items.get(identity)
        target = self.of.path / part.folder / file
        make_private_directory(target.parent)
        temporary = target.parent / f".{secrets.token_hex(8)}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
                stream.write(content)
            temporary.replace(target)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            reason = error.strerror or type(error).__name__
            raise ConfigError(
                f"cannot write to {self.of.path}: {reason}", fix="make room on the disk"
            ) from error
        part.items[identity] = (version, file)
        if before is not None and before[1] != file:
            (self.of.path / part.folder / before[1]).unlink(missing_ok=True)

    def rename(self, part: Part, identity: str, file: str) -> None:
        """Give the file of one thing another name."""
        version, before = part.items[identity]
        if before != file:
            with contextlib.suppress(FileNotFoundError):
                (self.of.path / part.folder / before).replace(self.of.path / part.folder / file)
            part.items[identity] = (version, file)

    def drop(self, part: Part, identity: str) -> None:
        """Delete one thing of a part."""
        _, file = part.items.pop(identity)
        (self.of.path / part.folder / file).unlink(missing_ok=True)

    def drop_part(self, identity: str) -> None:
        """Delete a part."""
        shutil.rmtree(self.of.path / self.parts.pop(identity).folder, ignore_errors=True)

    def end(self, problem: str = "", fix: str = "") -> None:
        """Note how the fetch went: whole, or with a problem."""
        before = self.of.status()
        now = datetime.now(UTC)
        if problem:
            known = before.lost if before else ()
            fetched = before.fetched if before else None
            status = CopyStatus(fetched=fetched, tried=now, problem=problem, fix=fix, lost=known)
        else:
            status = CopyStatus(fetched=now, tried=now, lost=tuple(self.lost))
        write_durably(self.of.path / STATUS, status.as_text().encode())

    def _note(self) -> None:
        told = {
            identity: {"folder": part.folder, "mark": part.mark, "items": part.items}
            for identity, part in self.parts.items()
        }
        write_durably(self.of.path / INDEX, json.dumps(told).encode())


def file_of(identity: str, suffix: str) -> str:
    """The name of the file of a thing that a server calls `identity`."""
    return _digest(identity)[:32] + suffix


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _known(path: Path) -> dict[str, Part]:
    """What is known of a copy; nothing where it can't be read, and then all is fetched anew."""
    try:
        told: dict[str, Any] = json.loads((path / INDEX).read_text("utf-8"))
        parts = {
            identity: Part(
                folder=_plain(part["folder"]),
                mark=str(part["mark"]),
                items={
                    item: (str(version), "/".join(map(_plain, file.split("/"))))
                    for item, (version, file) in part["items"].items()
                },
            )
            for identity, part in told.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        for leftover in path.iterdir() if path.is_dir() else ():
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover, ignore_errors=True)
        return {}
    for part in parts.values():  # a file that somebody deleted is fetched again
        gone = [item for item, (_, file) in part.items.items() if not (path / part.folder / file).is_file()]
        for item in gone:
            del part.items[item]
            part.mark = ""
    return parts


def _plain(name: str) -> str:
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        raise ValueError("no name of a file of this copy")
    return name
