"""Consent: a person is shown the exact values of a call, and says yes or no to these and no others.

I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Consent", "ConsentRequest", "DeclineAll", "UnsafeApproveAll"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest:
    """The call that is about to be made."""

    tool: str
    arguments: Mapping[str, Any] = field(repr=False)
    """The resolved values, exactly as the tool will get them."""
    reasons: tuple[str, ...]
    """Why a person is asked; value-free."""
    leaves_device: bool
    """Whether the tool sends its arguments off the device."""


class Consent(Protocol):
    """Somebody, or something, that can approve a call."""

    async def approve(self, request: ConsentRequest) -> bool:
        """Whether this very call may be made."""
        ...


class DeclineAll:
    """Nobody is there to ask, so the answer is no (I2)."""

    async def approve(self, request: ConsentRequest) -> bool:
        """No."""
        return False


class UnsafeApproveAll:
    """Yes to everything: for sample data and tests."""

    async def approve(self, request: ConsentRequest) -> bool:
        """Yes."""
        return True
