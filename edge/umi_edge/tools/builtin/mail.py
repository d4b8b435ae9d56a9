"""Mail's tools: a mailbox to read, an outbox or an SMTP server to send with.

I5: docs/design.md#i5-third-party-tools-are-sinks
"""

from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.contacts import AddressBook
from umi_edge.tools.builtin.converter import Converter
from umi_edge.tools.builtin.mail_attachments import attached_texts
from umi_edge.tools.builtin.mail_composed import compose
from umi_edge.tools.builtin.mail_more import more_tools
from umi_edge.tools.builtin.mail_sent import STORED_AS, Line, Recipients, listed, own_address, sending, sent
from umi_edge.tools.builtin.mailbox import Mailbox, MailConfig
from umi_edge.tools.builtin.words import has_words, tells_of
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import Lost, Partial
from umi_edge.tools.tool import Tool, tool

__all__ = ["MailConfig", "Mailbox", "tools"]


def tools(
    mailbox: Mailbox, converter: Converter, *, more: bool = False, book: AddressBook | None = None
) -> tuple[Tool, ...]:
    """`mail.search`, `mail.read` and `mail.send`; the converter reads what is attached.

    With `more` the first and the last take more, two come on top, and people are looked up in the address book.
    """
    if more:
        search, *sending = more_tools(mailbox, book)
        return search, _read(mailbox, converter), *sending
    return _search(mailbox), _read(mailbox, converter), _send(mailbox.config)


def _search(mailbox: Mailbox) -> Tool:
    @tool(name="mail.search", source="builtin", read_only=True, returns=shapes.LETTERS)
    def search(
        query: Annotated[str, Field(min_length=1, max_length=300)], sender: Line | None = None
    ) -> Partial:
        """Find the user's e-mails that hold all of some words.

        Args:
            query: The words.
            sender: Only e-mails from this person or address.
        """
        letters, lost = mailbox.messages()
        found: list[JSON] = [
            letter.as_found()
            for letter in letters
            if tells_of(f"{letter.subject}\n{letter.sender}\n{letter.body}", query)
            and (sender is None or has_words(letter.sender, sender))
        ]
        return Partial.counted({"messages": found[: mailbox.config.max_found]}, lost)

    return search


def _read(mailbox: Mailbox, converter: Converter) -> Tool:
    @tool(name="mail.read", source="builtin", read_only=True, returns=shapes.LETTER)
    def read(id: Annotated[str, Field(min_length=1, max_length=300)]) -> Partial:  # noqa: A002
        """Read one of the user's e-mails.

        Args:
            id: The id of the e-mail, as mail.search gives it.
        """
        letter, is_cut = mailbox.read(id)
        attached, lost = attached_texts(letter.attachments, converter)
        if is_cut:
            limit = mailbox.config.max_read_bytes >> 20
            lost = (*lost, Lost(letter.subject or "the letter", f"only its first {limit} MiB are read"))
        told: dict[str, JSON] = {
            "id": letter.id,
            "from": letter.sender,
            "to": letter.to,
            "subject": letter.subject,
            "date": letter.date,
            "body": letter.body,
            **({"source": letter.source} if letter.source else {}),
            **({"cc": letter.cc} if letter.cc else {}),
            **({"attachments": attached} if attached else {}),
        }
        return Partial(told, lost)

    return read


def _send(config: MailConfig) -> Tool:
    @sending(config, "mail.send", {part: STORED_AS[part] for part in ("to", "subject", "body")})
    def send(to: Recipients, subject: Annotated[str, Field(max_length=500)], body: str) -> JSON:
        """Send an e-mail from the user.

        Args:
            to: The e-mail address of the recipient, or a list of addresses.
            subject: What it is about.
            body: The text.
        """
        letter = compose(to=listed(to), subject=subject, body=body, sender=own_address(config))
        return sent(config, letter)

    return send
