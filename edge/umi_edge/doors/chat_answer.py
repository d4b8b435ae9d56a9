"""What a client is answered in OpenAI's chat completions: one object, or chunks of a stream."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.doors.chat_request import MODEL

__all__ = ["DONE", "KEEP_ALIVE", "ChatAnswer", "event"]

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": umi is still working\n\n"
"""A comment of the event stream, which clients pass over; without it some take a long step for a lost connection."""


def event(body: Mapping[str, Any]) -> bytes:
    """One event of a stream."""
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What all parts of one answer have in common."""

    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}", repr=False)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, content: str, reasoning: str, usage: Mapping[str, int]) -> dict[str, Any]:
        """The answer as one object."""
        message = {
            "role": "assistant",
            "content": content,
            "reasoning_content": reasoning,
            "refusal": None,
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return self._object("chat.completion", [choice]) | {"usage": dict(usage)}

    def chunk(self, **delta: str) -> bytes:
        """A piece of it: `role`, `reasoning_content` or `content`."""
        return self._chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])

    def end(self) -> bytes:
        """The last piece."""
        return self._chunk([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}])

    def usage(self, usage: Mapping[str, int]) -> bytes:
        """The chunk after the last piece, for clients that want to know."""
        return event(self._object("chat.completion.chunk", []) | {"usage": dict(usage)})

    def _chunk(self, choices: list[dict[str, Any]]) -> bytes:
        return event(self._object("chat.completion.chunk", choices))

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": MODEL,
            "system_fingerprint": None,
            "choices": choices,
        }
