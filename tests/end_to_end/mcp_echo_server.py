"""A real MCP server over stdio, with one harmless tool."""

from mcp.server import MCPServer

server = MCPServer("echo")


@server.tool()
def echo(text: str) -> dict[str, str]:
    """Give a text back."""
    return {"said": text}


if __name__ == "__main__":
    server.run("stdio")
