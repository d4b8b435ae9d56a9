"""More of mail's tools: a search by anything, replies, letters sent on, and copies.

The embedded models were trained without them, so they are offered on request only.

I5: docs/design.md#i5-third-party-tools-are-sinks
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import getaddresses
from typing import Annotated, Self

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.contact import Contact
from umi_edge.tools.builtin.contacts import AddressBook
from umi_edge.tools.builtin.correspondent import Correspondent
from umi_edge.tools.builtin.day_spans import PastDays, Span, spans_of
from umi_edge.tools.builtin.mail_composed import address, compose
from umi_edge.tools.builtin.mail_message import Letter
from umi_edge.tools.builtin.mail_sent import STORED_AS, Line, Recipients, listed, own_address, sending, sent
from umi_edge.tools.builtin.mailbox import Mailbox
from umi_edge.tools.builtin.words import most_told, single_line, tells_of
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, Lost, Partial, ToolFailure
from umi_edge.tools.tool import Tool, tool

__all__ = ["more_tools"]

Id = Annotated[str, Field(min_length=1, max_length=300)]
Subject = Annotated[str, Field(max_length=500)]
_MAX_FOUND = 20
_LONGEST_SUBJECT = 480


def more_tools(mailbox: Mailbox, book: AddressBook | None = None) -> tuple[Tool, ...]:
    """`mail.search`, `mail.send`, `mail.reply` and `mail.forward`; people are known by what the address book has."""
    return _search(mailbox, book), _send(mailbox), _reply(mailbox), _forward(mailbox)


def _search(mailbox: Mailbox, book: AddressBook | None) -> Tool:
    @tool(name="mail.search", source="builtin", read_only=True, returns=shapes.MORE_LETTERS)
    def search(  # each is a way to find a letter
        query: Annotated[str, Field(min_length=1, max_length=300)] | None = None,
        sender: Line | None = None,
        recipient: Line | None = None,
        when: PastDays | None = None,
        unread: bool | None = None,
        attachments: bool | None = None,
    ) -> Partial:
        """Find the user's e-mails, the newest first; without arguments the newest of all.

        Args:
            query: Words that it holds.
            sender: Only e-mails from this person or address.
            recipient: Only e-mails to this person or address.
            when: The day, as YYYY-MM-DD, or the first and the last, as YYYY-MM-DD/YYYY-MM-DD.
            unread: Only those that are not read yet.
            attachments: Only those with files attached.
        """
        days = spans_of(when) if when else None
        letters, lost = mailbox.messages()
        by = Correspondent.of(sender, [letter.sender for letter in letters], book)
        to = Correspondent.of(recipient, [f"{letter.to} {letter.cc}" for letter in letters], book)
        letters = [
            letter
            for letter in letters
            if by.is_in(letter.sender)
            and to.is_in(f"{letter.to} {letter.cc}")
            and (days is None or _is_within(letter, days, mailbox))
            and (unread is None or letter.unread is unread)
            and (attachments is None or bool(letter.attachments) is attachments)
        ]
        letters.sort(key=lambda one: (not by.is_own(one.sender), not to.is_own(f"{one.to} {one.cc}")))
        about = _About.of(query, letters, book) if query is not None else _About(tuple(letters))
        people: list[JSON] = [one.name for one in dict.fromkeys((*by.people, *to.people, *about.people))]
        told: dict[str, JSON] = {
            "messages": [letter.as_found() for letter in about.letters[:_MAX_FOUND]],
            **({"taken_for": people} if people else {}),
        }
        return Partial.counted(told, (*lost, *(by.lost or to.lost or about.lost)))

    return search


@dataclass(frozen=True, slots=True)
class _About:
    """The letters that words mean: that tell of all of them, else from whom they mean, else that tell of the most."""

    letters: tuple[Letter, ...] = field(repr=False)
    people: tuple[Contact, ...] = field(default=(), repr=False)
    """Whom the address book takes the words for, where no letter tells of them all."""
    lost: tuple[Lost, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, query: str, letters: Sequence[Letter], book: AddressBook | None) -> Self:
        texts = [f"{one.subject}\n{one.sender}\n{one.body}" for one in letters]
        told = most_told(texts, query)
        if any(tells_of(texts[place], query) for place in told[:1]):
            by = Correspondent.of(query, [one.sender for one in letters], book)
            own = [place for place, one in enumerate(letters) if by.people and by.is_own(one.sender)]
            places = dict.fromkeys((*own, *told))
            return cls(tuple(letters[place] for place in places), by.people if own else (), by.lost)
        by = Correspondent.of(query, (), book)
        theirs = tuple(letter for letter in letters if by.people and by.is_in(letter.sender))
        if theirs:
            return cls(theirs, by.people, by.lost)
        return cls(tuple(letters[place] for place in told), lost=by.lost)


def _is_within(letter: Letter, spans: Sequence[Span], mailbox: Mailbox) -> bool:
    """Whether it was sent on one of the days; one that does not say when, was not."""
    if letter.sent is None:
        return False
    day = letter.sent.astimezone(mailbox.config.zone).date()
    return any(span.first <= day and (span.last is None or day <= span.last) for span in spans)


def _send(mailbox: Mailbox) -> Tool:
    @sending(mailbox.config, "mail.send", STORED_AS)
    def send(to: Recipients, subject: Subject, body: str, cc: Recipients | None = None) -> JSON:
        """Send an e-mail from the user.

        Args:
            to: The e-mail address of the recipient, or a list of addresses.
            subject: What it is about.
            body: The text.
            cc: Who gets a copy.
        """
        letter = compose(
            to=listed(to), cc=listed(cc), subject=subject, body=body, sender=own_address(mailbox.config)
        )
        return sent(mailbox.config, letter)

    return send


def _reply(mailbox: Mailbox) -> Tool:
    stored_as = {"id": [], "to": STORED_AS["to"], "body": STORED_AS["body"]}  # the id chooses a letter

    @sending(mailbox.config, "mail.reply", stored_as)
    def reply(id: Id, to: Line, body: str) -> JSON:  # noqa: A002
        """Reply to an e-mail, to the one who sent it.

        Args:
            id: The id of the e-mail, as mail.search gives it.
            to: Who sent it, as mail.search or mail.read gives it.
            body: The text.
        """
        # Whoever is written to stands in the call, so that the user is asked about them and not about an id.
        letter, _ = mailbox.read(id)
        senders = {one.casefold() for _, one in getaddresses([letter.sender]) if one}
        if address(to).addr_spec.casefold() not in senders:
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "the message is not from that address")
        answer = compose(
            to=[to],
            subject=_titled("Re", letter.subject),
            body=body,
            sender=own_address(mailbox.config),
            answers=letter.thread,
        )
        return sent(mailbox.config, answer)

    return reply


def _forward(mailbox: Mailbox) -> Tool:
    # The id chooses a letter, whose text is then read back as it was before.
    @sending(mailbox.config, "mail.forward", {"id": [], **STORED_AS})
    def forward(
        id: Id,  # noqa: A002
        subject: Subject,
        to: Recipients,
        body: str = "",
        cc: Recipients | None = None,
    ) -> JSON:
        """Send an e-mail on to somebody else, with all that it says and the files attached to it.

        Args:
            id: The id of the e-mail, as mail.search gives it.
            subject: Its subject, as mail.search gives it.
            to: The e-mail address of the recipient, or a list of addresses.
            body: What to say before it.
            cc: Who gets a copy.
        """
        # The subject tells the user, who is asked, which letter it is: an id tells nobody.
        letter, is_cut = mailbox.read(id)
        if is_cut:
            raise ToolFailure(FailureKind.TOO_LARGE, "the message is too large to be sent on")
        if subject != letter.subject:
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "the message has another subject")
        onward = compose(
            to=listed(to),
            cc=listed(cc),
            subject=_titled("Fwd", letter.subject),
            body="\n".join([*([body.rstrip(), ""] if body.strip() else []), *_head(letter), "", letter.body]),
            sender=own_address(mailbox.config),
            enclosed=letter.attachments,
        )
        return sent(mailbox.config, onward)

    return forward


def _titled(mark: str, subject: str) -> str:
    """The subject of a letter that answers one with this subject, or hands it on.

    >>> _titled("Re", "Boiler"), _titled("Re", "RE: Boiler")
    ('Re: Boiler', 'RE: Boiler')
    """
    plain = "".join(c for c in subject if single_line(c))[:_LONGEST_SUBJECT]
    return plain if plain.casefold().startswith(f"{mark.casefold()}:") else f"{mark}: {plain}"


def _head(letter: Letter) -> list[str]:
    said = {
        "From": letter.sender,
        "Date": letter.date,
        "Subject": letter.subject,
        "To": letter.to,
        "Cc": letter.cc,
    }
    return [
        "---------- Forwarded message ----------",
        *(f"{name}: {text}" for name, text in said.items() if text),
    ]
