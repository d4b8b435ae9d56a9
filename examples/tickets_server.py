"""A small MCP server over stdio with one tool; mcp_server.py starts it."""

from mcp.server import MCPServer

server = MCPServer("tickets")


@server.tool()
def find(subject: str) -> dict[str, str]:
    """Find the ticket about a subject."""
    return {"subject": subject, "status": "open", "reporter": "alice.moreau@example.org"}


if __name__ == "__main__":
    server.run("stdio")
