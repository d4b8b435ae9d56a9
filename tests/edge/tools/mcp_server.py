"""A real MCP server for the tests: `python mcp_server.py` speaks stdio, `… PORT` streamable HTTP."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent, ToolAnnotations

server = MCPServer("test", log_level="CRITICAL")


@server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
def add(a: int, b: int) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": a + b}


@server.tool(annotations=ToolAnnotations(destructive_hint=False))
def environment(name: str) -> dict[str, Any]:
    """Read a variable."""
    return {"value": os.environ.get(name), "cwd": Path.cwd().as_posix()}


@server.tool(structured_output=False)
def text(value: str) -> str:
    return value


@server.tool(structured_output=False)
def texts() -> CallToolResult:
    return CallToolResult(content=[TextContent(text="one"), TextContent(text='{"two": 2}')])


@server.tool(structured_output=False)
def large(size: int) -> str:
    return "x" * size


@server.tool(structured_output=False)
def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@server.tool(structured_output=False)
def structured_deep(levels: int) -> CallToolResult:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return CallToolResult(content=[], structured_content={"value": value})


@server.tool()
def image() -> Image:
    return Image(data=b"\x89PNG", format="png")


@server.tool()
def fail(secret: str) -> str:
    raise ToolError(f"no such thing: {secret}")


@server.tool()
def die(counter: str) -> str:
    """Note the call in a file, then end at once, without an answer."""
    with Path(counter).open("a") as file:
        file.write("x")
    os._exit(3)


@server.tool()
async def hang(started: str, cancelled: str) -> str:
    """Wait for ever; note the start and the cancellation in files."""
    Path(started).write_text("x")  # noqa: ASYNC240 -- a few bytes
    try:
        await asyncio.Event().wait()
    finally:
        Path(cancelled).write_text("x")  # noqa: ASYNC240 -- a few bytes
    return ""


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        print("a line that is no message", flush=True)
        print("stderr text", file=sys.stderr)
        server.run("stdio")
