"""A change to one card of a file of vCards: the lines that it is about are written anew, all others stay.

An address and a number come before those that are there, and no such one is lost.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO

from umi_edge.tools.builtin.card_text import split_value
from umi_edge.tools.builtin.contact import Contact, contact_of
from umi_edge.tools.builtin.vcard import read_cards
from umi_edge.tools.outcome import FailureKind, ToolFailure

__all__ = ["CardChange", "changed_cards"]

_BEGIN, _END = b"BEGIN:VCARD", b"END:VCARD"
_DROPPED = re.compile(
    rb';(?:(?:CHARSET|ENCODING|VALUE)=(?:"[^"]*"|[^;:"]*)|QUOTED-PRINTABLE|BASE64)(?=[;:])', re.IGNORECASE
)
"""What a header says of how its value is written, which is then written otherwise."""
_HEADER = re.compile(rb'(?:"[^"]*"|[^":])*:')
_PREFERENCE = re.compile(rb";PREF=\d+|[;,=]PREF(?=[;,:])", re.IGNORECASE)
"""What a header says of a line that is used before others of its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardChange:
    """What is to be otherwise about a contact; None: as it is."""

    name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    company: str | None = field(default=None, repr=False)
    role: str | None = field(default=None, repr=False)

    @property
    def given(self) -> Mapping[str, str]:
        """What is given, by the names that a contact has for it."""
        members = ("name", "email", "phone", "company", "role")
        return {name: value for name in members if (value := getattr(self, name)) is not None}


def changed_cards(content: bytes, contact: Contact, change: CardChange) -> tuple[bytes, str]:
    """The file with the contact's card changed, and the id that the card then has.

    What comes out is read again: where anything but what was asked for is otherwise, or a card cannot be read, it is
    no change. Raises `ToolFailure`.
    """
    lines = content.splitlines(keepends=True)
    begin = contact.line - 1
    end = _end_of(lines, begin)
    uid = contact.uid or f"urn:uuid:{secrets.token_hex(16)}"
    card = _Card(_logical(lines[begin + 1 : end]), ending=_ending(lines[begin]))
    for name, value in change.given.items():
        _CHANGES[name](card, contact, value)
    if not contact.uid:
        card.add(b"UID", uid)
    after = b"".join([*lines[: begin + 1], *card.lines, *lines[end:]])
    if not _is_that(content, after, contact, change, uid):
        raise ToolFailure(FailureKind.ERROR, "the card is written in a way that cannot be changed safely")
    return after, uid


def _end_of(lines: list[bytes], begin: int) -> int:
    """The line that ends the card. Raises `ToolFailure`."""
    depth = 0
    for number in range(max(begin, 0), len(lines)):
        mark = lines[number].removeprefix(b"\xef\xbb\xbf").replace(b" ", b"").strip().upper()
        depth += (mark == _BEGIN) - (mark == _END)
        if depth == 0:
            if number == begin:
                break
            return number
    raise ToolFailure(FailureKind.ERROR, "the card has no beginning or no end of its own")


def _logical(lines: list[bytes]) -> list[bytes]:
    """The lines of a card, each with those that continue it."""
    found: list[bytes] = []
    for line in lines:
        quoted = found and b"QUOTED-PRINTABLE" in found[-1].partition(b":")[0].upper()
        soft = quoted and found[-1].rstrip(b"\r\n").endswith(b"=")
        if found and (soft or line[:1] in (b" ", b"\t") or b":" not in line):
            found[-1] += line
        else:
            found.append(line)
    return found


