"""The text of a letter's parts, and the names of what is attached to it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message

from umi_edge.tools.builtin.card_text import unescaped
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


def attachments(message: Message) -> tuple[Attachment, ...]:
    """What is attached, in order: all parts with a name, and those that are no text."""
    found = []
    for count, part in enumerate(message.walk()):
        if count > _MAX_PARTS:
            break
        kind = part.get_content_type()
        name = _name(part)
        if kind.startswith("multipart/") or (part is message and not name):
            continue
        if name or not kind.startswith(("text/", "message/")) or _is_attached(part):
            found.append(Attachment(name=name or kind, kind=kind))
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
    """What an invitation says, a line each."""
    properties = dict(_properties(re.sub(r"\r?\n[ \t]", "", text)))
    names = {"SUMMARY": "Invitation", "DTSTART": "Start", "DTEND": "End", "LOCATION": "Place"}
    lines = [f"{name}: {_moment(properties[key])}" for key, name in names.items() if key in properties]
    if "ORGANIZER" in properties:
        lines.append(f"Organizer: {re.sub('^mailto:', '', properties['ORGANIZER'], flags=re.IGNORECASE)}")
    if "DESCRIPTION" in properties:
        lines += ["", properties["DESCRIPTION"]]
    return "\n".join(lines)


def _properties(text: str) -> Iterator[tuple[str, str]]:
    """The properties of the first event of an iCalendar text."""
    event = text.partition("BEGIN:VEVENT")[2].partition("END:VEVENT")[0]
    for one in event.splitlines():
        found = re.match(r"([A-Za-z-]{1,40})(?:;(?:\"[^\"]*\"|[^\":])*)?:(.*)", one)
        if found:
            yield found[1].upper(), unescaped(found[2])


def _moment(text: str) -> str:
    """A moment of iCalendar as people write it; other text as it is.

    >>> _moment("20261123T100000Z"), _moment("20261123"), _moment("Dentist")
    ('2026-11-23 10:00 UTC', '2026-11-23', 'Dentist')
    """
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?", text)
    if not found:
        return text
    day = f"{found[1]}-{found[2]}-{found[3]}"
    return f"{day} {found[4]}:{found[5]}{' UTC' if found[6] else ''}" if found[4] else day
