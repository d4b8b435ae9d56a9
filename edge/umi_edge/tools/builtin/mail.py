"""Mail: a Maildir to read, an outbox or an SMTP server to send with.

I5: docs/design.md#i5-third-party-tools-are-sinks
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.folder import read_regular
from umi_edge.tools.builtin.mail_message import Letter, compose, parse
from umi_edge.tools.builtin.outbox import SmtpConfig, queue, submit
from umi_edge.tools.builtin.words import has_words
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.tool import Tool, tool

Line = Annotated[str, Field(min_length=1, max_length=320)]

# A colon cannot be in a Windows file name: mail programs there write another character.
_FLAGS = ":" if os.name != "nt" else "!"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """Where mail is read, and how it is sent."""

    folder: Path
    """A Maildir."""
    outbox: Path
    """A Maildir too; mail waits there when no SMTP server is configured."""
    smtp: SmtpConfig | None = None
    max_files: int = 5_000
    """The newest; older ones are not searched."""
    max_file_bytes: int = 4 << 20
    max_found: int = 50


class Mailbox:
    """The letters of one Maildir and its subfolders. Reading never moves nor flags a letter."""

    def __init__(self, config: MailConfig) -> None:
        self.config = config

    def _paths(self) -> list[tuple[str, Path]]:
        """Id and path of each letter, newest first: a Maildir name begins with the time of arrival."""
        paths = [(path.name.partition(_FLAGS)[0], path) for path in self._files()]
        return sorted(paths, key=lambda pair: pair[0], reverse=True)

    def _files(self) -> Iterator[Path]:
        folder = self.config.folder
        subfolders = sorted(folder.glob(".*")) if folder.is_dir() else []
        for parent in (folder, *subfolders):
            for kind in ("cur", "new"):
                if (parent / kind).is_dir():
                    yield from (path for path in (parent / kind).iterdir() if not path.name.startswith("."))

    def messages(self) -> tuple[list[Letter], int]:
        """The letters, newest first, and how many files could not be read."""
        letters: list[Letter] = []
        skipped = 0
        for identity, path in self._paths()[: self.config.max_files]:
            letter = parse(identity, read_regular(path, self.config.max_file_bytes) or b"")
            if letter is None:
                skipped += 1
            else:
                letters.append(letter)
        return letters, skipped

    def read(self, identity: str) -> Letter:
        """The letter with that id: looked up among those there are, so that no id is ever a path."""
        for known, path in self._paths():
            if known == identity:
                letter = parse(identity, read_regular(path, self.config.max_file_bytes) or b"")
                if letter is not None:
                    return letter
        raise ToolFailure(FailureKind.NOT_FOUND, "no readable message has that id")


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
        return {
            "id": letter.id,
            "from": letter.sender,
            "to": letter.to,
            "subject": letter.subject,
            "date": letter.date,
            "body": letter.body,
        }

    # A letter cannot be called back. Through SMTP it also leaves the device at once (I5).
    @tool(
        name="mail.send",
        source="builtin",
        destructive=True,
        open_world=config.smtp is not None,
        returns=shapes.SENT,
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
