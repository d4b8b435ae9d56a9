"""Letters that pass for others: by Unicode's table of confusables (UTS #39), not by one of umi's own.

Two texts whose skeletons are equal look alike. Covered: letters of another script, ligatures, digits that look like
letters, `rn` for `m`, marks that do not show, and capitals. Not covered: names that are only similar, such as
`exampel.org`, and what one typeface alone draws alike.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

import regex

__all__ = ["NOTHING_KNOWN", "KnownAddresses", "hosts_both_ways", "mixed_scripts", "passes_for"]

_UNSEEN = regex.compile(r"\p{Default_Ignorable_Code_Point}")
_ADDRESS = regex.compile(r"[^\s<>\"',;:()\[\]@]+@[^\s<>\"',;:()\[\]@/?#]+")
_HOST = regex.compile(r"(?:(?<=://)(?:[^\s/@]*@)?|(?<=@)|\b(?=www\.))([^\s/@:?#<>\"',;()\[\]]+)")
_BARE_HOST = regex.compile(r"[^\s/@:?#<>\"',;()\[\]]+\.[^\s/@:?#<>\"',;()\[\].]+")
_SHORTEST = 4
"""Characters of a name that another one can look like."""
_WRITTEN_TOGETHER = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
"""The scripts that the words of one language mix (UTS #39, 5.2, "highly restrictive")."""


def passes_for(word: str) -> str:
    """The Latin word that another one looks like in full; empty where it is plain, or looks like no such word.

    >>> passes_for("раураl"), passes_for("paypal"), passes_for("почта")
    ('paypal', '', '')
    """
    if word.isascii():
        return ""
    plain = _skeleton(word)
    return plain if plain.isascii() and plain != unicodedata.normalize("NFD", word) else ""


def mixed_scripts(word: str) -> tuple[str, ...]:
    """The scripts of a word that no language mixes; empty where it is of one script, or of some that one does.

    >>> mixed_scripts("аlice"), mixed_scripts("alice"), mixed_scripts("東京タワー")
    (('Cyrillic', 'Latin'), (), ())
    """
    if word.isascii():
        return ()
    from confusable_homoglyphs import categories  # noqa: PLC0415  # a large table, read when somebody is asked

    scripts = categories.unique_aliases(word) - {"COMMON", "INHERITED", "Unknown"}
    if len(scripts) < 2 or any(scripts <= together for together in _WRITTEN_TOGETHER):
        return ()
    return tuple(sorted(one.replace("_", " ").title() for one in scripts))


def hosts_both_ways(text: str, *, whole: bool) -> list[str]:
    """Each internationalised host of a text, as letters and as the network has it; `whole`: the text may be one.

    >>> hosts_both_ways("https://xn--80ak6aa92e.com/login", whole=True)
    ['xn--80ak6aa92e.com is “аррӏе.com”']
    >>> hosts_both_ways("ivan@почта.рф", whole=True)
    ['“почта.рф” is xn--80a1acny.xn--p1ai on the network']
    """
    return list(dict.fromkeys(said for host in _hosts(text, whole=whole) if (said := _other_way(host))))


@dataclass(frozen=True, slots=True, init=False)
class KnownAddresses:
    """The addresses and names that the user's own data has, by how they look."""

    _known: Collection[str] = field(repr=False)
    _looks: dict[str, str] = field(repr=False)

    def __init__(self, known: Iterable[str]) -> None:
        values = [value for value in known if len(value) >= _SHORTEST]
        values += {value.rpartition("@")[2]: None for value in values if "@" in value}
        object.__setattr__(self, "_known", {_same(value) for value in values})
        object.__setattr__(self, "_looks", {_look(value): value for value in values})

    def doubts(self, text: str, *, whole: bool) -> list[str]:
        """What of a text looks like one of them, and is not; `whole`: the text may be one address or name.

        >>> KnownAddresses(["paul@example.org"]).doubts("pau1@example.org", whole=True)
        ['“pau1@example.org” looks like “paul@example.org”, which is in your contacts, but is not']
        """
        found: dict[str, str] = {}
        hosts = list(_hosts(text, whole=whole))
        letters = [_converted(host) for host in hosts if host.isascii() and _is_international(host)]
        domains = [domain for host in (*hosts, *letters) for domain in _domains(host)]
        for one in (*_ADDRESS.findall(text), *domains, *([text.strip()] if whole else ())):
            known = self._looks.get(_look(one))
            if known is not None and _same(one) not in self._known:
                found.setdefault(known, one)
        return [
            f"“{one}” looks like “{known}”, which is in your contacts, but is not"
            for known, one in found.items()
        ]


NOTHING_KNOWN = KnownAddresses(())


def _hosts(text: str, *, whole: bool) -> Iterator[str]:
    yield from (host.strip(".") for host in _HOST.findall(text))
    if whole and _BARE_HOST.fullmatch(text.strip()):
        yield text.strip()


def _domains(host: str) -> list[str]:
    """A host, and what it is a part of.

    >>> _domains("www.example.org")
    ['www.example.org', 'example.org']
    """
    labels = host.split(".")
    return [".".join(labels[at:]) for at in range(max(1, len(labels) - 1))]


def _other_way(host: str) -> str:
    if not _is_international(host):
        return ""
    other = _converted(host)
    if not other:
        return f"“{host}” is no valid name of a host"
    return f"{host} is “{other}”" if host.isascii() else f"“{host}” is {other} on the network"


def _is_international(host: str) -> bool:
    return not host.isascii() or any(label.lower().startswith("xn--") for label in host.split("."))


def _converted(host: str) -> str:
    """An internationalised host in its other form; empty where it is none."""
    import idna  # noqa: PLC0415  # a large table

    try:
        return idna.decode(host) if host.isascii() else idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return ""


def _same(text: str) -> str:
    """What does not tell one address from another."""
    return unicodedata.normalize("NFC", text).casefold()


def _look(text: str) -> str:
    return _skeleton(_skeleton(text).casefold())


def _skeleton(text: str) -> str:
    """UTS #39, 4: decomposed, without what does not show, each letter as the one that stands for its like."""
    table = _prototypes()
    if text.isascii():  # as most addresses of an address book are
        return text.translate(table)
    shown = _UNSEEN.sub("", unicodedata.normalize("NFD", text)).translate(table)
    return unicodedata.normalize("NFD", shown)


@cache
def _prototypes() -> dict[int, str]:
    """The letter that stands for all of its like. The library's table has both directions, without saying which."""
    from confusable_homoglyphs.confusables import confusables_data  # noqa: PLC0415  # a large table

    table: dict[int, str] = {}
    for marked, likes in confusables_data.items():
        letter = _UNSEEN.sub("", marked)  # the table sets marks around letters that are written to the left
        if len(letter) != 1 or len(likes) != 1:
            continue  # a letter of many likes is the one that stands for them
        prototype = likes[0]["c"]
        a_pair = len(confusables_data.get(prototype, ())) == 1
        plain = _UNSEEN.sub("", prototype)
        if not (a_pair and letter < plain):
            table[ord(letter)] = plain
    return table
