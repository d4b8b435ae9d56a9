"""MCP: the tools of servers that people already have, over stdio and streamable HTTP."""

from umi_edge.tools.mcp.config import HttpServer, McpServers, StdioServer
from umi_edge.tools.mcp.limits import McpLimits
from umi_edge.tools.mcp.servers import open_mcp

__all__ = ["HttpServer", "McpLimits", "McpServers", "StdioServer", "open_mcp"]
