"""A real MCP server whose tools change while it runs (protocol 2026-07-28)."""

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("changing", log_level="CRITICAL")


@server.tool(structured_output=False)
def first() -> str:
    """Stay as it is."""
    return "first"


def second(word: str) -> str:
    """Be there from the change on."""
    return word


@server.tool(structured_output=False)
async def change(context: Context) -> str:
    """Offer another tool."""
    server.add_tool(second, structured_output=False)
    await context.notify_tools_changed()
    return "changed"


if __name__ == "__main__":
    server.run()
