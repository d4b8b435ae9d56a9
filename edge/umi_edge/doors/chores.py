"""Chores: requests that a chat window sends by itself, with the whole chat inside, for a title, tags or suggestions.

Nobody asked them of umi, and what they hold was answered with real values. They are answered here, from the words
that are there, and neither planned nor sent.

I2: docs/design.md#i2-fail-closed
"""

import json
import re
from collections.abc import Iterable

from umi_edge.doors.chat_request import ChatRequest

__all__ = ["chore_answer", "quoted_chats"]

_SPEAKERS = (
    "user|human|assistant|ai|you|me|umi|bot|model|system|nutzer|benutzer|assistent|utilisateur|usuario|asistente|"
    "utente|usuário|gebruiker|пользователь|ассистент|用户|助手|ユーザー|アシスタント|사용자"
)
_SAID = re.compile(rf"^[^\w\n]*+(?:{_SPEAKERS})[^\w\n:：]*+[:：]", re.IGNORECASE | re.MULTILINE)
"""A line in which somebody speaks."""
_LISTED = re.compile(r"\"role\"\s*:\s*\"(?:user|assistant)\"", re.IGNORECASE)
_TRANSCRIPT = re.compile(
    rf"<chat_history>|<conversation>|<messages?>|^```|{_LISTED.pattern}|{_SAID.pattern}",
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
_SYSTEM_ORDER = re.compile(
    r"\b(generat\w+|create|summari[sz]\w*|name|write|produce|return|give|come up with)\W+(?:\w+\W+){0,8}?"
    r"(title|name|topic|tags?|headline)\W+(?:\w+\W+){0,8}?(chat|conversation|dialog(?:ue)?|discussion|messages?)\b"
    r"|\b(generat\w+|create|summari[sz]\w*|name)\W+(?:\w+\W+){0,8}?(chat|conversation|dialog(?:ue)?|discussion)s?\W+"
    r"(?:\w+\W+){0,8}?(title|name|topic|tags?|headline)\b",
    re.IGNORECASE,
)
"""A system message that makes a model nothing but a writer of titles."""
_THING = re.compile(
    r"\b(e-?mails?|mails?|letters?|notes?|events?|calendar|appointments?|meetings?|contacts?|files?|reminders?|"
    r"to-?dos?|notebook)\b",
    re.IGNORECASE,
)
"""What a person's request is about, and a client's order is not."""
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
_SPEAKER = re.compile(r"^[^\w\n]*+(user|human|you|me|nutzer|benutzer)[^\w\n:：]*+[:：]\s*", re.IGNORECASE)
_HEAD = 1500
"""How far an order reaches, in characters; the chat comes after it, or before it."""
_TITLE_WORDS = 6


def chore_answer(request: ChatRequest) -> str | None:
    """What to answer to a client's own request; None for what a person asks.

    A chore orders something to be made of a conversation, and brings that conversation along: quoted in the message,
    or as the messages before it.
    """
    kind = None
    if _TRANSCRIPT.search(request.asked):
        kind = _kind(request.asked, _ABOUT)
    elif request.before and not _THING.search(request.asked):
        kind = _kind(request.asked, _THIS_CHAT)
        kind = None if kind == "summary" else kind  # a person may well want one
    if kind is not None:
        return _answer(kind, request.asked, request)
    if not request.before and _SYSTEM_ORDER.search(request.system):
        return _answer("title", request.system, request)
    return None


def quoted_chats(texts: Iterable[str]) -> list[str]:
    """What stands in texts of conversations with an assistant, from its first line to the end of the text.

    Nobody knows what in it is private, and a request that a client makes by itself may hold one, in words that
    `chore_answer` does not know.
    """
    return [found for text in texts if (found := _quoted_chat(text))]


def _quoted_chat(text: str) -> str:
    said = list(_SAID.finditer(text))
    listed = _LISTED.search(text)
    starts = [said[0].start()] if len(said) > 1 else []
    if listed is not None:
        starts.append(text.rfind("\n", 0, listed.start()) + 1)
    return text[min(starts) :].strip() if starts else ""


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
    return value if isinstance(value, str) and value else "-"


def _title(request: ChatRequest) -> str:
    """The first words that the user said in the conversation."""
    if request.before:
        said = [turn.text for turn in request.before if turn.role == "user"]
    else:
        quoted = _QUOTED.search(request.asked)
        lines = (quoted.group(2) if quoted else request.asked).splitlines()
        said = [_SPEAKER.sub("", line) for line in lines if _SPEAKER.match(line)] or lines
    words = next((line for line in map(str.strip, said) if line), "").split()
    return " ".join(words[:_TITLE_WORDS]) or "Chat"
