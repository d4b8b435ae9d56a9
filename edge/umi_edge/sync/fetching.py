"""Fetching: the accounts one after the other, whatever fails; how each went is noted in its copy.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from filelock import Timeout

from umi_edge.sync.account import Account
from umi_edge.sync.imap import ImapServer
from umi_edge.sync.imap_copy import fetch_mail
from umi_edge.sync.local_copy import LocalCopy
from umi_edge.sync.login import Login
from umi_edge.tools.builtin.copied_folder import CopiedFolder
from umi_edge.tools.outcome import Lost
from umi_shared.errors import UmiError

__all__ = ["Fetched", "SyncedFolder", "fetch", "is_due"]


@dataclass(frozen=True, slots=True)
class SyncedFolder:
    """An account, and the folder that it is fetched into."""

    account: Account
    copy: CopiedFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """How the fetch of one account went."""

    store: str = field(repr=False)
    account: str = field(repr=False)
    count: int
    """How many things are in the copy now."""
    lost: tuple[Lost, ...] = field(default=(), repr=False)
    problem: UmiError | None = field(default=None, repr=False)
    """Why it ended early; its text is value-free (I8)."""
    busy: bool = False
    """Whether another umi is fetching it at this moment."""


def is_due(copy: CopiedFolder, minutes: float) -> bool:
    """Whether nobody has tried to fetch it for so long."""
    status = copy.status()
    if status is None or status.tried is None:
        return True
    return not timedelta() <= datetime.now(UTC) - status.tried < timedelta(minutes=minutes)


def fetch(
    folders: Iterable[SyncedFolder], environment: Mapping[str, str], *, let_go: bool = False
) -> list[Fetched]:
    """Fetch each account into its folder. An account that fails stops no other."""
    return [_fetch(one.account, one.copy, environment, let_go=let_go) for one in folders]


def _fetch(account: Account, of: CopiedFolder, environment: Mapping[str, str], *, let_go: bool) -> Fetched:
    try:
        with LocalCopy.opened(of) as copy:
            problem = _into(copy, account, environment, let_go=let_go)
            count = sum(len(part.items) for part in copy.parts.values())
            return Fetched(
                store=account.store,
                account=account.name,
                count=count,
                lost=tuple(copy.lost),
                problem=problem,
            )
    except Timeout:
        return Fetched(store=account.store, account=account.name, count=0, busy=True)
    except UmiError as error:  # the folder itself cannot be made
        return Fetched(store=account.store, account=account.name, count=0, problem=error)


def _into(
    copy: LocalCopy, account: Account, environment: Mapping[str, str], *, let_go: bool
) -> UmiError | None:
    try:
        login = Login.of(account, environment)
        if account.store == "mail":
            with ImapServer(account, login) as mail:
                fetch_mail(account, mail, copy)
        else:  # with httpx and lxml, 7 MB, which who has no such account does not need
            from umi_edge.sync.dav import DavServer  # noqa: PLC0415
            from umi_edge.sync.dav_copy import fetch_dav  # noqa: PLC0415

            with DavServer(account, login) as server:
                fetch_dav(account, server, copy, let_go=let_go)
    except UmiError as error:
        copy.end(error.message, error.fix)
        return error
    copy.end()
    return None
