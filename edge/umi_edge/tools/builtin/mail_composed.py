"""A letter that the user sends: composed so that it is well formed and goes to nobody else."""

import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from umi_edge.tools.builtin.mail_body import Attachment
from umi_edge.tools.builtin.words import single_line
from umi_edge.tools.outcome import FailureKind, ToolFailure

__all__ = ["address", "compose"]

_KIND = re.compile(r"(?:application|audio|font|image|video)/[a-z0-9][a-z0-9.+-]{0,100}")
"""The media types that a file keeps; a text is sent as a plain file, so that no letter's claim of a charset counts."""

_ADDRESS = re.compile(
    r"""(?:(?P<name>\s*"(?:[^"\\]|\\.)*"\s*|[^"<>@\\]*)<)?  # a name may hold anything, in quotes
    (?P<user>[^\s<>@,;:"()\[\]\\]+)@(?P<domain>[^\s<>@,;:"()\[\]\\]+)(?P<end>>?)""",
    re.VERBOSE,
)


def compose(  # each is a part of a letter
    *,
    to: Sequence[str],
    subject: str,
    body: str,
    sender: str,
    cc: Sequence[str] = (),
    answers: Sequence[str] = (),
    enclosed: Sequence[Attachment] = (),
) -> EmailMessage:
    """A new e-mail; `answers` are the Message-IDs of the letters before it, the last one that it is a reply to.

    Raises `ToolFailure` when a recipient is not one address, or the subject not one line.

    Covered: header injection. Addresses are parsed and rebuilt, a subject with any control
    character is refused, and the policy refuses a line break in a header once more.
    """
    if not single_line(subject):
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "a subject is one line of text")
    message = EmailMessage(policy=SMTP)
    if sender:
        message["From"] = address(sender)
    message["To"] = [address(one) for one in to]
    if cc:
        message["Cc"] = [address(one) for one in cc]
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    # Not make_msgid(): it would put the laptop's name into every letter.
    message["Message-ID"] = f"<{secrets.token_hex(16)}@umi.invalid>"
    if answers:
        message["In-Reply-To"] = answers[-1]
        message["References"] = " ".join(answers)
    message.set_content(body.encode("utf-8", "replace").decode())
    for one in enclosed:
        if one.content is None:  # it is shown in the text
            continue
        main, _, sub = (one.kind if _KIND.fullmatch(one.kind) else "application/octet-stream").partition("/")
        name = "".join(c for c in one.name if single_line(c))
        message.add_attachment(one.content, maintype=main, subtype=sub, filename=name or "attachment")
    return message


def address(text: str) -> Address:
    """The one address in `text`: `user@host`, or `Name <user@host>` with the name as any letter's sender has it.

    A name that looks like an address of its own must stand in quotes.

    >>> address('"Müller, Uwe" <uwe@example.org>').addr_spec, address("Berg, Ida <ida@example.org>").display_name
    ('uwe@example.org', 'Berg, Ida')
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or not single_line(text) or (match["name"] is None) == bool(match["end"]):
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "a recipient is not one e-mail address")
    name = (match["name"] or "").strip()
    if name.startswith('"') and name.endswith('"') and len(name) > 1:
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    try:
        domain = match["domain"].encode("idna").decode()
        return Address(name, match["user"].encode("ascii").decode(), domain)
    except (UnicodeError, ValueError, IndexError):
        raise ToolFailure(
            FailureKind.INVALID_ARGUMENTS, "an address is not one that mail can go to"
        ) from None
