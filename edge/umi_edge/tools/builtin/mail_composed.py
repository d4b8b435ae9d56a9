"""A letter that the user sends: composed so that it is well formed and goes to nobody else."""

import re
import secrets
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from umi_edge.tools.builtin.words import single_line
from umi_edge.tools.outcome import FailureKind, ToolFailure

__all__ = ["address", "compose"]

_ADDRESS = re.compile(
    r"""(?:(?P<name>\s*"(?:[^"\\]|\\.)*"\s*|[^"<>@\\]*)<)?  # a name may hold anything, in quotes
    (?P<user>[^\s<>@,;:"()\[\]\\]+)@(?P<domain>[^\s<>@,;:"()\[\]\\]+)(?P<end>>?)""",
    re.VERBOSE,
)


def compose(*, to: list[str], subject: str, body: str, sender: str) -> EmailMessage:
    """A new e-mail. Raises `ToolFailure` when a recipient is not one address, or the subject not one line.

    Covered: header injection. Addresses are parsed and rebuilt, a subject with any control
    character is refused, and the policy refuses a line break in a header once more.
    """
    if not single_line(subject):
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "a subject is one line of text")
    message = EmailMessage(policy=SMTP)
    if sender:
        message["From"] = address(sender)
    message["To"] = [address(one) for one in to]
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    # Not make_msgid(): it would put the laptop's name into every letter.
    message["Message-ID"] = f"<{secrets.token_hex(16)}@umi.invalid>"
    message.set_content(body.encode("utf-8", "replace").decode())
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
