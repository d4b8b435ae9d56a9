"""A letter: one e-mail, read from bytes that strangers wrote, or composed so that it is well formed."""

import email
import email.policy
import html
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parsedate_to_datetime

from umi_edge.tools.builtin.words import single_line
from umi_edge.tools.outcome import FailureKind, ToolFailure

_ADDRESS = re.compile(
    r"(?:(?P<name>[^<>@\"]*)<)?(?P<user>[^\s<>@,;:\"()\[\]\\]+)@(?P<domain>[^\s<>@,;:\"()\[\]\\]+)>?"
)
_BODY_CHARACTERS = 64 << 10
_HEADER_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What the mail tools show of one e-mail."""

    id: str = field(repr=False)
    sender: str = field(repr=False)
    to: str = field(repr=False)
    subject: str = field(repr=False)
    date: str | None = field(repr=False)
    body: str = field(repr=False)


def parse(identity: str, content: bytes) -> Letter | None:
    """The letter in one file, or None when it does not parse as an e-mail."""
    # The standard parser takes minutes for a stranger's megabytes of header.
    headers = re.search(rb"\r?\n\r?\n", content[:_HEADER_BYTES])
    if b"\x00" in content[:4096] or (headers is None and len(content) > _HEADER_BYTES):
        return None
    try:
        message = email.message_from_bytes(content, policy=email.policy.default)
        if not any(message[name] for name in ("From", "Subject", "Date")):
            return None
        return Letter(
            id=identity,
            sender=_header(message, "From"),
            to=_header(message, "To"),
            subject=_header(message, "Subject"),
            date=_date(message),
            body=_body(message)[:_BODY_CHARACTERS],
        )
    except Exception:  # the standard parser raises half a dozen types on malformed headers
        return None


def _header(message: EmailMessage, name: str) -> str:
    return " ".join(_clean(str(message[name] or "")).split())


def _clean(text: str) -> str:
    """`text` as UTF-8 can carry it: undecodable bytes come from the parser as surrogates."""
    return text.encode("utf-8", "replace").decode()


def _date(message: EmailMessage) -> str | None:
    try:
        return parsedate_to_datetime(str(message["Date"])).isoformat()
    except (TypeError, ValueError):
        return None


def _body(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except (LookupError, UnicodeError):  # a charset that does not exist
        payload = part.get_payload(decode=True)
        text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    text = text.replace("\r\n", "\n")
    return _clean(_without_tags(text) if part.get_content_subtype() == "html" else text)


def _without_tags(text: str) -> str:
    r"""The text of an HTML page, in time proportional to its length.

    Not html.parser: a stranger's megabyte of `<a <a <a` keeps it busy for minutes.

    >>> _without_tags("<style>p {}</style><p>1 &lt; 2</p><p>so <b>there</b></p>")
    '1 < 2\n\nso there'
    """
    first, *pieces = text.split("<")
    parts, hidden = [first], ""
    for piece in pieces:
        tag, _, data = piece.partition(">")
        name = re.split(r"[\s/>]", tag.lower().lstrip("/"), maxsplit=1)[0][:20]
        if hidden:
            hidden = "" if tag.startswith("/") and name == hidden else hidden
        elif name in ("script", "style", "head") and not tag.startswith("/"):
            hidden = name
        if not hidden:
            parts += ["\n" if name in ("br", "p", "div", "tr", "li") else "", data]
    return re.sub(r"\n\s*\n", "\n\n", html.unescape("".join(parts))).strip()


def compose(*, to: list[str], subject: str, body: str, sender: str) -> EmailMessage:
    """A new e-mail. Raises `ToolFailure` when a recipient is not one address, or the subject not one line.

    Covered: header injection. Addresses are parsed and rebuilt, a subject with any control
    character is refused, and the policy refuses a line break in a header once more.
    """
    if not single_line(subject):
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "a subject is one line of text")
    message = EmailMessage(policy=email.policy.SMTP)
    if sender:
        message["From"] = address(sender)
    message["To"] = [address(one) for one in to]
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    # Not make_msgid(): it would put the laptop's name into every letter.
    message["Message-ID"] = f"<{secrets.token_hex(16)}@umi.invalid>"
    message.set_content(_clean(body))
    return message


def address(text: str) -> Address:
    """The one address in `text`: `user@host` or `Name <user@host>`."""
    match = _ADDRESS.fullmatch(text.strip())
    bracketed = match is not None and match["name"] is not None
    if match is None or not single_line(text) or bracketed != text.strip().endswith(">"):
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "a recipient is not one e-mail address")
    try:
        domain = match["domain"].encode("idna").decode()
        return Address((match["name"] or "").strip(), match["user"].encode("ascii").decode(), domain)
    except (UnicodeError, ValueError, IndexError):
        raise ToolFailure(
            FailureKind.INVALID_ARGUMENTS, "an address is not one that mail can go to"
        ) from None
