"""An MCP server that answers with canaries in everything that an answer may be made of."""

import json
import sys
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import (
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

NAME, MAIL, PHONE, MARKS, WIDE, IBAN = json.loads(sys.argv[1])
server = MCPServer("crm", log_level="CRITICAL")


@server.tool(structured_output=False)
def words() -> str:
    return f"{NAME} wrote from {MAIL}"


@server.tool()
def structured() -> dict[str, Any]:
    return {"public": "seen by all", NAME: [{"mail": MAIL, WIDE: PHONE}], "list": [IBAN, [MARKS]]}


@server.tool(structured_output=False)
def parts() -> CallToolResult:
    said = TextResourceContents(
        uri=f"notes://x/{PHONE}", text=f"{NAME}: {IBAN}", mimeType=f"text/plain;a={WIDE}"
    )
    return CallToolResult(
        content=[
            ResourceLink(uri=f"notes://x/{MAIL}", name=NAME, title=WIDE, description=MARKS),
            EmbeddedResource(resource=said),
            ImageContent(data="iVBORw0KGgo=", mimeType="image/png"),
            TextContent(text=f"about {NAME}", _meta={"of": MAIL}),
        ],
        structuredContent={"of": NAME},
        _meta={"of": MAIL},
    )


@server.tool(structured_output=False)
def fails() -> str:
    raise ToolError(f"{NAME} is not at {MAIL}")


@server.tool(structured_output=False)
def take(text: str) -> str:
    return f"taken: {text}"


if __name__ == "__main__":
    server.run("stdio")
