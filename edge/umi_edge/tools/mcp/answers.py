"""What servers answer, mended on its way to the SDK: an odd tool, or a result that breaks its own schema, is data.

The SDK refuses a whole list for one tool without a type, and a result that breaks the schema that its tool declares.
umi loosens schemas and labels results itself, so it hands the SDK schemas that say nothing, and keeps the real ones.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCResponse

from umi_edge.tools.mcp.link import Link

__all__ = ["with_mended_answers"]

_BLOCKS = frozenset({"text", "image", "audio", "resource", "resource_link"})


_TASK_SUPPORT = ("forbidden", "optional", "required")


@asynccontextmanager
async def with_mended_answers(
    transport: AbstractAsyncContextManager[tuple[Any, Any]], link: Link
) -> AsyncIterator[tuple[Any, Any]]:
    """A transport whose answers are mended; the schemas of tools that are listed go to the link."""
    async with transport as (inbox, outbox):
        yield _MendedAnswers(inbox, link), outbox


class _MendedAnswers:
    """A stream of messages whose answers are mended as they are read."""

    def __init__(self, inner: Any, link: Link) -> None:
        self._inner = inner
        self._link = link

    def __getattr__(self, name: str) -> Any:
        """All else is the stream's own."""
        return getattr(self._inner, name)

    async def receive(self) -> Any:
        """The next message."""
        return self._mended(await self._inner.receive())

    def __aiter__(self) -> "_MendedAnswers":
        return self

    async def __anext__(self) -> Any:
        return self._mended(await self._inner.__anext__())

    async def __aenter__(self) -> "_MendedAnswers":
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> Any:
        return await self._inner.__aexit__(*raised)

    def _mended(self, item: Any) -> Any:
        if not isinstance(item, SessionMessage) or not isinstance(item.message, JSONRPCResponse):
            return item
        result = item.message.result
        if isinstance(result.get("tools"), list):
            mended = {**result, "tools": [tool for one in result["tools"] for tool in self._tool(one)]}
        elif "content" in result or "structuredContent" in result or _is_begun_task(result):
            mended = _call_result(result)
        else:
            return item
        item.message.result = mended
        return item

    def _tool(self, tool: Any) -> list[dict[str, Any]]:
        """The tool with schemas that say nothing; none for what is no tool."""
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            return []
        given, told = tool.get("inputSchema"), tool.get("outputSchema")
        self._link.schemas.append((given if isinstance(given, Mapping) else {}, told))
        kept = {word: value for word, value in tool.items() if word != "outputSchema"}
        for word in ("title", "description"):
            if not isinstance(kept.get(word), str | None):
                kept.pop(word)
        for word in ("annotations", "execution", "_meta"):
            if not isinstance(kept.get(word), dict | None):
                kept.pop(word)
        if (kept.get("execution") or {}).get("taskSupport", "forbidden") not in _TASK_SUPPORT:
            kept.pop("execution")
        kept.pop("icons", None)
        return [{**kept, "inputSchema": {"type": "object"}}]


def _call_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """A call's result in the shape that every version of the protocol admits."""
    content = result.get("content")
    blocks = [block for block in content if _is_block(block)] if isinstance(content, list) else []
    if isinstance(content, str):
        blocks = [{"type": "text", "text": content}]
    mended = {"resultType": "complete", **result, "content": blocks}
    structured = mended.get("structuredContent", {})
    if not isinstance(structured, dict):  # older versions of the protocol admit an object only
        del mended["structuredContent"]
        if structured is not None:
            files = [block for block in blocks if block["type"] in ("image", "audio")]
            mended["content"] = [{"type": "text", "text": json.dumps(structured)}, *files]
    return mended


def _is_begun_task(result: Mapping[str, Any]) -> bool:
    """Whether a call was answered by the task that it became; the SDK checks such an answer as a call's result."""
    task = result.get("task")
    return isinstance(task, dict) and "taskId" in task


def _is_block(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in _BLOCKS
