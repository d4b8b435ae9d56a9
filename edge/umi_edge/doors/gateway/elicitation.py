"""Elicitation: a client that offers it shows the user an address, for what is none of its own business.

The address is that of umi's page, without a key: it opens nothing to the client. That the user goes there is no yes.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

from mcp.server.context import ServerRequestContext
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

__all__ = ["Elicit", "current_elicitation", "elicitation_of"]

Elicit = Callable[[str, str, str], Awaitable[Literal["accept", "decline", "cancel"]]]
"""Shows the user words and an address, under a name of its own; what they do about it."""
_CURRENT: ContextVar[Elicit | None] = ContextVar("elicitation", default=None)


def current_elicitation() -> Elicit | None:
    """That of the request that is carried out now; None where its client offers none."""
    return _CURRENT.get()


@contextmanager
def elicitation_of(context: ServerRequestContext[Any]) -> Iterator[None]:
    """While it holds, it is that of this request.

    Covered: MCP up to 2025-11-25, where a server may ask in the midst of a call. Not covered: 2026-07-28, where a call
    would have to be answered first, and be sent again.
    """
    offered = context.session.client_capabilities
    token = None
    if (
        offered is not None
        and offered.elicitation is not None
        and offered.elicitation.url is not None
        and context.protocol_version not in MODERN_PROTOCOL_VERSIONS
    ):

        async def elicit(words: str, address: str, name: str) -> Literal["accept", "decline", "cancel"]:
            result = await context.session.elicit_url(words, address, name, context.request_id)
            return result.action

        token = _CURRENT.set(elicit)
    try:
        yield
    finally:
        if token is not None:
            _CURRENT.reset(token)
