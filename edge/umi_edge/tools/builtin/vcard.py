"""vCards 2.1, 3.0 and 4.0, read out of a stream card by card: a damaged one costs itself, never its file.

vobject writes the cards and takes their lines apart. It does not find them: it gives up a whole file over one line
without its leading blank, a soft line break, a photo as a data URI, a byte of Latin-1 or a fold within a letter.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from vobject.base import ParseError, parseLine

from umi_edge.tools.builtin.card_text import decoded, has_utf8, transfer_decoded

__all__ = ["MAX_CARD_BYTES", "Card", "Property", "names_related", "read_cards"]

MAX_CARD_BYTES = 1 << 20
"""The largest card that is read, in bytes, without its pictures, sounds and keys, which are not kept."""
_MAX_LINE_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 16
_MAX_NESTED = 8
_BEGIN, _END = b"BEGIN:VCARD", b"END:VCARD"
_NOT_KEPT = frozenset({"PHOTO", "LOGO", "SOUND", "KEY", "X-MS-CARDPICTURE"})
_NAMING = frozenset({"FN", "N", "ORG", "NICKNAME", "X-NICKNAME", "EMAIL", "TEL"})
"""What somebody is found by: a guess here would lose a name."""
_RELATED = re.compile(
    r"RELATED|X-ABRELATEDNAMES"
    r"|X-(?:(?:MS|EVOLUTION|KADDRESSBOOK|GNOME)-)?(?:X-)?(?:SPOUSE|PARTNER|CHILD|CHILDREN|MANAGER|ASSISTANT)S?(?:NAME)?"
)
"""Whom a card names beside its own person: of vCard 4.0, and as Apple, Outlook, Evolution and KDE call them."""
_OUTSIDE = "lines that belong to no card"
_NO_COLON = "a line without a colon"
_HEADER = re.compile(rb'(?:"[^"]*"|[^":])*:')


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One line of a card: its text decoded, its escapes as they are."""

    name: str = field(repr=False)
    group: str = field(repr=False)
    types: frozenset[str] = field(repr=False)
    """The words of TYPE, in capitals; those of vCard 2.1, which has no TYPE, too."""
    parameters: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)
    readings: tuple[str, ...] = field(default=(), repr=False)
    """What the text may be besides, where nothing says in which encoding it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One card, or what is left of one."""

    line: int
    """Where it begins, from 1."""
    properties: tuple[Property, ...] = field(default=(), repr=False)
    problem: str = field(default="", repr=False)
    """What of its names, addresses or numbers could not be read; value-free."""


