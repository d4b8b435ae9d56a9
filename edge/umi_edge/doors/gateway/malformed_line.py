"""A malformed line: what a program is answered that says something which is no message of JSON-RPC.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from typing import Any

from mcp.types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

__all__ = ["answer_to"]

_NO_JSON = "json_invalid"


def answer_to(fault: Exception) -> JSONRPCError | None:
    """The answer to a line in which a fault was found; None where it was blank, or no line was read at all.

    It says nothing of what the line held but the id of a request that it may have been.
    """
    if not isinstance(fault, ValidationError):
        return None
    faults = fault.errors(include_url=False, include_context=False)
    if any(one["type"] == _NO_JSON for one in faults):
        if any(isinstance(one["input"], str) and not one["input"].strip() for one in faults):
            return None
        return _error(PARSE_ERROR, "this line is no JSON", None)
    said = [one["input"] for one in faults if isinstance(one["input"], dict)]
    return _error(INVALID_REQUEST, "this line is no message of JSON-RPC 2.0", _id_of(said))


def _id_of(said: list[dict[str, Any]]) -> str | int | None:
    """The id of a request; what is no request has none that may be answered, since the program has ids of its own."""
    ids = (one.get("id") for one in said if "method" in one)
    return next((one for one in ids if isinstance(one, str | int) and not isinstance(one, bool)), None)


def _error(code: int, message: str, known: str | int | None) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=known, error=ErrorData(code=code, message=message))
