"""The copies of what servers hold: how old they are, what is missing, and whether only their owner reads them."""

import os
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from umi_edge.diagnosis.finding import Finding, fine, warning
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.synced_home import synced_folders

__all__ = ["copies"]


async def copies(config: EdgeConfig) -> AsyncIterator[Finding]:
    """Each account, as its copy is; no server is asked."""
    now = datetime.now(UTC)
    for one in synced_folders(config.home):
        copy = one.copy
        name = f"{copy.store} from {copy.account}"
        status = copy.status()
        gaps = copy.gaps(now)
        for gap in gaps[:3]:
            yield warning("sync", f"{name}: {gap.why}", gap.fix)
        if len(gaps) > 3:
            yield warning("sync", f"{name}: {len(gaps) - 3} more are missing", "see `umi sync`")
        if not gaps and status is not None and status.fetched is not None:
            since = status.fetched.strftime("%Y-%m-%d %H:%M UTC")
            if status.problem:
                yield warning("sync", f"{name}: of {since}; since then {status.problem}", status.fix)
            else:
                days = one.account.mail_days
                part = f", the mail of {days} days" if days else ""
                yield fine("sync", f"{name}: fetched at {since}{part}; nothing is written to it")
        if os.name != "nt" and copy.path.exists() and stat.S_IMODE(copy.path.stat().st_mode) & 0o077:
            yield warning("sync", f"others can read {copy.path}", f"chmod 700 {copy.path}")