def _ending(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")) :] or b"\r\n"


@dataclass(slots=True)
class _Card:
    """The lines of one card between its first and its last."""

    lines: list[bytes] = field(repr=False)
    ending: bytes = field(repr=False)

    def of(self, *names: bytes) -> Iterator[int]:
        """Where the card says something under one of these names."""
        for number, line in enumerate(self.lines):
            if line.partition(b":")[0].partition(b";")[0].rpartition(b".")[2].strip().upper() in names:
                yield number

    def put(self, number: int, value: str) -> None:
        """Another value for a line, its name and its kinds as they are."""
        header = _DROPPED.sub(b"", self._header(number))
        self.lines[number] = header[:-1] + self._marked(value)

    def put_before(self, number: int, name: bytes, value: str) -> None:
        """A line that is used before another of its kind, which stays as it is."""
        found = _PREFERENCE.search(self._header(number))
        mark = b"" if found is None else found[0] if b"PREF=" in found[0].upper() else b";TYPE=PREF"
        self.lines.insert(number, name + mark + self._marked(value))

    def add(self, name: bytes, value: str) -> None:
        """A line more."""
        self.lines.append(name + self._marked(value))

    def _header(self, number: int) -> bytes:
        """What stands before the value of a line, with its colon."""
        found = _HEADER.match(self.lines[number])
        return found[0] if found else self.lines[number].partition(b":")[0] + b":"

    def _marked(self, value: str) -> bytes:
        old = any(self.lines[n].partition(b":")[2].strip() == b"2.1" for n in self.of(b"VERSION"))
        charset = b";CHARSET=UTF-8" if old and not value.isascii() else b""
        return charset + b":" + value.encode() + self.ending

    def read(self, number: int) -> Contact | None:
        """What a reader makes of the card with this line alone."""
        said = [self.lines[n] for n in self.of(b"VERSION")]
        text = b"".join([b"BEGIN:VCARD\r\n", *said, self.lines[number].rstrip(b"\r\n"), b"\r\nEND:VCARD\r\n"])
        return next((contact_of(card) for card in read_cards(BytesIO(text))), None)


def _escaped(text: str) -> str:
    return re.sub(r"([\\,;])", r"\\\1", text)


def _name(card: _Card, contact: Contact, value: str) -> None:
    given, _, family = value.rpartition(" ")
    for name, text in ((b"FN", _escaped(value)), (b"N", f"{_escaped(family)};{_escaped(given)};;;")):
        numbers = list(card.of(name))
        if name == b"FN":
            numbers = [n for n in numbers if (read := card.read(n)) and read.name == contact.name]
        if numbers:
            card.put(numbers[0], text)
        else:
            card.add(name, text)


def _reachable(name: bytes, member: str) -> Callable[[_Card, Contact, str], None]:
    """A change of the address or the number that is used of several: the one before stays, behind it."""

    def change(card: _Card, contact: Contact, value: str) -> None:
        before = getattr(contact, member)
        for number in card.of(name) if before and before != value else ():
            read = card.read(number)
            if read and before in {one.value for one in (*read.emails, *read.phones)}:
                card.put_before(number, name, _escaped(value))
                return
        if before != value:
            card.add(name, _escaped(value))

    return change


def _company(card: _Card, contact: Contact, value: str) -> None:
    del contact
    for number in card.of(b"ORG"):
        units = split_value(
            card.lines[number].rstrip(b"\r\n").partition(b":")[2].decode("utf-8", "replace"), ";"
        )
        card.put(number, ";".join([_escaped(value), *units[1:]]))
        return
    card.add(b"ORG", _escaped(value))


def _role(card: _Card, contact: Contact, value: str) -> None:
    for name in (b"TITLE", b"ROLE"):
        for number in card.of(name):
            read = card.read(number)
            if contact.role and (read is None or read.role in ("", contact.role)):
                card.put(number, _escaped(value))
                return
    card.add(b"TITLE", _escaped(value))


_CHANGES: Mapping[str, Callable[[_Card, Contact, str], None]] = {
    "name": _name,
    "email": _reachable(b"EMAIL", "email"),
    "phone": _reachable(b"TEL", "phone"),
    "company": _company,
    "role": _role,
}
_WHOLE = (
    "name",
    "email",
    "phone",
    "company",
    "role",
    "department",
    "nicknames",
    "addresses",
    "birthday",
    "note",
)


def _is_that(before: bytes, after: bytes, contact: Contact, change: CardChange, uid: str) -> bool:
    """Whether the file says what was asked for, and all else as before."""
    old, new = (list(read_cards(BytesIO(content))) for content in (before, after))
    if [card.problem for card in old] != [card.problem for card in new]:
        return False
    for one, other in zip(old, new, strict=True):
        was, now = contact_of(one), contact_of(other)
        if one.line != contact.line:
            if was != now:
                return False
            continue
        if was is None or now is None or now.uid != uid:
            return False
        wanted = {name: getattr(was, name) for name in _WHOLE} | dict(change.given)
        if any(getattr(now, name) != value for name, value in wanted.items()):
            return False
        for lists, changed in (("emails", "email"), ("phones", "phone")):
            asked = change.given.get(changed)
            if [one for one in getattr(now, lists) if one.value != asked] != [
                one for one in getattr(was, lists) if one.value != asked
            ]:
                return False
    return True
