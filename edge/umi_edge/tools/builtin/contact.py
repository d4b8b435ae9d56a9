"""A contact: what a card says of one person, company or group, and by which names it is known."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from umi_edge.tools.builtin.card_text import split_value, unescaped
from umi_edge.tools.builtin.vcard import Card, Property, names_related
from umi_edge.tools.json_type import JSON
from umi_edge.tools.record import Record
from umi_edge.values.json_walk import Location

__all__ = ["Contact", "Reachable", "contact_of"]

_NO_PREFERENCE = 101
"""Behind every PREF of vCard 4.0, which go from 1 to 100."""
_KINDS = {
    "FAX": "fax",
    "PAGER": "pager",
    "CELL": "cell",
    "MOBILE": "cell",
    "IPHONE": "cell",
    "HOME": "home",
    "WORK": "work",
}
"""The kinds of addresses and numbers that are told apart, by what marks them; the first that is found holds."""
_NOT_SPOKEN = {"fax", "pager"}
_ANDROID_NICKNAME = "vnd.android.cursor.item/nickname;"
_ANDROID_RELATION = "vnd.android.cursor.item/relation;"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
"""What stands where another card is meant, and no name."""
_PHONETIC = ("X-PHONETIC-FIRST-NAME", "X-PHONETIC-MIDDLE-NAME", "X-PHONETIC-LAST-NAME")
_SPELLINGS = ("SORT-STRING", "X-MAIDENNAME", "X-PHONETIC-ORG")


@dataclass(frozen=True, slots=True)
class Reachable:
    """One e-mail address, number or postal address, and of which kind."""

    kind: str = field(repr=False)
    """`home`, `work`, `cell`, `fax`, `pager` or `other`."""
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One card of the address book. Lists hold what is preferred first."""

    name: str = field(repr=False)
    nicknames: tuple[str, ...] = field(default=(), repr=False)
    other_names: tuple[str, ...] = field(default=(), repr=False)
    """Other spellings of the name."""
    related: tuple[str, ...] = field(default=(), repr=False)
    """Who else is named on the card: a spouse, a child, an assistant."""
    emails: tuple[Reachable, ...] = field(default=(), repr=False)
    phones: tuple[Reachable, ...] = field(default=(), repr=False)
    addresses: tuple[Reachable, ...] = field(default=(), repr=False)
    company: str | None = field(default=None, repr=False)
    department: str = field(default="", repr=False)
    role: str = field(default="", repr=False)
    birthday: str = field(default="", repr=False)
    categories: tuple[str, ...] = field(default=(), repr=False)
    note: str = field(default="", repr=False)
    kind: str = field(default="", repr=False)
    """`group`, `org` or what else it is but a person."""
    uid: str = field(default="", repr=False)
    """The card's own id, which it keeps in other address books."""
    file: str = field(default="", repr=False)
    """The file that it is in, from the folder on, with slashes."""
    source: str = field(default="", repr=False)
    """Where it is from, where there is more than one such place."""
    line: int = field(default=0, repr=False, compare=False)
    """Where its card begins in that file, from 1."""

    @property
    def id(self) -> str:
        """What chooses it among all: the card's own id, or else its place."""
        return self.uid or f"{self.file}#{self.line}"

    @classmethod
    def plain(cls, name: str, email: str | None, phone: str | None, company: str | None) -> Self:
        """One with one address and one number."""
        emails = (Reachable("other", email),) if email else ()
        phones = (Reachable("other", phone),) if phone else ()
        return cls(name=name, emails=emails, phones=phones, company=company)

    @property
    def email(self) -> str | None:
        """The address to write to."""
        return self.emails[0].value if self.emails else None

    @property
    def phone(self) -> str | None:
        """The number to call: never a fax."""
        return next((one.value for one in self.phones if one.kind not in _NOT_SPOKEN), None)

    def record(self, at: Location) -> Record:
        """It, as the record that a result tells of."""
        more = (self.role, self.note, *self.related, *self.categories, *(one.value for one in self.addresses))
        texts = tuple(filter(None, (*self.known_by(), *self.found_by(), *more)))
        return Record(at=at, texts=texts, id=self.uid, path=self.file)

    def known_by(self) -> Iterator[str]:
        """Every name that somebody may call it."""
        yield self.name
        yield from self.nicknames
        yield from self.other_names

    def found_by(self) -> Iterator[str]:
        """All else that it can be looked up by."""
        yield from (one.value for one in self.emails)
        yield from (one.value for one in self.phones)
        yield from filter(None, (self.company, self.department))

    def as_listed(self) -> dict[str, JSON]:
        """All that it is found by; what is not known is null, and what adds nothing is left out."""
        more: dict[str, JSON] = {
            "nicknames": list(self.nicknames),
            "other_names": list(self.other_names),
            "related": list(self.related),
            "emails": [] if len(self.emails) < 2 else _reachable(self.emails, "address"),
            "phones": []
            if [one.value for one in self.phones] == [self.phone]
            else _reachable(self.phones, "number"),
            "department": self.department,
            "kind": self.kind,
            "source": self.source,
        }
        return {
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "company": self.company,
            **{key: value for key, value in more.items() if value},
        }

    def as_found(self) -> dict[str, JSON]:
        """All that is known of it."""
        more: dict[str, JSON] = {
            "role": self.role,
            "addresses": _reachable(self.addresses, "address"),
            "birthday": self.birthday,
            "categories": list(self.categories),
            "note": self.note,
        }
        listed = self.as_listed()
        if not self._spelt_otherwise():
            listed.pop("other_names", None)
        return listed | {key: value for key, value in more.items() if value}

    def _spelt_otherwise(self) -> bool:
        """Whether another spelling of the name says more than the name does."""
        words = set(self.name.casefold().split())
        return any(set(name.casefold().split()) - words for name in self.other_names)


