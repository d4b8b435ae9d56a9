"""One call of OpenAI's API as umi's own `openai` engine makes it for vLLM: read into a generation, answered in events.

What it does not know it refuses: an answer that ignores a constraint would look like one that keeps it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from umi_cloud.engines.errors import PromptTooLongError, UnknownAdapterError
from umi_shared.engine import (
    ChatPrompt,
    Constraint,
    Finish,
    Finished,
    Generation,
    JsonSchema,
    Message,
    RawPrompt,
    Regex,
)
from umi_shared.errors import LimitError, MalformedError

__all__ = ["DONE", "ModelNames", "delta_event", "error_event", "finish_events", "read_call", "status_of"]

DONE = b"data: [DONE]\n\n"
_KNOWN = frozenset(
    [
        "model",
        "prompt",
        "messages",
        "max_tokens",
        "temperature",
        "stream",
        "stream_options",
        "stop",
        "structured_outputs",
        "cache_salt",
        "chat_template_kwargs",
    ]
)
_MAX_TOKENS = 65_536


@dataclass(frozen=True, slots=True)
class ModelNames:
    """The names by which the endpoint's base model and its adapters are asked for, as Ray Serve LLM makes them."""

    model: str
    adapters: frozenset[str] = frozenset()
    """Roles that have an adapter; its name is that of the model, a colon, and the role."""

    @property
    def all(self) -> tuple[str, ...]:
        """Every name.

        >>> ModelNames("small", frozenset({"planner"})).all
        ('small', 'small:planner')
        """
        return (self.model, *(f"{self.model}:{role}" for role in sorted(self.adapters)))

    def adapter(self, name: object) -> str:
        """The adapter that a name asks for; empty for the base model. Raises `UnknownAdapterError`."""
        if name == self.model:
            return ""
        _, colon, role = str(name).partition(":")
        if not colon or role not in self.adapters or name != f"{self.model}:{role}":
            raise UnknownAdapterError("of that name")
        return role


def read_call(raw: bytes, names: ModelNames, session: str = "") -> Generation:
    """The generation that a request's body asks for.

    Raises `MalformedError` for what is not such a body, or asks for what is not known here, and `UnknownAdapterError`.
    """
    body = _object(raw)
    if unknown := body.keys() - _KNOWN:
        raise MalformedError(f"{len(unknown)} of the request's fields are not known here")
    if body.get("temperature", 0) != 0 or not body.get("stream"):
        raise MalformedError("only greedy streams are served (`temperature: 0`, `stream: true`)")
    if body.get("chat_template_kwargs") not in (None, {"enable_thinking": False}):
        raise MalformedError("this endpoint's models do not think")
    return Generation(
        prompt=_prompt(body),
        adapter=names.adapter(body.get("model")),
        constraint=_constraint(body.get("structured_outputs")),
        stop=_texts(body.get("stop", [])),
        max_tokens=_tokens(body.get("max_tokens", 256)),
        session=session,
        namespace=_text(body.get("cache_salt", "")),
    )


def delta_event(text: str, *, chat: bool) -> bytes:
    """One piece of the answer."""
    choice = {"delta": {"content": text}} if chat else {"text": text}
    return _event(choices=[{"index": 0, **choice, "finish_reason": None}])


def finish_events(finished: Finished, *, chat: bool) -> bytes:
    """Why the answer ended, what it took, and the end of the stream."""
    reason = "length" if finished.finish is Finish.LENGTH else "stop"
    choice: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
    usage = finished.usage
    counted = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
    end = _event(choices=[{"index": 0, **choice, "finish_reason": reason}])
    return end + _event(choices=[], usage=counted) + DONE


def error_event() -> bytes:
    """The failure of a stream that had begun; what failed is for the log."""
    return _event(error={"message": "the engine failed", "type": "engine_error"})


def status_of(error: Exception) -> int:
    """The HTTP status of a failure before the first piece."""
    match error:
        case UnknownAdapterError():
            return 404
        case MalformedError() | PromptTooLongError():
            return 400
        case LimitError():
            return 503
        case _:
            return 500


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise MalformedError("the request is not JSON") from error
    if not isinstance(body, dict):
        raise MalformedError("the request is not a JSON object")
    return body


def _prompt(body: Mapping[str, Any]) -> RawPrompt | ChatPrompt:
    if isinstance(prompt := body.get("prompt"), str) and "messages" not in body:
        return RawPrompt(prompt)
    try:
        turns = tuple(Message(_text(turn["role"]), _text(turn["content"])) for turn in body["messages"])
    except (KeyError, TypeError) as error:
        raise MalformedError("the request has neither a prompt nor messages of text") from error
    return ChatPrompt(turns)


def _constraint(asked: object) -> Constraint | None:
    match asked:
        case None:
            return None
        case {"json": dict(schema), **rest} if not rest:
            return JsonSchema(schema)
        case {"regex": str(pattern), **rest} if not rest:
            return Regex(pattern)
    raise MalformedError("`structured_outputs` is neither a JSON schema nor a regular expression")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedError("a text of the request is none")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise MalformedError("`stop` is no list of texts")
    return tuple(_text(one) for one in value)


def _tokens(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MAX_TOKENS:
        raise MalformedError(f"`max_tokens` is no number from 1 to {_MAX_TOKENS}")
    return value


def _event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"
