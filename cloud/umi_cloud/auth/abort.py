"""Ending a gRPC call with a refusal that the device can read."""

from typing import NoReturn, Protocol

import grpc

from umi_shared.errors import RefusedError
from umi_shared.refusal import refusal_metadata

__all__ = ["abort_refused", "status_code"]

_CODES = {
    "TOKEN_UNKNOWN": grpc.StatusCode.PERMISSION_DENIED,
    "TOKEN_USED": grpc.StatusCode.PERMISSION_DENIED,
    "TOKEN_EXPIRED": grpc.StatusCode.PERMISSION_DENIED,
    "CSR_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "PROOF_INVALID": grpc.StatusCode.PERMISSION_DENIED,
    "LOGIN_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "PERSON_REVOKED": grpc.StatusCode.PERMISSION_DENIED,
    "PERSON_HELD": grpc.StatusCode.PERMISSION_DENIED,
    "NAME_TAKEN": grpc.StatusCode.ALREADY_EXISTS,
    "RENEWAL_TOO_EARLY": grpc.StatusCode.FAILED_PRECONDITION,
    "CERTIFICATE_MISSING": grpc.StatusCode.UNAUTHENTICATED,
    "CERTIFICATE_FOREIGN": grpc.StatusCode.UNAUTHENTICATED,
    "CERTIFICATE_UNKNOWN": grpc.StatusCode.UNAUTHENTICATED,
    "CERTIFICATE_EXPIRED": grpc.StatusCode.UNAUTHENTICATED,
    "CERTIFICATE_REVOKED": grpc.StatusCode.UNAUTHENTICATED,
    "CERTIFICATE_HELD": grpc.StatusCode.UNAUTHENTICATED,
    "PROXY_INVALID": grpc.StatusCode.UNAUTHENTICATED,
    "RATE_LIMITED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "TOKENS_SPENT": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "TOO_MANY_STREAMS": grpc.StatusCode.RESOURCE_EXHAUSTED,
}


class Abortable(Protocol):
    """The part of grpc.aio.ServicerContext that is needed here."""

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: tuple[tuple[str, bytes], ...] = (),
    ) -> NoReturn:
        """End the call now."""


def status_code(reason: str) -> grpc.StatusCode:
    """The gRPC code that goes with a refusal's reason."""
    return _CODES.get(reason, grpc.StatusCode.PERMISSION_DENIED)


async def abort_refused(context: Abortable, error: RefusedError) -> NoReturn:
    """End the call with the error's reason, its text and its advice (ErrorInfo, RetryInfo)."""
    code = status_code(error.reason)
    await context.abort(code, error.message, refusal_metadata(code.value[0], error))
    raise AssertionError("abort returned")
