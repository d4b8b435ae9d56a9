"""What a planner's refusal or a broken connection means for the person in front of this laptop, and what to do.

I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import grpc
import grpc.aio

from umi_shared.errors import PeerError, RefusedError, TransportError, UmiError
from umi_shared.refusal import refusal_from_metadata

__all__ = ["explained"]

_NEW_TOKEN = "ask its operator for a new token, then `umi enroll TOKEN`"  # noqa: S105  # advice
_TELL = "tell its operator"

_REASONS: dict[str, tuple[str, str]] = {
    "CERTIFICATE_REVOKED": ("this laptop's certificate is revoked", _NEW_TOKEN),
    "CERTIFICATE_UNKNOWN": ("it does not know this laptop's certificate", _NEW_TOKEN),
    "CERTIFICATE_EXPIRED": ("this laptop's certificate has expired", _NEW_TOKEN),
    "CERTIFICATE_FOREIGN": (
        "it does not trust the authority that signed this laptop's certificate: another operator's, or a retired one",
        _NEW_TOKEN,
    ),
    "CERTIFICATE_MISSING": ("this laptop's certificate did not reach it", _TELL),
    "CERTIFICATE_HELD": (
        "it was restored from a backup, and holds this laptop back until its operator says",
        _TELL,
    ),
    "CONTEXT_FULL": (
        "the conversation and the tools do not fit its model's context",
        "start a new session, offer fewer tools, or lower `limits.result_bytes` of the policy",
    ),
    "DEADLINE": ("it ran out of time", "try again, or ask its operator for more"),
    "DRAINING": ("it is being stopped", "try again in a moment"),
    "ENGINE_FAILED": ("its model failed", _TELL),
    "ENGINE_UNREACHABLE": ("it cannot reach its model", _TELL),
    "INTERNAL": ("it has a fault of its own", _TELL),
    "LOADING": ("it is still loading its model", "try again in a moment"),
    "OUTPUT_MALFORMED": (
        "its model wrote no decision that can be read",
        "try again, or another dialect or model",
    ),
    "OVERLOADED": ("it is overloaded", "wait, then try again"),
    "PROXY_INVALID": (
        "it does not believe what a proxy before it says of this laptop",
        "tell its operator that the server's log says what is wrong",
    ),
    "RATE_LIMITED": ("this laptop asks too often", "wait, then try again"),
    "REQUEST_MALFORMED": ("the request passes one of its limits", "offer fewer tools, or ask its operator"),
    "STATE_UNAVAILABLE": ("it cannot read its list of devices now", "try again in a moment"),
    "TOKENS_SPENT": ("this laptop's tokens for today are spent", "wait, or ask its operator for more"),
    "TOO_MANY_STREAMS": ("this laptop has too many requests under way", "let them end, then try again"),
}


def explained(error: grpc.aio.AioRpcError, peer: str) -> UmiError:
    """The error as a person or a program can use it; a peer's own words are cut and cleaned (I6)."""
    refusal = refusal_from_metadata(error.trailing_metadata())
    if refusal is not None:
        words, fix = _REASONS.get(
            refusal.reason, (f"it refuses: {refusal.reason.lower().replace('_', ' ')}", _TELL)
        )
        return RefusedError(
            f"{peer}: {words}",
            reason=refusal.reason,
            retry_after_seconds=refusal.retry_after_seconds,
            fix=fix,
        )
    said = _clean(error.details() or "")
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return TransportError(
            f"{peer} cannot be reached ({said})", fix="check the network and the address with `umi doctor`"
        )
    return PeerError(
        f"{peer} failed ({error.code().name}{': ' + said if said else ''})",
        fix="try again; if it stays so, tell its operator",
    )


def _clean(text: str) -> str:
    """A peer's words fit for a terminal: printable, on one line, short."""
    return "".join(character for character in text if character.isprintable())[:200]
