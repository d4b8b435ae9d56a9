"""Whether a certificate is accepted, what its device is told when it is not, and a device as the operator sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from umi_cloud.auth.identity import Device
from umi_shared.errors import RefusedError

__all__ = ["DeviceRecord", "Standing", "check_standing", "standing_of"]


class Standing(StrEnum):
    """Whether a certificate is accepted."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    HELD = "held"
    """Restored from a backup that is older than what was lost; the operator has not let it in again yet."""
    INVITED = "invited"
    """A device with a token that it has not used yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """One device, as the operator sees it."""

    name: str
    label: str = ""
    """The operator's own words for it."""
    standing: Standing
    serial: str
    """The serial number of its newest certificate; empty before it has one."""
    issued: datetime | None = None
    expires: datetime | None
    """When its certificate ends, or its token while it is invited."""
    revoked: datetime | None = None
    last_seen: datetime | None = None
    """When it last made a call that was let in, enrolled or renewed."""
    version: str = ""
    """The version of umi that it last called with, as it says itself."""
    requests: int = 0
    """Requests so far."""
    tokens: int = 0
    """Model tokens so far, read and written."""
    use: Mapping[str, int] = field(default_factory=dict)
    """Model tokens by day (UTC, as `2026-11-27`), of the days that were asked for and on which it used any."""


_REFUSALS = {
    Standing.REVOKED: (
        "CERTIFICATE_REVOKED",
        "was revoked by the operator",
        "ask the operator for a new token",
    ),
    Standing.EXPIRED: (
        "CERTIFICATE_EXPIRED",
        "has expired",
        "enrol again with a new token from the operator",
    ),
    Standing.HELD: (
        "CERTIFICATE_HELD",
        "is held back after a restore of the registry",
        "ask the operator to release it (`umi-cloud release`)",
    ),
    Standing.UNKNOWN: (
        "CERTIFICATE_UNKNOWN",
        "is not in this server's registry",
        "enrol again with a new token from the operator",
    ),
}


def standing_of(
    revoked_at: float | None, expires_at: float, now: float, held_at: float | None = None
) -> Standing:
    """What the registry's times of a certificate mean at the time `now`."""
    if revoked_at is not None:
        return Standing.REVOKED
    if expires_at <= now:
        return Standing.EXPIRED
    return Standing.ACTIVE if held_at is None else Standing.HELD


def check_standing(device: Device, standing: Standing) -> None:
    """Raise RefusedError (CERTIFICATE_UNKNOWN, _EXPIRED, _REVOKED, _HELD) unless the standing is ACTIVE."""
    if standing is Standing.ACTIVE:
        return
    reason, what, fix = _REFUSALS.get(standing, _REFUSALS[Standing.UNKNOWN])
    raise RefusedError(f"the certificate of {device.name} {what}", reason=reason, fix=fix)
