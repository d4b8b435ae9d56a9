"""Elicitation: a client that offers it shows the user an address, for what is none of its own business.

The address is that of umi's page, without a key: it opens nothing to the client. That the user goes there is no yes.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

from mcp.server.context import ServerRequestContext

__all__ = [
    "Action",
    "Elicit",
    "NotShownError",
    "current_elicitation",
    "elicited_by",
    "in_midst_of",
    "is_offered",
]

Action = Literal["accept", "decline", "cancel"]
Elicit = Callable[[str, str, str], Awaitable[Action]]
"""Shows the user words and an address, under a name of its own; what they do about it."""
_CURRENT: ContextVar[Elicit | None] = ContextVar("elicitation", default=None)


class NotShownError(Exception):
    """The client does not say what became of it: it is as one that offers nothing."""


def current_elicitation() -> Elicit | None:
    """That of the call that is made now; None where its client offers none."""
    return _CURRENT.get()


@contextmanager
def elicited_by(elicit: Elicit) -> Iterator[None]:
    """While it holds, calls that are made have this elicitation."""
    token = _CURRENT.set(elicit)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def is_offered(context: ServerRequestContext[Any]) -> bool:
    """Whether the client of a request shows addresses."""
    offered = context.session.client_capabilities
    return offered is not None and offered.elicitation is not None and offered.elicitation.url is not None


def in_midst_of(context: ServerRequestContext[Any]) -> Elicit:
    """The elicitation of a request under MCP up to 2025-11-25, where a server may ask while it carries one out."""

    async def elicit(words: str, address: str, name: str) -> Action:
        result = await context.session.elicit_url(words, address, name, context.request_id)
        return result.action

    return elicit
