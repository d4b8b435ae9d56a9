"""A copied folder: what was fetched from a server, how old it is, and what of it is missing.

A copy that is old, or not whole, must not pass for what is there (I2).

I2: docs/design.md#i2-fail-closed
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from umi_edge.tools.outcome import Lost

__all__ = ["HERE", "CopiedFolder", "CopyStatus", "beside", "gaps_of_copies", "source_of"]

STATUS = ".status.json"
HERE = "this device"
"""The source of what lies in a folder of the user's own, where copies stand beside it."""
_FIX = "fetch it anew: `umi sync`"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStatus:
    """How the last fetch went."""

    fetched: datetime | None
    """When all that was to be had was last fetched; None: never."""
    tried: datetime | None = None
    problem: str = field(default="", repr=False)
    """Why the last fetch failed; empty where it did not."""
    fix: str = field(default="", repr=False)
    lost: tuple[Lost, ...] = field(default=(), repr=False)
    """What the last fetch that did not fail could not fetch."""

    def as_text(self) -> str:
        """It, for a file."""
        return json.dumps(
            {
                "fetched": self.fetched.isoformat() if self.fetched else None,
                "tried": self.tried.isoformat() if self.tried else None,
                "problem": self.problem,
                "fix": self.fix,
                "lost": [[one.where, one.why, one.fix] for one in self.lost],
            }
        )

    @classmethod
    def of_text(cls, text: str) -> "CopyStatus":
        """What `as_text` wrote. Raises `ValueError`, `KeyError` or `TypeError`."""
        kept: dict[str, Any] = json.loads(text)
        moments = {
            name: datetime.fromisoformat(kept[name]).astimezone(UTC) if kept[name] else None
            for name in ("fetched", "tried")
        }
        lost = tuple(Lost(*map(str, one)) for one in kept["lost"])
        return cls(**moments, problem=str(kept["problem"]), fix=str(kept["fix"]), lost=lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedFolder:
    """The copy of one account's contacts, calendars or mail."""

    path: Path
    store: str = field(repr=False)
    """`contacts`, `calendar` or `mail`."""
    account: str = field(repr=False)
    stale_hours: float
    """After which a copy that was not fetched again is stale."""

    @property
    def name(self) -> str:
        """What it is called for the user."""
        return f"the copy of {self.store} from {self.account}"

    def status(self) -> CopyStatus | None:
        """How the last fetch went; None where that is not known: there was none, or its note is damaged."""
        try:
            return CopyStatus.of_text((self.path / STATUS).read_text("utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def gaps(self, now: datetime) -> tuple[Lost, ...]:
        """What makes it another thing than what is there now, as far as that is known."""
        status = self.status()
        if status is None or status.fetched is None:
            why = f"it was never fetched whole{_because(status)}"
            return (Lost(self.name, why, (status and status.fix) or _FIX), *(status.lost if status else ()))
        age = now - status.fetched
        if not timedelta(minutes=-5) <= age <= timedelta(hours=self.stale_hours):
            since = status.fetched.strftime("%Y-%m-%d %H:%M UTC")
            return (
                Lost(self.name, f"it was last fetched at {since}{_because(status)}", status.fix or _FIX),
                *status.lost,
            )
        return status.lost


def beside(folder: Path, copies: Iterable[CopiedFolder]) -> tuple[CopiedFolder, ...]:
    """The copies that stand beside a folder of the user's own, and do not lie in it."""
    return tuple(one for one in copies if not one.path.is_relative_to(folder))


def source_of(folder: Path, copies: Iterable[CopiedFolder]) -> str:
    """The source of what lies in a folder; empty where there is no other, so that nobody has to be told."""
    return HERE if beside(folder, copies) else ""


def gaps_of_copies(copies: Iterable[CopiedFolder]) -> tuple[Lost, ...]:
    """What is missing from each copy now."""
    now = datetime.now(UTC)
    return tuple(gap for copy in copies for gap in copy.gaps(now))


def _because(status: CopyStatus | None) -> str:
    return f" ({status.problem})" if status and status.problem else ""
