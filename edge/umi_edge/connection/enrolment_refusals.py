"""What a refusal of an enrolment or a renewal means, and what to do.

I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import grpc
import grpc.aio

from umi_shared.errors import RefusedError, TransportError
from umi_shared.refusal import refusal_from_metadata

__all__ = ["explained"]

_NEW_TOKEN = "ask your operator for a new token: `umi-cloud enroll {device}`"  # noqa: S105  # advice
_REASONS = {
    "TOKEN_UNKNOWN": ("does not know this token", _NEW_TOKEN),
    "TOKEN_EXPIRED": ("says that this token has expired", _NEW_TOKEN),
    "TOKEN_USED": (
        "says that this token was used already, or revoked",
        _NEW_TOKEN + "; if it was not you who used it, have {device} revoked first",
    ),
    "CSR_INVALID": ("did not accept this device's key", "update umi here or on the server"),
    "RATE_LIMITED": ("has had too many attempts", "wait a minute, then try again with the same token"),
    "STATE_UNAVAILABLE": (
        "cannot read its list of devices now",
        "try again in a moment, with the same token",
    ),
    "RENEWAL_TOO_EARLY": ("says that it is too early to renew", "nothing needs doing yet"),
    "CERTIFICATE_REVOKED": ("has revoked this device", _NEW_TOKEN),
    "CERTIFICATE_EXPIRED": ("says that this device's certificate expired too long ago", _NEW_TOKEN),
    "LOGIN_UNAVAILABLE": (
        "lets nobody log in now",
        "try again in a moment; or ask your operator for a token: `umi-cloud enroll NAME`",
    ),
    "LOGIN_INVALID": ("did not accept the login", "log in again; if it stays so, tell your operator"),
    "LOGIN_USED": ("says that this login was used already", "log in again"),
    "TEAM_REFUSED": (
        "lets in certain groups only, and you are in none",
        "ask your operator which group you need",
    ),
    "PERSON_REVOKED": ("has shut you out", "ask your operator"),
    "PERSON_HELD": (
        "was restored from a backup, and lets nobody log in yet",
        "ask your operator to release you",
    ),
    "NAME_TAKEN": (
        "has somebody else's device of this name",
        "choose another name for this laptop with --name",
    ),
    "TOO_MANY_DEVICES": (
        "says that you have as many laptops there as you may",
        "give it the --name of the one that this laptop replaces, or ask your operator to revoke one",
    ),
    "CERTIFICATE_UNKNOWN": ("does not know this device's certificate", _NEW_TOKEN),
    "CERTIFICATE_HELD": (
        "was restored from a backup, and holds this device back",
        "ask your operator to release it",
    ),
    "CERTIFICATE_FOREIGN": (
        "does not trust the authority that signed this device's certificate: another operator's, or a retired one",
        _NEW_TOKEN,
    ),
    "PROXY_INVALID": (
        "does not believe what a proxy before it says of this device",
        "tell your operator that the server's log says what is wrong",
    ),
    "PROOF_INVALID": ("did not accept the proof of this device's key", _NEW_TOKEN),
}


def explained(error: grpc.aio.AioRpcError, address: str, device: str) -> RefusedError | TransportError:
    """A failed call in our words. The server's own text is not repeated: it is not trusted (I6)."""
    refusal = refusal_from_metadata(error.trailing_metadata())
    if refusal is not None:
        what, fix = _REASONS.get(refusal.reason, (f"refused ({refusal.reason})", "ask your operator"))
        return RefusedError(
            f"the planner at {address} {what}",
            reason=refusal.reason,
            retry_after_seconds=refusal.retry_after_seconds,
            fix=fix.format(device=device),
        )
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:  # gRPC's own: as many calls as the port takes
        return RefusedError(
            f"the planner at {address} has all hands full",
            reason="OVERLOADED",
            retry_after_seconds=1.0,
            fix="try again in a moment",
        )
    return TransportError(
        f"the connection to the planner at {address} failed ({error.code().name})",
        fix="check your network, and that `umi-cloud serve` is running there; then try again",
    )
