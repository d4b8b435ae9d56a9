"""Chores: requests that a chat window sends by itself, with the whole chat inside, for a title, tags or suggestions.

Nobody asked them of umi, and what they hold was answered with real values. They are answered here, from the words
that are there, and neither planned nor sent.

I2: docs/design.md#i2-fail-closed
"""

import json
import re

from umi_edge.doors.chat_request import ChatRequest

__all__ = ["chore_answer"]

_TRANSCRIPT = re.compile(
    r"<chat_history>|<conversation>|<messages?>|^\W*(?:user|human|assistant|ai)\W*:",
    re.IGNORECASE | re.MULTILINE,
)
"""A conversation that is quoted in a message."""
_ORDER = re.compile(
    r"\b(generate|create|provide|suggest|write|give|summari[sz]e|determine|analy[sz]e|extract|categori[sz]\w*|name|"
    r"return|output|come up with)\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"\b(chat|conversation|dialog(?:ue)?|discussion|exchange|messages?)\b", re.IGNORECASE)
_THIS_CHAT = re.compile(
    r"\b(this|our|the|above|current|preceding) (chat|conversation|discussion|dialog(?:ue)?)\b"
    r"(?! (with|between|about|of)\b)",
    re.IGNORECASE,
)
_KINDS = {
    "follow_ups": re.compile(
        r"follow[-_ ]?ups?\b|\bsuggest(?:ed)? (?:questions|replies|prompts)", re.IGNORECASE
    ),
    "queries": re.compile(r"\b(search|retrieval) quer(?:y|ies)\b", re.IGNORECASE),
    "tags": re.compile(r"\btags?\b", re.IGNORECASE),
    "title": re.compile(r"\b(title|headline|heading|name|topic|subject)\b", re.IGNORECASE),
    "emoji": re.compile(r"\bemoji\b", re.IGNORECASE),
    "text": re.compile(r"\bauto[- ]?complet\w+", re.IGNORECASE),
    "summary": re.compile(r"\bsummar\w+", re.IGNORECASE),
}
_QUOTED = re.compile(r"<(chat_history|conversation|messages?)>(.*?)(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_SPEAKER = re.compile(r"^\W*(user|human)\W*:\s*", re.IGNORECASE)
_HEAD = 1500
"""How far an order reaches, in characters; the chat comes after it, or before it."""
_TITLE_WORDS = 6


def chore_answer(request: ChatRequest) -> str | None:
    """What to answer to a client's own request; None for what a person asks.

    A chore orders something to be made of a conversation, and brings that conversation along: quoted in the message,
    or as the messages before it.
    """
    if _TRANSCRIPT.search(request.asked):
        orders, about = [request.asked, request.system], _ABOUT
    elif request.before:
        orders, about = [request.asked], _THIS_CHAT
    else:
        return None
    for order in orders:
        kind = _kind(order, about)
        if kind is not None and (kind != "summary" or about is _ABOUT):
            return _answer(kind, order, request)
    return None


def _kind(order: str, about: re.Pattern[str]) -> str | None:
    for part in (order[:_HEAD], order[-_HEAD:]):
        if _ORDER.search(part) and about.search(part):
            return next((kind for kind, pattern in _KINDS.items() if pattern.search(part)), None)
    return None


def _answer(kind: str, order: str, request: ChatRequest) -> str:
    """In the form that the order asks for: JSON where it speaks of JSON, else the bare words."""
    title = _title(request)
    value: str | list[str] = {"title": title, "emoji": "💬", "text": "", "summary": title}.get(kind, [])
    if "json" in order.lower() or f'"{kind}"' in order:
        return json.dumps({kind: value}, ensure_ascii=False)
    return value if isinstance(value, str) else "\n".join(value)


def _title(request: ChatRequest) -> str:
    """The first words that the user said in the conversation."""
    if request.before:
        said = [turn.text for turn in request.before if turn.role == "user"]
    else:
        quoted = _QUOTED.search(request.asked)
        lines = (quoted.group(2) if quoted else request.asked).splitlines()
        said = [_SPEAKER.sub("", line) for line in lines if _SPEAKER.match(line)]
    words = next((line for line in map(str.strip, said) if line), "").split()
    return " ".join(words[:_TITLE_WORDS]) or "Chat"
