"""A correspondent: who sent letters, or got them, as the user calls them: `mum`, `bob`, `the landlord`.

Whom the address book has by the words comes first: everybody may call themselves `Mum` in a letter. Where no letter has
the words by name or address, the book is asked whom they may mean otherwise.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import getaddresses
from typing import Self

from umi_edge.tools.builtin.contact import Contact
from umi_edge.tools.builtin.contacts import AddressBook
from umi_edge.tools.builtin.found_contacts import called, found
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
    """Whom the address book takes the words for, where their letters have them nowhere."""
    own: tuple[Contact, ...] = field(default=(), repr=False)
    """Whom the address book has by the words."""
    lost: tuple[Lost, ...] = field(default=(), repr=False)
    """What of the address book could not be read, where it was looked into."""

    @classmethod
    def of(cls, words: str | None, headers: Iterable[str], book: AddressBook | None) -> Self:
        """Whom the words mean, given all lines that name senders, or recipients."""
        if words is None:
            return cls(words=None)
        every = list(headers)
        lines = [line for line in every if has_words(line, words)]
        whole = any(_has_whole(line, words) for line in lines)
        if book is None:
            return cls(words=words, whole=whole)
        contents = book.read()
        if not lines:
            meant = found(contents.contacts, words, anywhere=True)
            people = tuple(meant) if len(meant) <= _MOST else ()
            return cls(words=words, people=people, own=people, lost=contents.lost)
        own = tuple(called(contents.contacts, words))
        rest = [line for line in every if line not in lines] if len(own) <= _MOST else []
        people = tuple(one for one in own if any(_has_written(one, line) for line in rest))
        return cls(words=words, whole=whole, people=people, own=own, lost=contents.lost)

    def is_in(self, line: str) -> bool:
        """Whether a line of names and addresses has them."""
        if self.words is None:
            return True
        has = _has_whole if self.whole else has_words
        return has(line, self.words) or any(_is_of(one, line) for one in self.people)

    def is_own(self, line: str) -> bool:
        """Whether a line has an address of somebody whom the book has by the words; any where there are none."""
        return self.words is None or any(_has_written(one, line) for one in self.own)


def _has_whole(line: str, words: str) -> bool:
    there = set(re.findall(r"\w+", folded(line)))
    return set(re.findall(r"\w+", folded(words))) <= there


def _has_written(contact: Contact, line: str) -> bool:
    """Whether a line has one of a contact's addresses; a name tells only of who has none."""
    own = {one.value.casefold() for one in contact.emails}
    return (
        any(address.casefold() in own for _, address in getaddresses([line]))
        if own
        else _is_of(contact, line)
    )


def _is_of(contact: Contact, line: str) -> bool:
    """Whether a line has one of a contact's addresses, or the whole of its name."""
    own = {one.value.casefold() for one in contact.emails}
    return any(
        address.casefold() in own or (name and folded(name) == folded(contact.name))
        for name, address in getaddresses([line])
    )
