"""What a client asks in OpenAI's chat completions, and why some of it is refused.

The protocol is OpenAI's API reference, "Create chat completion"; shapes were compared with what clients send.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from umi_shared.well_formed import well_formed

__all__ = ["MODEL", "ApiError", "ChatRequest", "Turn", "check_length", "refuse", "refuse_form", "text_of"]

MODEL = "umi"
"""The one model that the endpoint has."""
_MOST_MESSAGES = 1000
_NAMES = secrets.token_bytes(32)
"""The key of conversations' names, so that they tell nothing outside this process."""
_NOT_HONOURED = {
    "functions": "umi runs its own tools on this laptop, so the client's cannot be called: turn them off there",
    "audio": "umi answers in text",
    "prediction": "umi's answers are not continued from a prediction",
}
_TOOLS = {
    "tools": "umi runs its own tools on this laptop, so the client's cannot be called: turn them off there"
}
_CHOICE = {"tool_choice": "umi's planner chooses among its own tools"}
_TEXTS = {"text": "text", "refusal": "refusal"}
_REASONING = re.compile(
    r"<think>(?:(?!<think>).)*?</think>|<details type=\"reasoning\"(?:(?!<details).)*?</details>", re.DOTALL
)
"""What clients put before an answer that came with its reasoning, and send back with it."""


class ApiError(Exception):
    """A refusal that a client can read: OpenAI's error object, with an HTTP status."""

    def __init__(
        self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {
            "error": {"message": self.message, "type": kind, "param": self.param, "code": self.code},
        }


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user or umi said."""

    role: str = field(repr=False)
    """`user` or `assistant`."""
    text: str = field(repr=False)

    @property
    def bare(self) -> str:
        """The text without what clients add to it on their way."""
        return (_REASONING.sub("", self.text) if self.role == "assistant" else self.text).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A request that umi can carry out."""

    turns: tuple[Turn, ...] = field(repr=False)
    """Of user and assistant; the last one is the user's."""
    system: str = field(default="", repr=False)
    """What the client tells a model in general. It stays here: umi's models have instructions of their own."""
    stream: bool = False
    with_usage: bool = False
    """Whether the stream's last chunk says how many tokens were used."""
    digest: str = field(default="", repr=False)
    """The same for the same body: how a repeated request is known."""

    @classmethod
    def read(cls, body: Any) -> Self:
        """The request in a JSON body. Raises `ApiError`."""
        if not isinstance(body, dict):
            raise ApiError("the body is a JSON object")
        refuse(body, _NOT_HONOURED)
        refuse_form(body.get("response_format"), "response_format")
        if body.get("n") not in (None, 1):
            raise ApiError("umi gives one answer: leave `n` out", param="n", code="unsupported_parameter")
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise ApiError("`messages` is a list of at least one message", param="messages")
        check_length(messages, "messages")
        system, turns = [], []
        for number, message in enumerate(messages):
            role, text = _message(message, f"messages[{number}]")
            if role == "system":
                system.append(text)
            else:
                turns.append(Turn(role, text))
        options = body.get("stream_options")
        return cls.of(
            body,
            turns,
            system="\n".join(system),
            with_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
            where="messages",
        )

    @classmethod
    def of(
        cls,
        body: Mapping[str, Any],
        turns: Sequence[Turn],
        *,
        system: str,
        where: str,
        with_usage: bool = False,
    ) -> Self:
        """The request of a body with these turns. Raises `ApiError` where the user has not the last word."""
        if not turns or turns[-1].role != "user" or not turns[-1].text.strip():
            raise ApiError("the last message is the user's, with a text", param=where)
        return cls(
            turns=tuple(turns),
            system=system,
            stream=body.get("stream") is True,
            with_usage=with_usage,
            digest=hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
        )

    @property
    def asked(self) -> str:
        """What the user wants now."""
        return self.turns[-1].text.strip()

    @property
    def conversation(self) -> str:
        """A name for the conversation: by what was said first, as the client sends it each time."""
        first = self.turns[0].bare
        return hashlib.blake2b(first.encode(), key=_NAMES, digest_size=8).hexdigest()

    @property
    def before(self) -> Sequence[Turn]:
        """What was said before."""
        return self.turns[:-1]


def refuse(body: Mapping[str, Any], also: Mapping[str, str]) -> None:
    """Raise `ApiError` for another model, tools of the client's own, and whatever else has a reason in `also`."""
    if body.get("model") != MODEL:
        raise ApiError(
            f"there is no such model here; the one there is is called `{MODEL}`",
            status=404,
            param="model",
            code="model_not_found",
        )
    chosen = {} if body.get("tool_choice") in ("auto", "none") else _CHOICE
    for name, because in {**_TOOLS, **chosen, **also}.items():
        if body.get(name):
            raise ApiError(
                f"`{name}` cannot be honoured: {because}", param=name, code="unsupported_parameter"
            )


def check_length(messages: Sequence[Any], where: str) -> None:
    """Raise `ApiError` for more messages than are read in one request."""
    if len(messages) > _MOST_MESSAGES:
        raise ApiError(
            f"{len(messages)} messages are more than umi reads in one request ({_MOST_MESSAGES}): "
            "start a new chat",
            param=where,
        )


def refuse_form(wanted: Any, param: str) -> None:
    """Raise `ApiError` for an answer in another form than plain text."""
    if isinstance(wanted, Mapping) and wanted.get("type") not in (None, "text"):
        raise ApiError(
            f"`{param}` cannot be honoured: umi answers in plain text",
            param=param,
            code="unsupported_parameter",
        )


def _message(message: Any, where: str) -> tuple[str, str]:
    if not isinstance(message, Mapping):
        raise ApiError("a message is an object with `role` and `content`", param=where)
    role = message.get("role")
    if role in ("tool", "function") or message.get("tool_calls"):
        raise ApiError(
            "umi runs its own tools, so a conversation with the client's tool calls cannot go on here: "
            "start a new chat",
            param=where,
        )
    if role not in ("system", "developer", "user", "assistant"):
        raise ApiError("`role` is one of system, developer, user, assistant", param=f"{where}.role")
    return "system" if role == "developer" else role, text_of(
        message.get("content"), f"{where}.content", _TEXTS
    )


def text_of(content: Any, where: str, kinds: Mapping[str, str]) -> str:
    """The text of a message, whose content may be a list of parts; `kinds` names the member that has a part's text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return well_formed(content)
    if not isinstance(content, list):
        raise ApiError("`content` is a text or a list of parts", param=where)
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        member = kinds.get(kind) if isinstance(kind, str) else None
        if member is None or not isinstance(part.get(member), str):
            raise ApiError(
                "umi reads text only: take images, sound and files out of the message; "
                "its tools read files that lie in your folders",
                param=where,
                code="unsupported_content",
            )
        texts.append(part[member])
    return well_formed("\n".join(texts))
