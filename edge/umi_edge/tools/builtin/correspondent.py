"""A correspondent: who sent letters, or got them, as the user calls them: `mum`, `bob`, `the landlord`.

Where no letter has the words by name or address, they are looked up in the address book.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import getaddresses
from typing import Self

from umi_edge.tools.builtin.contact import Contact
from umi_edge.tools.builtin.contacts import AddressBook
from umi_edge.tools.builtin.found_contacts import found
from umi_edge.tools.builtin.words import folded, has_words
from umi_edge.tools.outcome import Lost

__all__ = ["Correspondent"]

_MOST = 3
"""More people than these are no answer to who is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondent:
    """Somebody whom a search of letters asks for; anybody where it asks for nobody."""

    words: str | None = field(repr=False)
    whole: bool = False
    """Whether some letter has the words as they are: then Martina is not meant by `martin`."""
    people: tuple[Contact, ...] = field(default=(), repr=False)
    """Whom the address book takes the words for, where letters have them nowhere."""
    lost: tuple[Lost, ...] = field(default=(), repr=False)
    """What of the address book could not be read, where it was looked into."""

    @classmethod
    def of(cls, words: str | None, headers: Iterable[str], book: AddressBook | None) -> Self:
        """Whom the words mean, given all lines that name senders, or recipients."""
        if words is None:
            return cls(words=None)
        lines = [line for line in headers if has_words(line, words)]
        if lines or book is None:
            return cls(words=words, whole=any(_has_whole(line, words) for line in lines))
        contents = book.read()
        meant = found(contents.contacts, words, anywhere=True)
        return cls(words=words, people=tuple(meant) if len(meant) <= _MOST else (), lost=contents.lost)

    def is_in(self, line: str) -> bool:
        """Whether a line of names and addresses has them."""
        if self.words is None:
            return True
        has = _has_whole if self.whole else has_words
        return has(line, self.words) or any(_is_of(one, line) for one in self.people)


def _has_whole(line: str, words: str) -> bool:
    there = set(re.findall(r"\w+", folded(line)))
    return set(re.findall(r"\w+", folded(words))) <= there


def _is_of(contact: Contact, line: str) -> bool:
    """Whether a line has one of a contact's addresses, or the whole of its name."""
    own = {one.value.casefold() for one in contact.emails}
    return any(
        address.casefold() in own or (name and folded(name) == folded(contact.name))
        for name, address in getaddresses([line])
    )
