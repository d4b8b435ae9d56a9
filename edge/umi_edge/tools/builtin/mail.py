"""Mail: a Maildir to read, an outbox or an SMTP server to send with.

I5: docs/design.md#i5-third-party-tools-are-sinks
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.mail_composed import compose
from umi_edge.tools.builtin.mail_folders import StoredLetter, letters_in, natural
from umi_edge.tools.builtin.mail_message import Letter, parse
from umi_edge.tools.builtin.outbox import SmtpConfig, queue, submit
from umi_edge.tools.builtin.words import has_words
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.tool import Tool, tool

Line = Annotated[str, Field(min_length=1, max_length=320)]

_A_DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """Where mail is read, and how it is sent."""

    folder: Path
    """Maildirs, mbox files and .eml files, in any folders below it."""
    outbox: Path
    """A Maildir too; mail waits there when no SMTP server is configured."""
    smtp: SmtpConfig | None = None
    max_files: int = 5_000
    """The newest; older ones are not searched."""
    max_letter_bytes: int = 4 << 20
    """Of a larger letter the beginning is read: what it says stands before what is attached."""
    max_found: int = 50


class Mailbox:
    """The letters below one folder. Reading never moves nor flags a letter."""

    def __init__(self, config: MailConfig) -> None:
        self.config = config

    def _stored(self) -> list[StoredLetter]:
        """Every letter, the last that came first."""
        letters = letters_in(self.config.folder)
        return sorted(letters, key=lambda one: (one.arrival, natural(one.path.name), one.start), reverse=True)

    def messages(self) -> tuple[list[Letter], int]:
        """The letters, newest first, and how many files could not be read."""
        letters: list[tuple[float, Letter]] = []
        skipped = 0
        for stored in self._stored()[: self.config.max_files]:
            letter = self._letter(stored)
            if letter is None:
                skipped += 1
            else:
                letters.append((_moment(letter, stored), letter))
        letters.sort(key=lambda pair: pair[0], reverse=True)
        return [letter for _, letter in letters], skipped

    def read(self, identity: str) -> Letter:
        """The letter with that id: looked up among those there are, so that no id is ever a path."""
        for stored in self._stored():
            if stored.id == identity and (letter := self._letter(stored)) is not None:
                return letter
        raise ToolFailure(FailureKind.NOT_FOUND, "no readable message has that id")

    def _letter(self, stored: StoredLetter) -> Letter | None:
        content, _ = stored.head(self.config.max_letter_bytes)
        return parse(stored.id, content)


def _moment(letter: Letter, stored: StoredLetter) -> float:
    """When it was sent, in seconds since 1970; where it does not say, or says a time to come, when it arrived."""
    if letter.sent is None:
        return stored.arrival
    sent = letter.sent.timestamp()
    return sent if sent < max(stored.arrival, time.time()) + _A_DAY else stored.arrival


def tools(config: MailConfig) -> tuple[Tool, ...]:
    """`mail.search`, `mail.read` and `mail.send`."""
    mailbox = Mailbox(config)

    @tool(name="mail.search", source="builtin", read_only=True, returns=shapes.LETTERS)
    def search(
        query: Annotated[str, Field(min_length=1, max_length=300)], sender: Line | None = None
    ) -> JSON:
        """Find the user's e-mails that hold all of some words.

        Args:
            query: The words.
            sender: Only e-mails from this person or address.
        """
        letters, skipped = mailbox.messages()
        found = [
            {"id": letter.id, "from": letter.sender, "subject": letter.subject, "date": letter.date}
            for letter in letters
            if has_words(f"{letter.subject}\n{letter.sender}\n{letter.body}", query)
            and (sender is None or has_words(letter.sender, sender))
        ]
        return {"messages": found[: config.max_found], **({"skipped": skipped} if skipped else {})}

    @tool(name="mail.read", source="builtin", read_only=True, returns=shapes.LETTER)
    def read(id: Annotated[str, Field(min_length=1, max_length=300)]) -> JSON:  # noqa: A002
        """Read one of the user's e-mails.

        Args:
            id: The id of the e-mail, as mail.search gives it.
        """
        letter = mailbox.read(id)
        attached: list[JSON] = [{"name": one.name, "kind": one.kind} for one in letter.attachments]
        return {
            "id": letter.id,
            "from": letter.sender,
            "to": letter.to,
            "subject": letter.subject,
            "date": letter.date,
            "body": letter.body,
            **({"cc": letter.cc} if letter.cc else {}),
            **({"attachments": attached} if attached else {}),
        }

    # A letter cannot be called back. Through SMTP it also leaves the device at once (I5).
    @tool(
        name="mail.send",
        source="builtin",
        destructive=True,
        open_world=config.smtp is not None,
        returns=shapes.SENT,
        # A mail that was sent is read as any other, where a copy of it comes into the mailbox.
        stored_as={
            "to": ["mail.read: $.to"],
            "subject": [
                "mail.search: $.messages[*].subject",
                "mail.read: $.subject",
                "search.everywhere: $.hits[*].title",
            ],
            "body": ["mail.read: $.body"],
        },
    )
    def send(
        to: Line | Annotated[list[Line], Field(min_length=1, max_length=50)],
        subject: Annotated[str, Field(max_length=500)],
        body: str,
    ) -> JSON:
        """Send an e-mail from the user.

        Args:
            to: The e-mail address of the recipient, or a list of addresses.
            subject: What it is about.
            body: The text.
        """
        recipients = [to] if isinstance(to, str) else to
        sender = config.smtp.sender if config.smtp else ""
        letter = compose(to=recipients, subject=subject, body=body, sender=sender)
        if config.smtp is not None:
            submit(config.smtp, letter)
            return {"status": "sent"}
        queue(config.outbox, letter)
        return {"status": "queued"}

    return search, read, send
