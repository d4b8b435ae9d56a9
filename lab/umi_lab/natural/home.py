"""A home of the natural set: files as people's programs write them, and the moment at which they are asked about."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

from umi_edge.tools.builtin import HomeConfig

__all__ = ["HOMES", "Home", "homes", "read_home"]

HOMES = Path(__file__).parent / "homes"
_SEEN = ":2,S" if os.name != "nt" else "!2,S"
"""What a Maildir adds to the name of a letter that was read; a repository's file names must not have a colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """One person's data as the repository has it."""

    name: str
    folder: Path
    owner: str
    address: str
    now: datetime
    """When its requests are made."""
    zone: ZoneInfo
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many contacts, events, to-dos, letters, notes and files there are."""

    def copy_to(self, folder: Path) -> HomeConfig:
        """The home on the disk, to be used and changed; letters of `cur` are marked as read."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        for letter in [*folder.glob("mail/cur/*"), *folder.glob("mail/.*/cur/*")]:
            letter.rename(letter.with_name(letter.name + _SEEN))
        return replace(HomeConfig.under(folder), zone=self.zone, now=lambda: self.now)


def homes() -> tuple[Home, ...]:
    """All of them, by name."""
    return tuple(read_home(path.parent) for path in sorted(HOMES.glob("*/home.yaml")))


def read_home(folder: Path) -> Home:
    """The home in a folder. Raises `OSError` or `KeyError` for one without a whole manifest."""
    manifest = YAML(typ="safe").load((folder / "home.yaml").read_text(encoding="utf-8"))
    zone = ZoneInfo(manifest["zone"])
    now = manifest["now"]
    if not isinstance(now, datetime) or now.tzinfo is None:
        now = datetime.fromisoformat(str(now))
    return Home(
        name=folder.name,
        folder=folder,
        owner=manifest["owner"],
        address=manifest["address"],
        now=now.astimezone(zone),
        zone=zone,
        counts=manifest["counts"],
    )
