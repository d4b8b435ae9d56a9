"""A letter: one e-mail, read from bytes that strangers wrote."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, message_from_string
from email.message import Message
from email.policy import Compat32

from umi_edge.tools.builtin.mail_body import Attachment, attachments, text_of
from umi_edge.tools.builtin.mail_header import addresses, decoded, line, when
from umi_edge.tools.json_type import JSON

__all__ = ["Letter", "parse"]

_BODY_CHARACTERS = 64 << 10
_HEADER_BYTES = 64 << 10
_MAX_BOUNDARIES = 500
"""The standard parser compares every line with every boundary that is open."""
_MANY_BOUNDARIES = 40
_PARTED_BYTES = 4 << 20
"""How much is read of a letter with that many."""
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_MAX_THREAD = 20
_NAMES = ("From", "Subject", "Date", "To", "Message-ID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What the mail tools show of one e-mail."""

    id: str = field(repr=False)
    sender: str = field(repr=False)
    to: str = field(repr=False)
    cc: str = field(repr=False)
    subject: str = field(repr=False)
    sent: datetime | None = field(repr=False)
    body: str = field(repr=False)
    attachments: tuple[Attachment, ...] = field(repr=False)
    thread: tuple[str, ...] = field(default=(), repr=False)
    """The Message-IDs of the conversation up to it, its own last."""
    unread: bool = False
    source: str = field(default="", repr=False)
    """Where it is from, where there is more than one such place."""

    @property
    def date(self) -> str | None:
        """When it was sent, in ISO 8601; None when it does not say."""
        return self.sent.isoformat() if self.sent else None

    def as_found(self) -> dict[str, JSON]:
        """What a search tells of it."""
        return {
            "id": self.id,
            "from": self.sender,
            "subject": self.subject,
            "date": self.date,
            **({"source": self.source} if self.source else {}),
        }


class _Raw(Compat32):
    """Header lines as they stand: the parser's own reading of a stranger's lines raises half a dozen errors."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value


_RAW = _Raw()


def parse(identity: str, content: bytes, *, attached: bool = False) -> Letter | None:
    """The letter in `content`, which may end early, or None when it is no e-mail.

    `attached`: with the bytes of what is attached.
    """
    content = _without_mark(content)
    # The standard parser takes minutes for a stranger's megabytes of header.
    end = re.search(rb"\r?\n\r?\n|\Z", content[:_HEADER_BYTES])
    if end is None or (end.start() == end.end() and len(content) > _HEADER_BYTES):
        return None
    try:
        boundaries = content.lower().count(b"boundary=")
        if boundaries > _MAX_BOUNDARIES:
            raise ValueError("more parts in parts than a letter has")
        if boundaries > _MANY_BOUNDARIES:
            content = content[:_PARTED_BYTES]
        message: Message = message_from_bytes(content, policy=_RAW)
        body, files = text_of(message), attachments(message, content=attached)
    except (RecursionError, LookupError, TypeError, ValueError, AttributeError):
        # Parts that no parser takes apart: the head, and the rest as it stands.
        head, rest = content[: end.start()], content[end.end() :]
        message = message_from_string(head.decode("ascii", "surrogateescape"), policy=_RAW)
        body, files = decoded(rest[:_BODY_CHARACTERS], None).replace("\r\n", "\n"), ()
    if not any(message[name] for name in _NAMES):
        return None
    return Letter(
        id=identity,
        sender=addresses(message["From"]),
        to=addresses(message["To"]),
        cc=addresses(message["Cc"]),
        subject=line(message["Subject"]),
        sent=when(message["Date"]),
        body=body[:_BODY_CHARACTERS],
        attachments=files,
        thread=_thread(message),
    )


def _thread(message: Message) -> tuple[str, ...]:
    own = _MESSAGE_ID.findall(str(message["Message-ID"] or ""))[:1]
    before = _MESSAGE_ID.findall(str(message["References"] or message["In-Reply-To"] or ""))
    return (*[one for one in before if one not in own][-_MAX_THREAD:], *own) if own else ()


def _without_mark(content: bytes) -> bytes:
    """The letter without what stands before its first header line: a byte order mark, blanks, an mbox file's line."""
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if content.startswith(b"From "):
        content = content.partition(b"\n")[2]
    return content
