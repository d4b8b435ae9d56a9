"""What an MCP server may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class McpLimits:
    """Limits on what comes from one server; the limits on a result are the runner's."""

    start_seconds: float = 30
    """The time limit for starting, agreeing on a protocol and listing the tools; also for the one reconnect."""
    message_bytes: int = 16 << 20
    """The size limit of one message. A result often holds its text twice, so it is well above the runner's limit."""
    tools: int = 256
    schema_bytes: int = 128 << 10
    description_characters: int = 4000
    """Longer descriptions are cut: they cost the planner tokens at every step."""