def read_cards(stream: BinaryIO) -> Iterator[Card]:
    """The cards of a stream in the order of their ends; what stands outside of any is a card with a problem."""
    begun: list[_Lines] = []
    outside = number = 0
    try:
        for number, line in enumerate(_lines(stream), start=1):
            mark = line.replace(b" ", b"").strip().upper()
            if mark == _BEGIN:
                if outside:
                    yield Card(line=outside, problem=_OUTSIDE)
                outside = 0
                if begun:
                    begun[-1].followed = True
                begun.append(_Lines(number))
                if len(begun) > _MAX_NESTED:
                    yield begun.pop(0).card()
            elif mark == _END and begun:
                yield begun.pop().card()
            elif begun:
                begun[-1].add(line)
            elif line.strip():
                outside = outside or number
    except UnicodeError:
        yield Card(line=number + 1, problem="text that is no UTF-16, from here on")
    except _LongLineError:
        yield Card(line=number + 1, problem="a line of more than 64 MiB")
    if outside:
        yield Card(line=outside, problem=_OUTSIDE)
    for lines in begun:
        # Without its END a card is whole where another one follows; else the rest of the file may be gone.
        yield lines.card("" if lines.followed else "the file ends within a card")


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a file in UTF-8 or what looks like it, whichever line ends it has."""
    waiting = bytearray()
    for chunk in _chunks(stream):
        waiting += chunk
        if len(waiting) > _MAX_LINE_BYTES:
            raise _LongLineError
        if b"\n" not in chunk and b"\r" not in chunk:
            continue
        held = waiting[-1:] if waiting.endswith(b"\r") else b""  # its line feed may be in the next chunk
        *whole, last = re.split(rb"\r\n|\r|\n", bytes(waiting[: len(waiting) - len(held)]))
        yield from whole
        waiting = bytearray(last + held)
    yield from re.split(rb"\r\n|\r|\n", bytes(waiting))


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    first = stream.read(_CHUNK_BYTES)
    first = first.removeprefix(codecs.BOM_UTF8)
    encoding = _utf16(first)
    if not encoding:
        yield first
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    while first:
        yield decoder.decode(first).encode()
        first = stream.read(_CHUNK_BYTES)
    yield decoder.decode(b"", final=True).encode()


def _utf16(beginning: bytes) -> str:
    """Which UTF-16 a file is in, by its mark or its first letter."""
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return {b"B\0": "utf-16-le", b"\0B": "utf-16-be"}.get(beginning[:2], "")


class _LongLineError(Exception):
    """A line is longer than any picture."""


class _Lines:
    """The lines of one card, unfolded as they come."""

    def __init__(self, number: int) -> None:
        self.followed = False
        self._number = number
        self._unfolded: list[bytearray] = []
        self._open: bytearray | None = None
        """The line that the next one may continue; None where it is not kept."""
        self._naming = self._quoted = self._old = False
        self._size = 0
        self._problem = ""

    def add(self, line: bytes) -> None:
        """One line more, without its end."""
        if self._quoted and self._open is not None and self._open.endswith(b"="):
            del self._open[-1]
            self._continue(line)
        elif not line.strip():
            return
        elif line[:1] in b" \t":
            self._continue(line if self._old else line[1:])
        elif b":" in line:
            self._begin(line)
        else:
            # A line of a longer text whose blank was lost; after a name nobody knows where the name ends.
            if self._naming or not self._unfolded:
                self._problem = self._problem or _NO_COLON
            self._continue(b"\\n" + line)

    def _begin(self, line: bytes) -> None:
        header = line.partition(b":")[0].upper()
        name = _name(header)
        self._naming = _names(name)
        self._quoted = b"QUOTED-PRINTABLE" in header
        self._old = self._old or (name == "VERSION" and line.rpartition(b":")[2].strip() == b"2.1")
        self._open = None
        if name not in _NOT_KEPT:
            self._open = bytearray()
            self._unfolded.append(self._open)
            self._continue(line)

    def _continue(self, line: bytes) -> None:
        if self._open is None:
            return
        self._size += len(line)
        if self._size <= MAX_CARD_BYTES:
            self._open += line
        else:
            self._problem = self._problem or f"more than {MAX_CARD_BYTES >> 20} MiB in one card"

    def card(self, problem: str = "") -> Card:
        """The card, once its last line is there."""
        problem = self._problem or problem
        beside_utf8 = any(map(has_utf8, self._unfolded))
        properties = []
        for line in map(bytes, self._unfolded):
            try:
                properties.append(_property(line, beside_utf8=beside_utf8))
            except ValueError as error:
                if _names(_name(line.partition(b":")[0])):
                    problem = problem or str(error)
        return Card(line=self._number, properties=tuple(properties), problem=problem)


def names_related(name: str) -> bool:
    """Whether a property of this name, in capitals, says who somebody's spouse, child, assistant or the like is.

    >>> [names_related(name) for name in ("RELATED", "X-MS-SPOUSE", "X-KADDRESSBOOK-X-MANAGERSNAME", "X-ASSISTANT-TEL")]
    [True, True, True, False]
    """
    return _RELATED.fullmatch(name) is not None


def _names(name: str) -> bool:
    return name in _NAMING or names_related(name)


def _name(header: bytes) -> str:
    """The name of a property, in capitals, without its group and its parameters."""
    return header.partition(b";")[0].rpartition(b".")[2].decode("latin-1").strip().upper()


def _property(line: bytes, *, beside_utf8: bool) -> Property:
    """The property that an unfolded line is. Raises `ValueError`, value-free."""
    found = _HEADER.match(line)
    header = found[0] if found else line.partition(b":")[0] + b":"
    try:
        name, parameters, _, group = parseLine(header.decode("utf-8", "replace"))
    except ParseError:
        name, parameters, group = _name(header[:-1]), [], ""
    types: set[str] = set()
    named: dict[str, str] = {}
    for key, *values in parameters:
        if values and key.upper() != "TYPE":
            named[key.upper()] = ",".join(values)
        else:
            types.update(word.strip().upper() for value in values or [key] for word in value.split(","))
    encoding = named.get("ENCODING", "").upper()
    encoding = encoding or next(iter(types & {"QUOTED-PRINTABLE", "BASE64", "B"}), "")
    data = transfer_decoded(line[len(header) :], encoding)
    text, readings = decoded(data, named.get("CHARSET", ""), beside_utf8=beside_utf8)
    return Property(
        name=name.upper(),
        group=(group or "").upper(),
        types=frozenset(types),
        parameters=named,
        text=text,
        readings=readings,
    )
