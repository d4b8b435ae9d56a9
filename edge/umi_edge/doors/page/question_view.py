"""A question that waits, as the page shows it: the exact values, those that say where something goes last.

I2: docs/design.md#i2-fail-closed
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from umi_edge.doors.approvals import Reply, Waiting
from umi_edge.egress.cloud_client import Outbound
from umi_edge.ledger.outbound import entry_title, text_json
from umi_edge.session.consent import ConsentRequest
from umi_edge.session.replies import ReplyRequest
from umi_edge.terminal.consent_words import notes_of, origin_of, title_of
from umi_edge.terminal.lookalikes import KnownAddresses
from umi_edge.terminal.question import given_value
from umi_edge.terminal.values import FOLDED, ShownPiece, Way, doubts, is_destination, ordered, shown_value
from umi_edge.tools.json_type import JSON
from umi_edge.tools.running_call import QuestionField, ServerQuestion
from umi_shared.transcript import text_of

__all__ = ["UnfitError", "question_json", "reply_of"]

_REPLY = "reply"
"""The one field of a planner's question."""


class UnfitError(ValueError):
    """What was typed does not fit a field; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def question_json(waiting: Waiting, known: Iterable[str], notices: Sequence[str]) -> dict[str, Any]:
    """The question for the page; `known` are the addresses of the user, `notices` what the detectors do without."""
    match waiting.request:
        case ConsentRequest() as request:
            said = _call(request, KnownAddresses(known))
        case Outbound() as outbound:
            said = _message(outbound, notices)
        case ServerQuestion() as question:
            said = _server(question)
        case ReplyRequest() as asked:
            said = _planner(asked)
    return {
        "id": waiting.id,
        "digest": waiting.digest,
        "kind": waiting.kind.value,
        "door": waiting.door,
        "conversation": waiting.conversation,
        "since": waiting.since,
        **said,
    }


def reply_of(request: object, reply: Any) -> Reply:
    """What a decision of the page says: yes, no, or what was typed to a question. Raises `UnfitError`."""
    if isinstance(request, ReplyRequest):
        typed = _said(reply.get(_REPLY)) if isinstance(reply, Mapping) else ""
        return typed if isinstance(typed, str) and typed else False
    if not isinstance(request, ServerQuestion) or not isinstance(reply, Mapping):
        return reply is True
    answers: dict[str, JSON] = {}
    for one in request.fields:
        try:
            value = given_value(one, _said(reply.get(one.name)))
        except ValueError as error:
            raise UnfitError(one.name, str(error)) from None
        if value is not None:
            answers[one.name] = value
    return answers


def _said(given: Any) -> str | list[str]:
    if isinstance(given, list):
        return [str(one) for one in given]
    return given.strip() if isinstance(given, str) else ""


def _call(request: ConsentRequest, known: KnownAddresses) -> dict[str, Any]:
    return {
        "title": title_of(request),
        "tool": request.tool,
        "notes": [{"words": note.words, "tone": note.tone.value} for note in notes_of(request)],
        "in_full": bool(request.from_strangers),
        "rows": [_row(request, name, known) for name in ordered(request.arguments)],
    }


def _row(request: ConsentRequest, name: str, known: KnownAddresses) -> dict[str, Any]:
    value = request.arguments[name]
    return {
        "name": name,
        "goes": is_destination(name, value),
        "value": _shown(value),
        "whole": _shown(value, whole=True) if _length(value) > FOLDED else None,
        "origin": origin_of(request, name),
        "by_stranger": name in request.from_strangers,
        "doubts": [_shown(doubt) for doubt in doubts(name, value, known)],
    }


def _shown(value: Any, *, whole: bool = False) -> list[dict[str, str]]:
    return [{"text": _in_words(piece), "way": piece.way.value} for piece in shown_value(value, whole=whole)]


def _in_words(piece: ShownPiece) -> str:
    """A control character by its name: few fonts of browsers have the sign that a terminal shows for it."""
    if piece.way is not Way.SIGN or not "\u2400" <= piece.text <= "\u2421":
        return piece.text
    return f"[{unicodedata.name(piece.text).removeprefix('SYMBOL FOR ').lower()}]"


def _length(value: Any) -> int:
    return len(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _message(outbound: Outbound, notices: Sequence[str]) -> dict[str, Any]:
    view = outbound.view
    return {
        "title": f"May this leave for the {outbound.sink}?",
        "sink": outbound.sink,
        "peer": outbound.peer,
        "notes": [{"words": f"Careful: {notice}", "tone": "bad"} for notice in notices]
        + [{"words": f"By exception: {note}", "tone": "careful"} for note in outbound.notes],
        "in_full": False,
        "tools": [
            {
                "name": card.name,
                "text": text_json(card.description),
                "schema": json.dumps(card.input_schema, separators=(",", ":"), ensure_ascii=False),
            }
            for card in view.catalogue
        ],
        "entries": [
            {"title": entry_title(one), "kind": type(one).__name__.lower(), "text": text_json(text_of(one))}
            for one in view.entries
        ],
        "bytes": len(outbound.message),
        "padding": outbound.padding_bytes,
        "request": outbound.request_id,
        "sha256": outbound.sha256,
    }


def _server(question: ServerQuestion) -> dict[str, Any]:
    return {
        "title": f"{question.server} asks you something",
        "notes": [
            {"words": "These are the words of the server, not of umi. It may be lying.", "tone": "bad"},
            {
                "words": f"What you answer goes to that server{_away(question)}, and to nobody else.",
                "tone": "quiet",
            },
        ],
        "in_full": bool(question.url),
        "message": question.message,
        "url": question.url,
        "address": _shown(question.url, whole=True) if question.url else None,
        "doubts": [_shown(doubt) for doubt in doubts("url", question.url)] if question.url else [],
        "fields": [_field(one) for one in question.fields],
    }


def _field(one: QuestionField) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "description": one.description,
        "kind": one.kind,
        "choices": [{"value": value, "words": words} for value, words in one.choices.items()],
        "default": _proposed(one.default),
        "required": one.required,
    }


def _planner(asked: ReplyRequest) -> dict[str, Any]:
    reply = QuestionField(name=_REPLY, title="Your reply", kind="text", required=True)
    return {
        "title": "You are asked something",
        "notes": [{"words": "The planner reads your reply as it reads what you ask.", "tone": "quiet"}],
        "in_full": False,
        "message": asked.question,
        "url": "",
        "address": None,
        "doubts": [],
        "fields": [_field(reply)],
    }


def _away(question: ServerQuestion) -> str:
    return ", which is not on this device" if question.remote else ""


def _proposed(value: Any) -> str | list[str]:
    """A proposed value as a person would type it; of choices a list."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return [str(one) for one in value]
    return str(value)