def _reachable(ones: Iterable[Reachable], name: str) -> list[JSON]:
    return [{"kind": one.kind, name: one.value} for one in ones]


def _birthday(by_name: Mapping[str, list[Property]]) -> str:
    """The day, as YYYY-MM-DD; as --MM-DD where the year is not known, for which Apple writes one that it names."""
    day = re.sub(r"^(\d{4}|--)-?(\d\d)-?(\d\d)$", r"\1-\2-\3", _first(by_name, "BDAY")).replace("---", "--")
    unknown = next((one.parameters.get("X-APPLE-OMIT-YEAR", "") for one in by_name.get("BDAY", ())), "")
    return f"--{day[5:]}" if unknown and day.startswith(f"{unknown}-") else day


def contact_of(card: Card) -> Contact | None:
    """The contact on a card; None for one without a name, an address or a number."""
    by_name: dict[str, list[Property]] = {}
    for one in card.properties:
        by_name.setdefault(one.name, []).append(one)
    labels = {one.group: one.text.upper() for one in by_name.get("X-ABLABEL", ()) if one.group}
    company, department = _organisation(by_name)
    names = list(_names(by_name))
    nicknames = list(_nicknames(by_name))
    emails = _all(by_name, "EMAIL", labels, "mailto:")
    phones = _all(by_name, "TEL", labels, "tel:")
    numbers = [one.value for one in (*emails, *phones)]
    called = [name for name in (*names, company, *nicknames, *numbers) if name]
    if not called:
        return None
    return Contact(
        name=called[0],
        nicknames=tuple(name for name in dict.fromkeys(nicknames) if name != called[0]),
        other_names=tuple(name for name in dict.fromkeys(names) if name != called[0]),
        related=tuple(dict.fromkeys(_related(by_name))),
        emails=emails,
        phones=phones,
        addresses=_addresses(by_name, labels),
        company=company,
        department=department,
        role=_first(by_name, "TITLE") or _first(by_name, "ROLE"),
        birthday=_birthday(by_name),
        categories=tuple(_listed(by_name.get("CATEGORIES", ()))),
        note="\n".join(filter(None, (_text(one.text) for one in by_name.get("NOTE", ())))),
        kind=_kind(by_name),
        uid=_first(by_name, "UID"),
        line=card.line,
    )


_Properties = Mapping[str, list[Property]]


def _names(by_name: _Properties) -> Iterator[str]:
    """The names in the order of their weight: as written, as made of its parts, as spelt elsewhere."""
    written = sorted(by_name.get("FN", ()), key=_preference)
    yield from filter(None, (_line(one.text) for one in written))
    for one in by_name.get("N", ()):
        for text in (one.text, *one.readings):
            family, given, additional = [*_parts(text), "", "", ""][:3]
            yield from filter(
                None, dict.fromkeys((_joined(given, family), _joined(given, additional, family)))
            )
        sorted_as = split_value(one.parameters.get("SORT-AS", ""), ",")
        yield from filter(None, (_joined(*map(_line, reversed(sorted_as))),))
    for one in written:
        yield from filter(None, map(_line, one.readings))
    for name in _SPELLINGS:
        yield from filter(None, (_line(one.text) for one in by_name.get(name, ())))
    yield from filter(None, (_joined(*(_first(by_name, name) for name in _PHONETIC)),))


