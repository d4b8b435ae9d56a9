"""An MCP server with a canary in each place of its tool's card; another card once the file of its argument is there."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from mcp.server import MCPServer
from pydantic import Field

server = MCPServer("crm")
CHANGED = "zqchangedcanary" if Path(sys.argv[1]).exists() else ""


@server.tool(description=f"Find zqdescriptioncanary. {CHANGED}")
def find(
    query: Annotated[
        str, Field(title="zqtitlecanary", pattern="zqpatterncanary|.*", examples=["zqexamplescanary"])
    ],
    who: Literal["zqenumcanary", "other"] = "other",
    what: str = "zqdefaultcanary",
    inner: Annotated[
        object, Field(json_schema_extra={"properties": {"zq property zqpropertynamecanary": {}}})
    ] = None,
) -> str:
    return "found"


if __name__ == "__main__":
    server.run("stdio")
