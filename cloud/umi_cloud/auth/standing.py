"""Whether a certificate is accepted, what its device is told when it is not, and a device as the operator sees it."""

from dataclasses import dataclass
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
    INVITED = "invited"
    """A device with a token that it has not used yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """One device, as the operator sees it."""

    name: str
    standing: Standing
    serial: str
    """The serial number of its newest certificate; empty before it has one."""
    issued: datetime | None
    expires: datetime | None
    """When its certificate ends, or its token while it is invited."""
    revoked: datetime | None
    requests: int
    """Requests so far."""
    tokens: int
    """Model tokens so far, read and written."""


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
    Standing.UNKNOWN: (
        "CERTIFICATE_UNKNOWN",
        "is not in this server's registry",
        "enrol again with a new token from the operator",
    ),
}


def standing_of(revoked_at: float | None, expires_at: float, now: float) -> Standing:
    """What the registry's times of a certificate mean at the time `now`."""
    if revoked_at is not None:
        return Standing.REVOKED
    return Standing.EXPIRED if expires_at <= now else Standing.ACTIVE


def check_standing(device: Device, standing: Standing) -> None:
    """Raise RefusedError (CERTIFICATE_UNKNOWN, _EXPIRED, _REVOKED) unless the standing is ACTIVE."""
    if standing is Standing.ACTIVE:
        return
    reason, what, fix = _REFUSALS.get(standing, _REFUSALS[Standing.UNKNOWN])
    raise RefusedError(f"the certificate of {device.name} {what}", reason=reason, fix=fix)
