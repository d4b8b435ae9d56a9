"""A real MCP server that asks the user things in the midst of a call, and says how far it is (protocol 2026-07-28)."""

import asyncio
from typing import Annotated

from mcp.server.mcpserver import Context, Elicit, ElicitationResult, MCPServer, Resolve
from mcp.types import ElicitRequest, ElicitRequestURLParams, InputRequiredResult
from pydantic import BaseModel, Field

server = MCPServer("asking", log_level="CRITICAL")


class Booking(BaseModel):
    """What is asked for."""

    code: str = Field(title="Door code", description="The code of your door.")
    guests: int = Field(default=2, ge=1, le=9)


def booking() -> Elicit[Booking]:
    return Elicit("For whom?\nAll is safe here.", Booking)


@server.tool(structured_output=False)
async def book(given: Annotated[ElicitationResult[Booking], Resolve(booking)], context: Context) -> str:
    """Book a table."""
    await context.report_progress(1, 3, "Looking at [red]tables[/]")
    if given.action != "accept":
        return f"no table: {given.action}"
    return f"a table for {given.data.guests}, door {given.data.code}"


@server.tool(structured_output=False)
async def pay(url: str, context: Context) -> str | InputRequiredResult:
    """Pay for it."""
    if context.input_responses:
        return str(context.input_responses["payment"].action)
    asked = ElicitRequest(params=ElicitRequestURLParams(message="Please pay.", url=url))
    return InputRequiredResult(input_requests={"payment": asked})


@server.tool(structured_output=False)
async def slow(seconds: float) -> str:
    """Take a while."""
    await asyncio.sleep(seconds)
    return "done"


if __name__ == "__main__":
    server.run()
