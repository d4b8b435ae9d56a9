"""Contacts: a folder of vCards, as address books synchronise them."""

import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import vobject
from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.folder import Folder
from umi_edge.tools.builtin.words import folded, has_words, single_line
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.tool import Tool, tool

Name = Annotated[str, Field(min_length=1, max_length=200)]
Line = Annotated[str, Field(max_length=200)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactsConfig:
    """Where the vCards are."""

    folder: Path
    max_files: int = 10_000
    max_file_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One person or company of the address book."""

    name: str = field(repr=False)
    also_known_as: str = field(default="", repr=False)
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    company: str | None = field(default=None, repr=False)

    def as_json(self) -> JSON:
        """The contact as the tools return it; what is not known is null."""
        return {"name": self.name, "email": self.email, "phone": self.phone, "company": self.company}


class AddressBook:
    """The contacts of one folder; files that did not change are not parsed again."""

    def __init__(self, config: ContactsConfig) -> None:
        self._folder = Folder(
            path=config.folder,
            suffix=".vcf",
            max_files=config.max_files,
            max_file_bytes=config.max_file_bytes,
        )
        self._parsed: dict[bytes, tuple[Contact, ...] | None] = {}

    def contacts(self) -> tuple[list[Contact], int]:
        """All contacts by name, and how many files could not be read."""
        parsed: dict[bytes, tuple[Contact, ...] | None] = {}
        contacts: list[Contact] = []
        skipped = 0
        for document in self._folder.documents():
            cards = None
            if document.content is not None:
                known = self._parsed
                cards = known[document.content] if document.content in known else parse(document.content)
                parsed[document.content] = cards
            contacts.extend(cards or ())
            skipped += cards is None
        self._parsed = parsed
        return sorted(contacts, key=lambda contact: folded(contact.name)), skipped

    def add(self, contact: Contact) -> None:
        """Write a new vCard 3.0, which every address book reads."""
        card = vobject.vCard()
        card.add("fn").value = contact.name
        given, _, family = contact.name.rpartition(" ")
        card.add("n").value = vobject.vcard.Name(family=family, given=given)
        card.add("uid").value = f"urn:uuid:{secrets.token_hex(16)}"
        if contact.email:
            card.add("email").value = contact.email
        if contact.phone:
            card.add("tel").value = contact.phone
        if contact.company:
            card.add("org").value = [contact.company]
        self._folder.add(secrets.token_hex(8), card.serialize().encode())


def parse(content: bytes) -> tuple[Contact, ...] | None:
    """The contacts in one .vcf file, or None when it does not parse as one."""
    try:
        cards = tuple(_contact(card) for card in vobject.readComponents(content.decode("utf-8-sig")))
    except Exception:  # vobject raises whatever its parsing met
        return None
    return tuple(card for card in cards if card.name) or None


def _contact(card: Any) -> Contact:
    if card.name != "VCARD":
        raise ValueError
    organisation = _first(card, "org")
    if isinstance(organisation, list):
        organisation = ", ".join(part for part in organisation if part)
    name = _text(_first(card, "fn")) or _text(_first(card, "n")) or _text(organisation)
    return Contact(
        name=" ".join((name or "").split()),
        also_known_as=_text(_first(card, "nickname")) or "",
        email=_text(_first(card, "email")),
        phone=(_text(_first(card, "tel")) or "").removeprefix("tel:") or None,
        company=_text(organisation),
    )


def _first(card: Any, kind: str) -> Any:
    """The preferred value of a property, else its first."""
    values: list[Any] = list(card.contents.get(kind, ()))
    preferred: Iterator[Any] = (value for value in values if _is_preferred(value))
    chosen = next(preferred, values[0] if values else None)
    return None if chosen is None else chosen.value


def _is_preferred(value: Any) -> bool:
    types = [kind.upper() for kind in value.params.get("TYPE", [])]
    return "PREF" in types or "1" in value.params.get("PREF", [])


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = unicodedata.normalize("NFC", str(value)).strip()
    return text or None


def tools(config: ContactsConfig) -> tuple[Tool, ...]:
    """`contacts.search`, `contacts.list` and `contacts.add`."""
    book = AddressBook(config)

    @tool(name="contacts.search", source="builtin", read_only=True, returns=shapes.CONTACT_MATCHES)
    def search(name: Name) -> JSON:
        """Find people in the user's contacts by name; gives their e-mail address, phone and company.

        Args:
            name: A name or a part of it.
        """
        contacts, skipped = book.contacts()
        found = [c.as_json() for c in contacts if has_words(f"{c.name} {c.also_known_as}", name)]
        return {"matches": found, **({"skipped": skipped} if skipped else {})}

    @tool(name="contacts.list", source="builtin", read_only=True, returns=shapes.CONTACT_LIST)
    def everyone() -> JSON:
        """List all of the user's contacts."""
        return [contact.as_json() for contact in book.contacts()[0]]

    @tool(name="contacts.add", source="builtin", returns=shapes.ADDED)
    def add(
        name: Name, email: Line | None = None, phone: Line | None = None, company: Line | None = None
    ) -> JSON:
        """Add a person to the user's contacts.

        Args:
            name: The full name.
            email: The e-mail address.
            phone: The phone number.
            company: Where they work.
        """
        if not name.strip() or not all(single_line(text or "") for text in (name, email, phone, company)):
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "each part of a contact is one line of text")
        book.add(Contact(name=name.strip(), email=email, phone=phone, company=company))
        return {"added": True}

    return search, everyone, add
