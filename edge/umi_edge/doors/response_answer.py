"""What a client is answered in OpenAI's responses: one object, or events of a stream.

Its output has, in order: what the planner thinks, each call that umi made itself with what came of it, and the answer.
A call comes with its output, so no client takes it for one that it should run.
"""

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.doors.chat_request import MODEL
from umi_edge.doors.response_request import OWN_CALL
from umi_edge.doors.run import Called, Ended, Piece, Returned, Said, Thought

__all__ = ["ResponseAnswer"]


@dataclass(slots=True)
class ResponseAnswer:
    """One answer; implements `Answer`."""

    instructions: str | None = field(default=None, repr=False)
    """Those of the request, which a response repeats."""
    id: str = field(default_factory=lambda: f"resp_{secrets.token_hex(12)}", repr=False)
    created: int = field(default_factory=lambda: int(time.time()))
    _output: list[dict[str, Any]] = field(default_factory=list, repr=False)
    """The items so far; the last one may be growing."""
    _open: str = field(default="", repr=False)
    """The type of the item that is growing."""
    _call: str = field(default="", repr=False)
    """The id of the call that has no output yet."""
    _events: int = 0
    _usage: Mapping[str, int] | None = field(default=None, repr=False)

    def whole(self, pieces: Iterable[Piece]) -> dict[str, Any]:
        """The answer as one object."""
        for piece in pieces:
            self.of(piece)
        self._last()
        return self._response("completed")

    def opening(self) -> list[bytes]:
        """What a stream begins with."""
        kinds = "response.created", "response.in_progress"
        return [self._event(kind, response=self._response("in_progress")) for kind in kinds]

    def of(self, piece: Piece) -> list[bytes]:
        """A piece in a stream."""
        match piece:
            case Said(text):
                return self._said(text)
            case Thought(text) if self._open != "message":
                return self._thought(text)
            case Called(tool, arguments):
                return [*self._close(), *self._called(tool, arguments)]
            case Returned(told=told, done=done):
                return [*self._close(), *self._returned(told, done=done)]
            case Ended(usage):
                self._usage = usage
        return []

    def ending(self) -> list[bytes]:
        """What stands after the last piece of a stream."""
        last = self._last()
        return [*last, self._event("response.completed", response=self._response("completed"))]

    def _last(self) -> list[bytes]:
        closed = self._close()
        return closed + (self._returned("interrupted", done=False) if self._call else [])

    # The items.

    def _said(self, text: str) -> list[bytes]:
        events = []
        if self._open != "message":
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            events = [
                *self._close(),
                self._add("message", "msg", role="assistant", content=[]),
                self._in_part("response.content_part.added", part=part),
            ]
            self._item["content"].append(part)
        self._item["content"][0]["text"] += text
        return [*events, self._in_part("response.output_text.delta", delta=text, logprobs=[])]

    def _thought(self, text: str) -> list[bytes]:
        events = []
        if self._open != "reasoning":
            part = {"type": "summary_text", "text": ""}
            events = [
                *self._close(),
                self._add("reasoning", "rs", summary=[]),
                self._in_summary("response.reasoning_summary_part.added", part=part),
            ]
            self._item["summary"].append(part)
        self._item["summary"][0]["text"] += text
        return [*events, self._in_summary("response.reasoning_summary_text.delta", delta=text)]

    def _called(self, tool: str, arguments: str) -> list[bytes]:
        self._call = f"{OWN_CALL}{secrets.token_hex(8)}"
        events = [self._add("function_call", "fc", call_id=self._call, name=tool, arguments="")]
        self._item["arguments"] = arguments
        events += [
            self._in_item("response.function_call_arguments.delta", delta=arguments),
            self._in_item("response.function_call_arguments.done", arguments=arguments),
        ]
        return [*events, *self._close()]

    def _returned(self, told: str, *, done: bool) -> list[bytes]:
        call, self._call = self._call, ""
        added = self._add("function_call_output", "fco", call_id=call, output=[])
        self._item["output"] = [{"type": "input_text", "text": told}]
        return [added, *self._close("completed" if done else "incomplete")]

    @property
    def _item(self) -> dict[str, Any]:
        return self._output[-1]

    def _add(self, kind: str, prefix: str, **members: Any) -> bytes:
        item = {"type": kind, "id": f"{prefix}_{secrets.token_hex(12)}", "status": "in_progress", **members}
        self._output.append(item)
        self._open = kind
        return self._event("response.output_item.added", output_index=len(self._output) - 1, item=item)

    def _close(self, status: str = "completed") -> list[bytes]:
        """End the item that is growing, if there is one."""
        kind, self._open = self._open, ""
        if not kind:
            return []
        ended = []
        match kind:
            case "message":
                (part,) = self._item["content"]
                ended = [
                    self._in_part("response.output_text.done", text=part["text"], logprobs=[]),
                    self._in_part("response.content_part.done", part=part),
                ]
            case "reasoning":
                (part,) = self._item["summary"]
                ended = [
                    self._in_summary("response.reasoning_summary_text.done", text=part["text"]),
                    self._in_summary("response.reasoning_summary_part.done", part=part),
                ]
        self._item["status"] = status
        index = len(self._output) - 1
        return [*ended, self._event("response.output_item.done", output_index=index, item=self._item)]

    # The events.

    def _in_item(self, kind: str, **members: Any) -> bytes:
        return self._event(kind, item_id=self._item["id"], output_index=len(self._output) - 1, **members)

    def _in_part(self, kind: str, **members: Any) -> bytes:
        return self._in_item(kind, content_index=0, **members)

    def _in_summary(self, kind: str, **members: Any) -> bytes:
        return self._in_item(kind, summary_index=0, **members)

    def _event(self, kind: str, **members: Any) -> bytes:
        body = {"type": kind, "sequence_number": self._events, **members}
        self._events += 1
        return f"event: {kind}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()

    def _response(self, status: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "model": MODEL,
            "output": self._output,
            "error": None,
            "incomplete_details": None,
            "instructions": self.instructions,
            "metadata": {},
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "temperature": None,
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": _used(self._usage) if status == "completed" else None,
        }


def _used(usage: Mapping[str, int] | None) -> dict[str, Any]:
    """Chat completions' counts, as responses name them."""
    counts = usage or {}
    return {
        "input_tokens": counts.get("prompt_tokens", 0),
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": counts.get("completion_tokens", 0),
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": counts.get("total_tokens", 0),
    }
