"""A session with tools of a real MCP server, which dies under it."""

import json
import sys
from pathlib import Path

from tests.end_to_end.harness import plan, world
from umi_edge.session.events import Answered
from umi_edge.tools.mcp import McpServers, open_mcp

SERVER = Path(__file__).parents[1] / "edge" / "tools" / "mcp_server.py"
CANARY = "zq-canary-of-a-path"


async def test_a_server_that_dies_in_a_call_fails_that_call_and_the_session_goes_on(tmp_path):
    """The planner learns the kind of the failure; the next call finds the server anew."""
    servers = McpServers.parse({"mcpServers": {"shop": {"command": sys.executable, "args": [str(SERVER)]}}})
    counter = tmp_path / CANARY
    async with (
        open_mcp(servers, {}) as (shop,),
        world(
            tmp_path,
            plans=[plan("Use shop.die."), plan("Use shop.add."), plan("It is 3.", "summarizer"), "Done."],
            calls=[("shop.die", json.dumps({"counter": str(counter)})), ("shop.add", '{"a": 1, "b": 2}')],
            tools=shop.tools,
        ) as w,
    ):
        told = await w.session.ask("Add.")
    assert told == Answered("Not done: shop.die, since it is not available.\n\nDone.", ("shop.die",))
    assert w.results == ["unavailable", "done"]
    assert counter.read_text() == "x"  # the call was not repeated
    assert "failed: unavailable" in w.prompts[1]
