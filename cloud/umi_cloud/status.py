"""What a device is told when a request fails, and what the operator's log says about it.

Neither holds a word of the request or of a model's output (I8): a text is passed on only where this program
wrote it from constants and numbers. An unexpected failure gets an id, and the log has its type and its place.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import logging
import secrets
import traceback
from pathlib import Path
from typing import NoReturn

import grpc

from umi_cloud.auth.abort import Abortable
from umi_cloud.auth.abort import status_code as auth_status_code
from umi_cloud.auth.store import RegistryUnavailableError, registry_gone
from umi_cloud.engines.errors import PromptTooLongError
from umi_shared.errors import LimitError, MalformedError, ModelError, RefusedError, TransportError
from umi_shared.refusal import refusal_metadata

__all__ = ["abort", "code_of", "refusal_of", "request_malformed"]

_log = logging.getLogger("umi_cloud.failures")

_CODES = {
    "REQUEST_MALFORMED": grpc.StatusCode.INVALID_ARGUMENT,
    "CONTEXT_FULL": grpc.StatusCode.FAILED_PRECONDITION,
    "OVERLOADED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DEADLINE": grpc.StatusCode.DEADLINE_EXCEEDED,
    "LOADING": grpc.StatusCode.UNAVAILABLE,
    "STATE_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "DRAINING": grpc.StatusCode.UNAVAILABLE,
    "ENGINE_UNREACHABLE": grpc.StatusCode.UNAVAILABLE,
    "ENGINE_FAILED": grpc.StatusCode.INTERNAL,
    "OUTPUT_MALFORMED": grpc.StatusCode.INTERNAL,
    "INTERNAL": grpc.StatusCode.INTERNAL,
}


def code_of(reason: str) -> grpc.StatusCode:
    """The gRPC code that goes with a refusal's reason."""
    return _CODES.get(reason) or auth_status_code(reason)


def request_malformed(error: MalformedError) -> RefusedError:
    """The refusal of a request that does not parse or passes a limit; its text names the limit."""
    return RefusedError(f"the request cannot be read: {error.message}", reason="REQUEST_MALFORMED")


def refusal_of(error: Exception) -> RefusedError:
    """What the device is told about a failure; an unexpected one is logged under an id, which the device is told."""
    match error:
        case RefusedError():
            return error
        case RegistryUnavailableError():  # its text has a path or an address: for the operator only
            _log.error("%s", error.message)
            return registry_gone()
        case PromptTooLongError():
            return RefusedError(error.message, reason="CONTEXT_FULL", fix=error.fix)
        case LimitError():
            return RefusedError("the engine is full", reason="OVERLOADED", retry_after_seconds=2.0)
        case MalformedError():
            # umi's own dialects and roles write these texts; they quote no output.
            return RefusedError(f"the model's output is unusable: {error.message}", reason="OUTPUT_MALFORMED")
        case TransportError():
            _record(error)
            return RefusedError(
                "the planner's engine cannot be reached", reason="ENGINE_UNREACHABLE", retry_after_seconds=5.0
            )
        case ModelError():
            return _with_id("the planner's engine failed", "ENGINE_FAILED", error)
        case _:
            return _with_id("the planner's server failed", "INTERNAL", error)


async def abort(context: Abortable, refusal: RefusedError) -> NoReturn:
    """End a call with the refusal's reason and advice (ErrorInfo, RetryInfo)."""
    code = code_of(refusal.reason)
    await context.abort(code, refusal.message, refusal_metadata(code.value[0], refusal))
    raise AssertionError("abort returned")


def _with_id(what: str, reason: str, error: Exception) -> RefusedError:
    return RefusedError(
        f"{what} (error {_record(error)})",
        reason=reason,
        fix="tell the operator the error's id: it is in the server's log",
    )


def _record(error: BaseException) -> str:
    """Log the failure's types and place, not its text: an exception's text may quote a request."""
    failure_id = secrets.token_hex(4)
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    kinds = type(error).__name__
    if error.__cause__ is not None:
        kinds += f" from {type(error.__cause__).__name__}"
    _log.error("error %s: %s at %s", failure_id, kinds, places or "an unknown place")
    return failure_id
