"""A call that runs as a task: for tools that admit no other (`execution.taskSupport: required`, MCP 2025-11-25).

The SDK has the messages and leaves out what is to be done with them. The server answers at once that it has begun; it
is asked how far it is until it has ended, or wants something of the user, and then for the result. A call that is given
up is cancelled there. In 2026-07-28 tasks are no part of the protocol, and no tool can demand one.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from mcp.client.session import ClientSession
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import (
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    CancelTaskRequest,
    CancelTaskRequestParams,
    CancelTaskResult,
    CreateTaskResult,
    GetTaskPayloadRequest,
    GetTaskPayloadRequestParams,
    GetTaskRequest,
    GetTaskRequestParams,
    GetTaskResult,
    TaskMetadata,
    Tool,
)

__all__ = ["called_as_task", "demands_task"]

_KEPT_MILLISECONDS = 24 * 60 * 60 * 1000
"""For how long a server is asked to keep a task; umi's own limit of a call ends it long before."""
_SHORTEST, _LONGEST = 0.2, 10.0
"""Seconds between two looks at a task, whatever the server would like."""


def demands_task(tool: Tool) -> bool:
    """Whether a tool can be called as a task only."""
    return tool.execution is not None and tool.execution.task_support == "required"


async def called_as_task(
    session: ClientSession, name: str, arguments: Mapping[str, Any], progressed: ProgressFnT
) -> CallToolResult:
    """Call a tool once, as a task, and wait for its result. Raises what the SDK does."""
    params = CallToolRequestParams(
        name=name, arguments=dict(arguments), task=TaskMetadata(ttl=_KEPT_MILLISECONDS)
    )
    begun = await session.send_request(
        CallToolRequest(params=params), CreateTaskResult, progress_callback=progressed
    )
    task, identity = begun.task, begun.task.task_id
    try:
        while task.status == "working":
            wait = (task.poll_interval or 1000) / 1000
            await asyncio.sleep(min(max(wait, _SHORTEST), _LONGEST))
            asked = GetTaskRequest(params=GetTaskRequestParams(task_id=identity))
            task = await session.send_request(asked, GetTaskResult)
        payload = GetTaskPayloadRequest(params=GetTaskPayloadRequestParams(task_id=identity))
        return await session.send_request(payload, CallToolResult)
    except asyncio.CancelledError:
        cancelled = CancelTaskRequest(params=CancelTaskRequestParams(task_id=identity))
        with contextlib.suppress(Exception):
            await asyncio.shield(session.send_request(cancelled, CancelTaskResult))
        raise
