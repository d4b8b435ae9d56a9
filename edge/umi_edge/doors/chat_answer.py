"""What a client is answered in OpenAI's chat completions: one object, or chunks of a stream."""

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.doors.chat_request import MODEL
from umi_edge.doors.run import Called, Ended, Piece, Returned, Said, Thought
from umi_edge.doors.spoken import in_words

__all__ = ["ChatAnswer"]

_NO_TOKENS: Mapping[str, int] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
_DONE = b"data: [DONE]\n\n"


@dataclass(slots=True)
class ChatAnswer:
    """One answer; implements `Answer`."""

    with_usage: bool = False
    """Whether the stream's last chunk says how many tokens were used."""
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}", repr=False)
    created: int = field(default_factory=lambda: int(time.time()))
    _usage: Mapping[str, int] = field(default_factory=lambda: _NO_TOKENS, repr=False)

    def whole(self, pieces: Iterable[Piece]) -> dict[str, Any]:
        """The answer as one object."""
        content = reasoning = ""
        for piece in pieces:
            match piece:
                case Said(text):
                    content += text
                case Ended(usage):
                    self._usage = usage
                case Thought() | Called() | Returned():
                    reasoning += in_words(piece)
        message = {"role": "assistant", "content": content, "reasoning_content": reasoning, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return self._object("chat.completion", [choice]) | {"usage": dict(self._usage)}

    def opening(self) -> list[bytes]:
        """What a stream begins with."""
        return [self._chunk({"role": "assistant", "content": ""})]

    def of(self, piece: Piece) -> list[bytes]:
        """A piece in a stream."""
        match piece:
            case Said(text):
                return [self._chunk({"content": text})]
            case Thought() | Called() | Returned():
                return [self._chunk({"reasoning_content": in_words(piece)})]
            case Ended(usage):
                self._usage = usage
        return []

    def ending(self) -> list[bytes]:
        """What stands after the last piece of a stream: for clients that want to know, how many tokens there were."""
        used = self._object("chat.completion.chunk", []) | {"usage": dict(self._usage)}
        return [self._chunk({}, "stop"), *([_event(used)] if self.with_usage else []), _DONE]

    def _chunk(self, delta: Mapping[str, str], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish_reason}
        return _event(self._object("chat.completion.chunk", [choice]))

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": MODEL,
            "system_fingerprint": None,
            "choices": choices,
        }


def _event(body: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
