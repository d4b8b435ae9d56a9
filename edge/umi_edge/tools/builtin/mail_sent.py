"""How a letter of the user's goes out, and where what it says is read back."""

from collections.abc import Mapping
from email.message import EmailMessage
from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin.mailbox import MailConfig
from umi_edge.tools.builtin.outbox import queue, submit
from umi_edge.tools.json_type import JSON

__all__ = ["STORED_AS", "Line", "Recipients", "listed", "sent"]

Line = Annotated[str, Field(min_length=1, max_length=320)]
Recipients = Line | Annotated[list[Line], Field(min_length=1, max_length=50)]

STORED_AS: Mapping[str, list[str]] = {
    # A mail that was sent is read as any other, where a copy of it comes into the mailbox.
    "to": ["mail.read: $.to"],
    "cc": ["mail.read: $.cc"],
    "subject": [
        "mail.search: $.messages[*].subject",
        "mail.read: $.subject",
        "search.everywhere: $.hits[*].title",
    ],
    "body": ["mail.read: $.body"],
}


def listed(recipients: str | list[str] | None) -> list[str]:
    """One address or several, as several."""
    return [recipients] if isinstance(recipients, str) else recipients or []


def sent(config: MailConfig, letter: EmailMessage) -> JSON:
    """Send a letter, or have it wait in the outbox. Raises `ToolFailure`."""
    if config.smtp is not None:
        submit(config.smtp, letter)
        return {"status": "sent"}
    queue(config.outbox, letter)
    return {"status": "queued"}
