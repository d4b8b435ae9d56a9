"""Contacts: a folder of vCards, as address books synchronise them."""

import os
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, BinaryIO

import vobject
from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.card_change import CardChange, changed_cards
from umi_edge.tools.builtin.contact import Contact, contact_of
from umi_edge.tools.builtin.copied_folder import CopiedFolder, beside, gaps_of_copies, source_of
from umi_edge.tools.builtin.folder import Entry, Folder, Signature, is_settled, signature_of
from umi_edge.tools.builtin.found_contacts import found
from umi_edge.tools.builtin.vcard import read_cards
from umi_edge.tools.builtin.words import folded, single_line
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, Lost, Partial, ToolFailure
from umi_edge.tools.record import Record, Sourced
from umi_edge.tools.tool import Tool, tool

__all__ = ["AddressBook", "Contents", "ContactsConfig", "tools"]

_SUFFIXES = (".vcf", ".vcard")
_MAX_CHANGED_BYTES = 64 << 20
_MEND = "mend or delete it there, or export the address book anew"

Name = Annotated[str, Field(min_length=1, max_length=200)]
Line = Annotated[str, Field(max_length=200)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactsConfig:
    """Where the vCards are."""

    folder: Path
    copies: tuple[CopiedFolder, ...] = field(default=(), repr=False)
    """What was fetched from servers, in it or beside it; nothing is written there."""
    max_files: int = 50_000
    max_file_bytes: int = 1 << 30
    """The largest file that is read, in bytes. A file may hold a whole address book, so the limit on a card counts."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in an address book, and what of it could not be read."""

    contacts: tuple[Contact, ...] = field(repr=False)
    lost: tuple[Lost, ...] = field(repr=False)


class AddressBook:
    """The contacts of a folder, and of the copies beside it; files that did not change are not read again."""

    def __init__(self, config: ContactsConfig) -> None:
        self._folder = Folder(
            path=config.folder,
            suffix=_SUFFIXES[0],
            suffixes=_SUFFIXES,
            max_files=config.max_files,
            max_file_bytes=config.max_file_bytes,
        )
        self._root = config.folder
        self._copies = config.copies
        self._shelves = [_Shelf(self._folder, config.folder, source_of(config.folder, config.copies))]
        self._shelves += [
            _Shelf(replace(self._folder, path=one.path), one.path.parent, one.account)
            for one in beside(config.folder, config.copies)
        ]
        self._known: dict[Path, tuple[Signature, Contents]] = {}

    def read(self) -> Contents:
        """All contacts by name, and all that could not be read; a folder that is not there is lost, too."""
        known: dict[Path, tuple[Signature, Contents]] = {}
        contacts: list[Contact] = []
        lost = [*self._folder.gaps(), *gaps_of_copies(self._copies)]
        for shelf in self._shelves:
            for entry in shelf.folder.entries():
                contents = self._contents(entry, known, shelf)
                contacts += contents.contacts
                lost += contents.lost
        self._known = known
        return Contents(tuple(sorted(contacts, key=lambda one: folded(one.name))), tuple(lost))

    def _contents(
        self, entry: Entry, known: dict[Path, tuple[Signature, Contents]], shelf: "_Shelf"
    ) -> Contents:
        if entry.problem:
            return Contents((), (Lost(str(entry.path), entry.problem, entry.fix),))
        try:
            with shelf.folder.opened(entry) as stream:
                status = os.fstat(stream.fileno())
                signature = signature_of(status)
                before = self._known.get(entry.path)
                unchanged = before[1] if before and before[0] == signature else None
                contents = unchanged or _parsed(entry.path, shelf, stream)
        except ToolFailure as failure:
            return Contents(
                (), (Lost(str(entry.path), failure.detail, "mend its permissions, or move it away"),)
            )
        if is_settled(status):
            known[entry.path] = (signature, contents)
        return contents

    def add(self, contact: Contact) -> str:
        """Write a new vCard 3.0, which every address book reads; gives its id."""
        card = vobject.vCard()
        card.add("fn").value = contact.name
        given, _, family = contact.name.rpartition(" ")
        card.add("n").value = vobject.vcard.Name(family=family, given=given)
        uid = f"urn:uuid:{secrets.token_hex(16)}"
        card.add("uid").value = uid
        if contact.email:
            card.add("email").value = contact.email
        if contact.phone:
            card.add("tel").value = contact.phone
        if contact.company:
            card.add("org").value = [contact.company]
        if contact.role:
            card.add("title").value = contact.role
        self._folder.add(secrets.token_hex(8), card.serialize().encode())
        return uid

    def change(self, identity: str, change: CardChange) -> str:
        """Write what is otherwise about a contact into its card; gives the card's id. Raises `ToolFailure`."""
        named = [contact for contact in self.read().contacts if contact.id == identity]
        meant = [contact for contact in named if contact.source == self._shelves[0].source]
        if named and not meant:
            raise ToolFailure(
                FailureKind.UNAVAILABLE, f"umi does not write to {named[0].source}: change it there"
            )
        if len(meant) != 1:
            raise ToolFailure(FailureKind.NOT_FOUND, "no contact, or more than one, has that id")
        path = self._root / meant[0].file
        with self._folder.opened(Entry(path=path)) as stream:
            content = stream.read(_MAX_CHANGED_BYTES + 1)
        if len(content) > _MAX_CHANGED_BYTES:
            raise ToolFailure(FailureKind.TOO_LARGE, "the file of that contact is too large to be changed")
        after, uid = changed_cards(content, meant[0], change)
        self._folder.replace(path.resolve(), after)
        return uid


@dataclass(frozen=True, slots=True)
class _Shelf:
    """A folder that contacts are read from."""

    folder: Folder
    root: Path
    """From where the names of its files count."""
    source: str = field(repr=False)


def _parsed(path: Path, shelf: _Shelf, stream: BinaryIO) -> Contents:
    """The contacts of one file, card by card."""
    name = path.relative_to(shelf.root).as_posix()
    contacts: list[Contact] = []
    lost: list[Lost] = []
    empty = True
    for card in read_cards(stream):
        empty = False
        contact = contact_of(card)
        contacts += [replace(contact, file=name, source=shelf.source)] if contact is not None else []
        if card.problem:
            lost.append(Lost(f"{path}, line {card.line}", card.problem, _MEND))
    if empty:
        lost.append(Lost(str(path), "no card in it", "delete it, or export the address book anew"))
    return Contents(tuple(contacts), tuple(lost))


def tools(book: AddressBook, *, more: bool = False) -> tuple[Tool, ...]:
    """`contacts.search`, `contacts.list` and `contacts.add`; with `more` a wider search, and `contacts.change`."""

    @tool(name="contacts.list", source="builtin", read_only=True, returns=shapes.CONTACT_LIST)
    def everyone() -> Sourced:
        """List all of the user's contacts."""
        contents = book.read()
        return Sourced(
            Partial([contact.as_listed() for contact in contents.contacts], contents.lost),
            tuple(contact.record((index,)) for index, contact in enumerate(contents.contacts)),
        )

    stored_as = stored_contact(more=more)

    @tool(
        name="contacts.add",
        source="builtin",
        returns=shapes.ADDED,
        stored_as={part: stored_as[part] for part in ("name", "email", "phone", "company")},
    )
    def add(
        name: Name, email: Line | None = None, phone: Line | None = None, company: Line | None = None
    ) -> Sourced:
        """Add a person to the user's contacts.

        Args:
            name: The full name.
            email: The e-mail address.
            phone: The phone number.
            company: Where they work.
        """
        if not name.strip() or not all(single_line(text or "") for text in (name, email, phone, company)):
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "each part of a contact is one line of text")
        _check_reach(email, phone)
        uid = book.add(Contact.plain(name.strip(), email, phone, company))
        return Sourced({"added": True}, (Record(at=(), texts=(), id=uid),))

    if more:
        return _wide_search(book), everyone, add, _change(book, stored_as)
    return _search(book), everyone, add


