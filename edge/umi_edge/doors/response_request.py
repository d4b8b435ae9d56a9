"""What a client asks in OpenAI's responses, and why some of it is refused.

The protocol is OpenAI's API reference, "Create a model response". Nothing is stored here under an id: a client sends
the whole conversation, its earlier items included. Those that umi drew of its own calls are passed over.
"""

from collections.abc import Mapping
from typing import Any

from umi_edge.doors.chat_request import (
    ApiError,
    ChatRequest,
    Turn,
    check_length,
    refuse,
    refuse_form,
    text_of,
)

__all__ = ["OWN_CALL", "read_response_request"]

OWN_CALL = "call_umi_"
"""What the id of a call begins with that umi made itself."""
_NOT_HONOURED = {
    "previous_response_id": "umi keeps no responses under their ids: send the whole conversation as `input`",
    "conversation": "umi keeps no conversations under their ids: send the whole conversation as `input`",
    "prompt": "umi has no prompt templates",
    "background": "umi answers while the client waits",
}
_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
_CALLS = ("function_call", "function_call_output")


def read_response_request(body: Any) -> ChatRequest:
    """The request in a JSON body. Raises `ApiError`."""
    if not isinstance(body, dict):
        raise ApiError("the body is a JSON object")
    refuse(body, _NOT_HONOURED)
    text = body.get("text")
    refuse_form(text.get("format") if isinstance(text, Mapping) else None, "text.format")
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list) or not items:
        raise ApiError("`input` is a text or a list of at least one item", param="input")
    check_length(items, "input")
    instructions = body.get("instructions")
    system = [instructions] if isinstance(instructions, str) else []
    turns: list[Turn] = []
    for number, item in enumerate(items):
        said = _said(item, f"input[{number}]")
        if said is None:
            continue
        if said.role == "system":
            system.append(said.text)
        elif turns and said.role == turns[-1].role == "assistant":  # one answer in several items
            turns[-1] = Turn("assistant", turns[-1].text + said.text)
        else:
            turns.append(said)
    return ChatRequest.of(body, turns, system="\n".join(system), where="input")


def _said(item: Any, where: str) -> Turn | None:
    """What somebody said; None for what umi drew of its own work."""
    if not isinstance(item, Mapping):
        raise ApiError("an item is an object, a message for one: `role` and `content`", param=where)
    kind = item.get("type", "message")
    if kind == "reasoning" or (kind in _CALLS and str(item.get("call_id")).startswith(OWN_CALL)):
        return None
    if kind != "message":
        raise ApiError(
            "umi runs its own tools and keeps no items, so a conversation with other tools' calls or with references "
            "cannot go on here: start a new chat",
            param=where,
        )
    role = item.get("role")
    if role not in ("system", "developer", "user", "assistant"):
        raise ApiError("`role` is one of system, developer, user, assistant", param=f"{where}.role")
    text = text_of(item.get("content"), f"{where}.content", _TEXTS)
    return Turn("system" if role == "developer" else role, text)