def _nicknames(by_name: _Properties) -> Iterator[str]:
    yield from _listed((*by_name.get("NICKNAME", ()), *by_name.get("X-NICKNAME", ())))
    yield from _android(by_name, _ANDROID_NICKNAME)


def _related(by_name: _Properties) -> Iterator[str]:
    """All whom the card names beside its own person; several in one line, and that line as a whole."""
    for name in filter(names_related, by_name):
        for one in by_name[name]:
            for text in filter(None, map(_line, (one.text, *one.readings))):
                if not _URI.fullmatch(text) or one.parameters.get("VALUE", "").upper() == "TEXT":
                    yield text
        yield from (text for text in _listed(by_name[name]) if not _URI.fullmatch(text))
    yield from _android(by_name, _ANDROID_RELATION)


def _android(by_name: _Properties, kind: str) -> Iterator[str]:
    for one in by_name.get("X-ANDROID-CUSTOM", ()):
        for text in (one.text, *one.readings):
            if text.startswith(kind):
                yield from filter(None, (_parts(text)[1],))


def _organisation(by_name: _Properties) -> tuple[str | None, str]:
    """The company and the department in it."""
    units = [part for one in by_name.get("ORG", ())[:1] for part in _parts(one.text) if part]
    return (units[0] if units else None), ", ".join(units[1:])


def _all(by_name: _Properties, name: str, labels: Mapping[str, str], scheme: str) -> tuple[Reachable, ...]:
    found: dict[str, Reachable] = {}
    for one in sorted(by_name.get(name, ()), key=_preference):
        value = re.sub(f"^{scheme}", "", _line(one.text), flags=re.IGNORECASE).replace(";ext=", " ext. ")
        if value:
            found.setdefault(value, Reachable(_kind_of(one, labels), value))
    return tuple(found.values())


def _addresses(by_name: _Properties, labels: Mapping[str, str]) -> tuple[Reachable, ...]:
    return tuple(
        Reachable(_kind_of(one, labels), text)
        for one in sorted(by_name.get("ADR", ()), key=_preference)
        if (text := ", ".join(filter(None, _parts(one.text))))
    )


def _kind_of(one: Property, labels: Mapping[str, str]) -> str:
    """What the types say, and the label that Apple's address book has in their place."""
    said = {*one.types, *re.findall(r"FAX|PAGER|CELL|MOBILE|IPHONE|HOME|WORK", labels.get(one.group, ""))}
    return next((kind for mark, kind in _KINDS.items() if any(mark in word for word in said)), "other")


def _kind(by_name: _Properties) -> str:
    said = _first(by_name, "KIND") or _first(by_name, "X-ADDRESSBOOKSERVER-KIND")
    if _first(by_name, "X-ABSHOWAS").upper() == "COMPANY":
        said = "org"
    said = said.lower()
    return "" if said == "individual" else said if said in ("", "group", "org", "location") else "other"


def _preference(one: Property) -> int:
    given = one.parameters.get("PREF", "")
    if given.isdecimal():
        return int(given)
    return 1 if "PREF" in one.types else _NO_PREFERENCE


def _listed(properties: Iterable[Property]) -> Iterator[str]:
    for one in properties:
        for text in (one.text, *one.readings):
            yield from filter(None, (_line(part) for part in split_value(text, ",")))


def _parts(text: str) -> list[str]:
    """The parts of a name or an address; several of one kind stand with blanks between them."""
    return [_joined(*map(_line, split_value(part, ","))) for part in split_value(text, ";")]


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _first(by_name: _Properties, name: str) -> str:
    return next((text for one in by_name.get(name, ()) if (text := _line(one.text))), "")


def _line(text: str) -> str:
    """One line of plain text: escapes undone, characters that nobody sees taken out."""
    return " ".join(_text(text).split())


def _text(text: str) -> str:
    plain = unicodedata.normalize("NFC", unescaped(text))
    return "".join(c for c in plain if c.isspace() or unicodedata.category(c) != "Cc").strip()
