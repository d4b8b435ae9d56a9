"""A connection to an MCP server outlasts the call that opens it."""

from contextvars import ContextVar
from typing import Any

import pytest

from umi_edge.tools.mcp.connection import Connection

OF_A_CALL: ContextVar[str] = ContextVar("of a call", default="")


async def test_a_connection_takes_nothing_of_the_call_that_opens_it_along():
    seen = []

    def connect(_: Any) -> Any:
        seen.append(OF_A_CALL.get())
        raise OSError("no server")

    async def ask(*_: Any) -> Any: ...

    OF_A_CALL.set("a program that leads its user to a page")
    connection = Connection(connect, ask, lambda: None)
    with pytest.raises(OSError, match="no server"):
        await connection.opened(10)
    assert seen == [""]
