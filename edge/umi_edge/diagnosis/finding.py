"""A finding: what a check saw, and what to do about it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from umi_shared.errors import UmiError

__all__ = ["Check", "Finding", "Look", "Status", "broken", "fine", "from_error", "run_check", "warning"]


class Status(StrEnum):
    """What a finding says of a part of the laptop."""

    FINE = "fine"
    WARNING = "warning"
    BROKEN = "broken"

    @property
    def mark(self) -> str:
        """The sign of it."""
        return {"fine": "✓", "warning": "!", "broken": "✗"}[self.value]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; value-free."""

    name: str
    status: Status
    message: str
    fix: str = ""


Look = Callable[[], AsyncIterator[Finding]]
"""What a check does: yields its findings, and ends where going on makes no sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part of the laptop to look at."""

    name: str
    look: Look
    slow: str = ""
    """What is being done, for a progress line; empty for a check that takes only a moment."""
    seconds: float = 120
    """The time limit, after which the check counts as broken."""


def fine(name: str, message: str) -> Finding:
    """All is well."""
    return Finding(name, Status.FINE, message)


def warning(name: str, message: str, fix: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(name, Status.WARNING, message, fix)


def broken(name: str, message: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(name, Status.BROKEN, message, fix)


def from_error(name: str, error: UmiError) -> Finding:
    """What an error of umi says; they are value-free by their own rule."""
    return broken(name, error.message, error.fix)


async def run_check(check: Check) -> list[Finding]:
    """The findings of a check; one that fails itself is a finding too, so that the others still run."""
    found: list[Finding] = []
    try:
        async with asyncio.timeout(check.seconds):
            async for finding in check.look():
                found.append(finding)  # noqa: PERF401  # what was found before a failure counts
    except UmiError as error:
        found.append(from_error(check.name, error))
    except TimeoutError:
        found.append(broken(check.name, f"no result within {check.seconds:g} seconds", "try again"))
    except Exception as error:  # its text may quote what it choked on
        message = f"this check failed itself ({type(error).__name__})"
        found.append(broken(check.name, message, "please report it, with the output of `umi doctor --json`"))
    return found
