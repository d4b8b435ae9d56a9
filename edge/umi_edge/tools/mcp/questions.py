"""What servers ask the user in the midst of a call (elicitation): read, and what the user answers checked.

I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mcp.types import ElicitRequestFormParams, ElicitRequestURLParams

from umi_edge.tools.json_type import JSON
from umi_edge.tools.mcp.config import LOOPBACK
from umi_edge.tools.running_call import QuestionField, ServerQuestion

__all__ = ["question_of"]

_MOST_FIELDS = 30
_MOST_CHOICES = 200
_CHARACTERS = 2000
_KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "flag"}


def question_of(
    server: str, asked: ElicitRequestFormParams | ElicitRequestURLParams, *, remote: bool
) -> ServerQuestion | None:
    """The question; None for one that umi does not put to the user: that is no form, or no safe address."""
    message = asked.message[:_CHARACTERS]
    if isinstance(asked, ElicitRequestURLParams):
        if len(asked.url) > _CHARACTERS or not _is_safe(asked.url):
            return None
        return ServerQuestion(server=server, message=message, url=asked.url, remote=remote)
    schema: Mapping[str, Any] = asked.requested_schema
    properties = schema.get("properties") or {}
    needed = schema.get("required") or []
    if not isinstance(properties, Mapping) or not isinstance(needed, list) or len(properties) > _MOST_FIELDS:
        return None
    fields = tuple(_field(name, said, name in needed) for name, said in properties.items())
    if not set(needed) <= properties.keys() or any(one is None for one in fields):
        return None
    return ServerQuestion(
        server=server, message=message, fields=tuple(one for one in fields if one is not None), remote=remote
    )


def _is_safe(url: str) -> bool:
    """Whether a browser may be sent there: https, or http on this machine; no name or password in it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port  # raises for a port that is none
    except ValueError:
        return False
    if not host or (port is not None and port <= 0) or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)


def _field(name: str, said: Any, required: bool) -> QuestionField | None:
    """One member of the form; None for what no form may have."""
    if not isinstance(said, Mapping) or not isinstance(name, str):
        return None
    kind = _KINDS.get(str(said.get("type", "string")))
    choices = _choices(said)
    if said.get("type") == "array":
        items = said.get("items")
        kind, choices = "choices", _choices(items) if isinstance(items, Mapping) else {}
        if not choices:
            return None
    elif choices and kind == "text":
        kind = "choice"
    if kind is None or len(choices) > _MOST_CHOICES:
        return None
    return QuestionField(
        name=name,
        title=_text(said.get("title")) or name,
        description=_text(said.get("description")),
        kind=kind,
        choices=choices,
        default=_default(said.get("default")),
        required=required,
        schema=said,
    )


def _text(value: Any) -> str:
    return value[:_CHARACTERS] if isinstance(value, str) else ""


def _default(value: Any) -> JSON:
    """What a server proposes, where it is a value that a form may have."""
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str)]
    return value if isinstance(value, str | int | float | bool) else None


def _choices(said: Mapping[str, Any]) -> dict[str, str]:
    """What may be chosen, with the words for each; empty where anything may be typed.

    >>> _choices({"enum": ["a", "b"], "enumNames": ["First", "Second"]})
    {'a': 'First', 'b': 'Second'}
    >>> _choices({"oneOf": [{"const": "a", "title": "First"}]})
    {'a': 'First'}
    """
    values = said.get("enum")
    if isinstance(values, list):
        names = said.get("enumNames")
        words = names if isinstance(names, list) and len(names) == len(values) else values
        return {str(value): str(word) for value, word in zip(values, words, strict=True)}
    for word in ("oneOf", "anyOf"):
        options = said.get(word)
        if isinstance(options, list):
            return {
                str(one["const"]): str(one.get("title", one["const"]))
                for one in options
                if isinstance(one, Mapping) and "const" in one
            }
    return {}
