"""How a letter of the user's goes out, and where what it says is read back."""

from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Annotated, Any

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.mailbox import MailConfig
from umi_edge.tools.builtin.outbox import queue, submit
from umi_edge.tools.json_type import JSON
from umi_edge.tools.tool import Tool, tool

__all__ = ["STORED_AS", "Line", "Recipients", "listed", "own_address", "sending", "sent"]

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


def own_address(config: MailConfig) -> str:
    """Whom a letter is from; empty where only the outbox knows."""
    return config.smtp.sender if config.smtp else ""


def sending(
    config: MailConfig, name: str, stored_as: Mapping[str, list[str]]
) -> Callable[[Callable[..., Any]], Tool]:
    """Makes a tool of a function that sends a letter: it cannot be called back, and through SMTP it leaves the device.

    I5: docs/design.md#i5-third-party-tools-are-sinks
    """
    return tool(
        name=name,
        source="builtin",
        destructive=True,
        open_world=config.smtp is not None,
        returns=shapes.SENT,
        stored_as=stored_as,
    )


def sent(config: MailConfig, letter: EmailMessage) -> JSON:
    """Send a letter, or have it wait in the outbox. Raises `ToolFailure`."""
    if config.smtp is not None:
        submit(config.smtp, letter)
        return {"status": "sent"}
    queue(config.outbox, letter)
    return {"status": "queued"}
