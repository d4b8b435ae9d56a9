"""MCP: the tools of servers that people already have, over stdio and streamable HTTP."""

from umi_edge.tools.mcp.config import HttpServer, McpServers, StdioServer
from umi_edge.tools.mcp.limits import McpLimits
from umi_edge.tools.mcp.servers import OpenServers, open_mcp, open_servers

__all__ = ["HttpServer", "McpLimits", "McpServers", "OpenServers", "StdioServer", "open_mcp", "open_servers"]