def _check_reach(email: str | None, phone: str | None) -> None:
    """Raises `ToolFailure` for what reaches nobody, such as a placeholder that a model wrote."""
    if email and "@" not in email:
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "an e-mail address has an @")
    if phone and not any(one.isdigit() for one in phone):
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "a phone number has a digit")


def stored_contact(*, more: bool) -> dict[str, list[str]]:
    """Where each part of a contact comes back."""
    listed = {
        part: [f"contacts.search: $.matches[*].{part}", f"contacts.list: $[*].{part}"]
        for part in ("name", "email", "phone", "company")
    }
    if not more:
        return listed
    hit = [f"search.everywhere: $.hits[*].{member}" for member in ("title", "snippet")]
    found = {part: [*places, *hit] for part, places in listed.items()}
    for part, plural, member in (("email", "emails", "address"), ("phone", "phones", "number")):
        found[part] += [
            f"contacts.search: $.matches[*].{plural}[*].{member}",
            f"contacts.list: $[*].{plural}[*].{member}",
        ]
    found["name"] += ["contacts.search: $.matches[*].other_names", "contacts.list: $[*].other_names"]
    found["name"] += ["mail.search: $.taken_for"]
    return {**found, "role": ["contacts.search: $.matches[*].role", *hit]}


def _found(book: AddressBook, name: str, *, more: bool) -> Sourced:
    contents = book.read()
    meant = found(contents.contacts, name, anywhere=more)
    matches: list[JSON] = [
        {**({"id": contact.id} if more else {}), **contact.as_found()} for contact in meant
    ]
    return Sourced(
        Partial.counted({"matches": matches}, contents.lost),
        tuple(contact.record(("matches", index)) for index, contact in enumerate(meant)),
    )


