"""The gateway: umi as an MCP server, whose tools give handles to a program that plans by itself."""
