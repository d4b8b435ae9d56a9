"""The parts of a home that are at servers: the accounts of a configuration, each with the folder of its copy."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from platformdirs import user_state_path

from umi_edge.runtime.config import SYNCED, HomeSettings, ImapSettings
from umi_edge.sync.account import Account, SyncLimits
from umi_edge.sync.fetching import Fetched, SyncedFolder, fetch, is_due
from umi_edge.sync.local_copy import INDEX
from umi_edge.tools.builtin.copied_folder import CopiedFolder

__all__ = ["fetch_what_is_due", "folder_of", "forget_others", "synced_folders"]


def folder_of(settings: HomeSettings, store: str) -> Path:
    """Where the copies of one store lie, a folder for each account."""
    root = settings.sync.folder or user_state_path("umi", appauthor=False) / "sync"
    return Path(root) / store


def synced_folders(settings: HomeSettings) -> tuple[SyncedFolder, ...]:
    """Every account of a configuration, with its copy."""
    found = []
    for store in SYNCED:
        for name, said in getattr(settings.sync, store).items():
            account = Account(
                store=store,
                name=name,
                url=said.url,
                user=said.user,
                password_command=said.password_command,
                password_env=said.password_env,
                token_command=said.token_command,
                only=said.only,
                ca_file=Path(said.ca_file) if said.ca_file else None,
                mail_days=said.days if isinstance(said, ImapSettings) else 0,
            )
            copy = CopiedFolder(
                path=folder_of(settings, store) / name,
                store=store,
                account=name,
                stale_hours=settings.sync.stale_hours,
            )
            found.append(SyncedFolder(account, copy))
    return tuple(found)


def forget_others(settings: HomeSettings) -> list[str]:
    """Delete the copies of accounts that the configuration has no more, which would be read all the same.

    Their names are given, each behind its store's.
    """
    kept = {one.copy.path for one in synced_folders(settings)}
    gone = [
        path
        for store in SYNCED
        for path in sorted(folder_of(settings, store).glob("*"))
        if path not in kept and not path.is_symlink() and (path / INDEX).is_file()
    ]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return [f"{path.parent.name} from {path.name}" for path in gone]


async def fetch_what_is_due(settings: HomeSettings, environment: Mapping[str, str]) -> list[Fetched]:
    """At the start of a session: what is older than it may be is fetched, all accounts at once, for a short time.

    What fails is in the copies themselves: their readers say how old they are.
    """
    minutes, seconds = settings.sync.minutes, settings.sync.start_seconds
    due = [one for one in synced_folders(settings) if minutes and is_due(one.copy, minutes)]
    limits = SyncLimits(seconds=seconds, wait_seconds=min(seconds, SyncLimits().wait_seconds))
    short = [SyncedFolder(replace(one.account, limits=limits), one.copy) for one in due]
    fetches = [asyncio.to_thread(fetch, [one], environment) for one in short]
    return [fetched for each in await asyncio.gather(*fetches) for fetched in each]