def _search(book: AddressBook) -> Tool:
    @tool(name="contacts.search", source="builtin", read_only=True, returns=shapes.CONTACT_MATCHES)
    def search(name: Name) -> Sourced:
        """Find people in the user's contacts by name; gives their e-mail address, phone and company.

        Args:
            name: A name or a part of it.
        """
        return _found(book, name, more=False)

    return search


def _wide_search(book: AddressBook) -> Tool:
    @tool(name="contacts.search", source="builtin", read_only=True, returns=shapes.CONTACT_MATCHES)
    def search(name: Name) -> Sourced:
        """Find people in the user's contacts by name, nickname, company, role, number or address.

        Args:
            name: The name, or what else is known of them.
        """
        return _found(book, name, more=True)

    return search


def _change(book: AddressBook, stored_as: dict[str, list[str]]) -> Tool:
    @tool(
        name="contacts.change",
        source="builtin",
        destructive=True,
        returns=shapes.UPDATED,
        stored_as={**stored_as, "id": []},  # it chooses a contact, and is written nowhere
    )
    def change(
        id: Annotated[str, Field(min_length=1, max_length=1000)],  # noqa: A002
        name: Name | None = None,
        email: Line | None = None,
        phone: Line | None = None,
        company: Line | None = None,
        role: Line | None = None,
    ) -> Sourced:
        """Change what the user's contacts say of a person; what is not given stays as it is.

        Args:
            id: The id of the person, as contacts.search gives it.
            name: The full name now.
            email: The e-mail address now.
            phone: The phone number now.
            company: Where they work now.
            role: What they are now, such as plumber.
        """
        wanted = {"name": name, "email": email, "phone": phone, "company": company, "role": role}
        given = {part: " ".join(text.split(" ")).strip() for part, text in wanted.items() if text is not None}
        if not given or not all(text and single_line(text) for text in given.values()):
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "each part of a contact is one line of text")
        _check_reach(email, phone)
        uid = book.change(id, CardChange(**given))
        return Sourced({"updated": True}, (Record(at=(), texts=(), id=uid),))

    return change
