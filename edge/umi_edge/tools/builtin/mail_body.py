"""The text of a letter's parts, and the names of what is attached to it."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from typing import Any

from umi_edge.tools.builtin.calendar_file import CalendarFile
from umi_edge.tools.builtin.html_text import html_text
from umi_edge.tools.builtin.mail_header import addresses, decoded, line

__all__ = ["Attachment", "attachments", "text_of"]

_MAX_DEPTH = 30
_MAX_PARTS = 500
_MAX_TEXT_BYTES = 1 << 20
_CONTAINERS = ("multipart/", "message/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file that came with a letter."""

    name: str = field(repr=False)
    kind: str = field(repr=False)
    """Its media type, as the letter says."""
    content: bytes | None = field(default=None, repr=False)
    """Its bytes; None where they were not asked for, or it is shown in the letter's text."""


def text_of(message: Message, depth: int = 0) -> str:
    """All that a reader of the letter would read: every text, forwarded letters and invitations too.

    Of alternatives the plain text, unless it is blank; a page is read as text.
    """
    kind = message.get_content_type()
    if depth > _MAX_DEPTH:
        return ""
    if kind == "message/rfc822":
        return "\n\n".join(_forwarded(inner, depth) for inner in _children(message))
    if kind == "multipart/alternative":
        return _alternative(message, depth)
    if message.is_multipart():
        texts = (text_of(part, depth + 1) for part in _children(message) if not _is_attached(part))
        return "\n\n".join(text for text in texts if text.strip())
    if kind == "text/calendar":
        return _invitation(_text(message))
    if kind == "text/html":
        return html_text(_text(message))
    if kind.startswith(("text/", *_CONTAINERS)):
        # A multipart letter that is none, whose boundary is lost say, is text too: somebody can read it.
        return _text(message)
    return ""


def attachments(message: Message, *, content: bool = False) -> tuple[Attachment, ...]:
    """What is attached, in order: all parts with a name, and those that are no text; with their bytes on request."""
    found = []
    for count, part in enumerate(message.walk()):
        if count > _MAX_PARTS:
            break
        kind = part.get_content_type()
        name = _name(part)
        if kind.startswith("multipart/") or (part is message and not name):
            continue
        if name or not kind.startswith(("text/", "message/")) or _is_attached(part):
            shown = kind.startswith(("text/", "message/")) and not _is_attached(part)
            held = part.get_payload(decode=True) if content and not shown else None
            file = held if isinstance(held, bytes) else None
            found.append(Attachment(name=name or kind, kind=kind, content=file))
    return tuple(found)


def _children(message: Message) -> list[Message]:
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" and part.get_content_type() != "message/rfc822"


def _name(part: Message) -> str:
    try:
        return line(part.get_filename())[:255]
    except (LookupError, TypeError, ValueError):  # a name in a charset that does not exist
        return ""


def _alternative(message: Message, depth: int) -> str:
    """The first text that says something, plain before HTML, and the invitation that goes with it."""
    parts = [part for part in _children(message) if not _is_attached(part)]
    order = {"text/plain": 0, "text/html": 2, "text/calendar": 3}
    ranked = sorted(parts, key=lambda part: order.get(part.get_content_type(), 1))
    texts = (text_of(part, depth + 1) for part in ranked)
    chosen = next((text for text in texts if text.strip()), "")
    invitations = [text_of(part) for part in parts if part.get_content_type() == "text/calendar"]
    return "\n\n".join([chosen, *(text for text in invitations if text != chosen)]).strip("\n")


def _forwarded(message: Message, depth: int) -> str:
    head = [
        f"From: {addresses(message['From'])}",
        f"Date: {line(message['Date'])}",
        f"Subject: {line(message['Subject'])}",
    ]
    return "\n".join(head) + "\n\n" + text_of(message, depth + 1)


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else str(part.get_payload()).encode("utf-8", "replace")
    content = content[:_MAX_TEXT_BYTES]
    charset = part.get_content_charset()
    if charset is None and part.get_content_type() == "text/html":
        named = re.search(rb"charset=[\"']?([\w-]{2,40})", content[:2048], re.IGNORECASE)
        charset = named[1].decode() if named else None
    text = decoded(content, charset).replace("\r\n", "\n").replace("\x00", "\ufffd")
    text = text.encode("utf-8", "replace").decode()
    if str(part.get_param("format", "")).lower() == "flowed":
        return _unfolded(text, joins=str(part.get_param("delsp", "")).lower() == "yes")
    return text


def _unfolded(text: str, *, joins: bool) -> str:
    r"""Flowed text (RFC 3676) with its lines as long as its writer wrote them.

    >>> _unfolded("one \ntwo\n-- \nBo", joins=False)
    'one two\n-- \nBo'
    """
    paragraphs: list[list[str]] = []
    flows = False
    for one in text.split("\n"):
        piece = one.removeprefix(" ")
        if not flows:
            paragraphs.append([])
        flows = piece.endswith(" ") and piece != "-- "
        paragraphs[-1].append(piece[:-1] if flows and joins else piece)
    return "\n".join("".join(pieces) for pieces in paragraphs)


def _invitation(text: str) -> str:
    """What the first event of an invitation says, a line each."""
    file = CalendarFile.parsed(text.encode())
    event = next((series.entries[0].component for series in file.series if series.kind == "VEVENT"), None)
    if event is None:
        return ""
    names = {"SUMMARY": "Invitation", "DTSTART": "Start", "DTEND": "End", "LOCATION": "Place"}
    lines = [f"{name}: {_as_text(event[key])}" for key, name in names.items() if key in event]
    if "ORGANIZER" in event:
        lines.append(f"Organizer: {re.sub('^mailto:', '', str(event['ORGANIZER']), flags=re.IGNORECASE)}")
    if "DESCRIPTION" in event:
        lines += ["", _as_text(event["DESCRIPTION"])]
    return "\n".join(lines)


def _as_text(value: Any) -> str:
    """A property of an event as people write it: a moment with its day first, UTC where it says so."""
    moment = getattr(value, "dt", None)
    if isinstance(moment, datetime):
        return f"{moment:%Y-%m-%d %H:%M}{' UTC' if moment.tzname() == 'UTC' else ''}"
    return str(moment or value)
