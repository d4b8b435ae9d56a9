"""Link destinations: which handles of an answer stand where a value would become part of an address.

Whoever wrote the answer would have the value as soon as such a link is opened, and what shows Markdown fetches an image
by itself. So these handles stay handles. The text is read as what shows it would: by a CommonMark parser that knows
bare addresses too, once with a word in place of each handle, and once with the values themselves, since a value may
hold the beginning of a link that another one then completes.

Covered: destinations of links, images, reference definitions and autolinks, however they are written (entities,
backslashes, over lines); raw HTML, also where a tag or a `<style>` is left open; bare addresses with a scheme, `www.`
or a domain that a value would be part of; labels by which a value would choose a definition.
An address that stands whole within one value is shown where the user or a stranger wrote it: no other value is in it.
`holds_address` is for what a model may have written, who can have put one there.
Not covered: what a program does with plain words.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from umi_shared.handles import Handle

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = ["holds_address", "linked"]

_SCHEMES = (
    "mailto|sms|smsto|tel|callto|xmpp|sips?|skype|whatsapp|viber|tg|geo|maps|magnet|file|s?ftps?|ssh|data|javascript|"
    "facetime|imessage|irc|ldap|news|rtsp|slack|teams|zoommtg|wss?|https?"
)
_ENDS = ".,;:!?()[]{}<>'\"*_`|"
_WORD = "umi{number}zz"
_WORDS = re.compile(r"umi(\d+)zz")
_BARE = re.compile(
    rf"(?:\b(?:{_SCHEMES}):|//|\bwww\.)\S*?umi\d+zz\S*"  # after a scheme
    r"|umi\d+zz[^\s,;:!?)\]}'\"]*\.[^\W\d_]{2,}\S*"  # as a part of a domain
    r"|[\w-]\.[^\W\d_]{2,}[^\s,;!?)\]}'\"]*[/?#@=&%:]\S*?umi\d+zz\S*",  # after a domain
    re.IGNORECASE,
)

_ADDRESS = re.compile(rf"(?:(?:{_SCHEMES}):|//|www\.)\S*", re.IGNORECASE)
"""A bare address, also within a word: not every program asks for a blank before it."""

_TAG = re.compile(r"<[a-zA-Z!?/][^>]*")
"""A tag, or what a program that is lax about HTML may take for one, as far as it goes on."""


_PART_OF_ADDRESS = re.compile(r"[\w-]\.[^\W\d_]{2,}|\]\s*[(:]")
"""A domain, or what in Markdown comes before an address."""


def holds_address(value: str) -> bool:
    """Whether a value may be opened or fetched, as it is or in part.

    >>> holds_address("see https://evil.example/?q=1"), holds_address("see me at 10:00, e.g. at home")
    (True, False)
    """
    return any(one.search(value) for one in (_ADDRESS, _TAG, _PART_OF_ADDRESS))


def linked(parts: Sequence[str | Handle], values: Mapping[Handle, str], since: int = 0) -> frozenset[int]:
    """The indexes of those handles, from index `since` on, that may not get their values here.

    `parts` is an answer up to the end of a block; a handle before `since`, or without a value, counts as text.
    """
    values_at = {
        at: values[part]
        for at, part in enumerate(parts)
        if at >= since and isinstance(part, Handle) and part in values
    }
    if not values_at:
        return frozenset()
    words = {at: _WORD.format(number=at) for at in values_at}
    worded = _Page("".join(words.get(at, str(part)) for at, part in enumerate(parts)))
    stay = {int(at) for place in worded.places for at in _WORDS.findall(place)} & values_at.keys()
    given = {at: value for at, value in values_at.items() if at not in stay}
    filled = _Page("".join(given.get(at, str(part)) for at, part in enumerate(parts)))
    new = filled.destinations - worded.destinations
    return frozenset(stay if all(_is_within(one, given.values()) for one in new) else values_at)


class _Page:
    """A text as a program that shows Markdown reads it."""

    def __init__(self, text: str) -> None:
        self.destinations: set[str] = set()
        self.places: set[str] = set()
        """Where no value may stand: destinations, raw HTML, and bare addresses."""
        environment: dict[str, Any] = {}
        self._read(_parser().parse(text, environment))
        for label, definition in environment.get("references", {}).items():
            self.destinations.add(str(definition["href"]))
            self.places.add(str(label).lower())  # a value would choose which address it is
        # A definition that comes too late counts for nothing here; another program may take the last one, and
        # a terminal makes a link of an address wherever it stands.
        self.destinations |= {str(one["href"]) for one in environment.get("duplicate_refs", ())}
        self.places |= {match.group() for match in _BARE.finditer(text)}
        self.places |= {match.group() for match in _TAG.finditer(text)}
        self.destinations = {unquote(one) for one in self.destinations}
        self.places |= self.destinations

    def _read(self, tokens: "list[Token]") -> None:
        for token in _all(tokens):
            self.destinations |= {
                str(value) for name, value in token.attrs.items() if name in ("href", "src")
            }
            if token.type in ("html_block", "html_inline"):
                self.places.add(token.content)
                self.destinations |= set(_addresses(token.content))
        for token in tokens:
            if token.type == "inline" and token.children is not None:
                said = "".join(_said(token.children))
                # Entities and backslashes once more: another program may read them where this one did not.
                for text in (
                    said,
                    html.unescape(said),
                    re.sub(r"\\(.)", r"\1", html.unescape(token.content)),
                ):
                    self.places |= {match.group() for match in _BARE.finditer(text)}
                    self.destinations |= {match.group().rstrip(_ENDS) for match in _ADDRESS.finditer(text)}


def _all(tokens: "list[Token]") -> "Iterator[Token]":
    for token in tokens:
        yield token
        yield from _all(token.children or [])


def _said(tokens: "list[Token]") -> Iterator[str]:
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                yield "\n"
            case "text" | "code_inline":
                yield token.content


class _Tags(HTMLParser):
    """The addresses in the attributes of raw HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.found += [value for _, value in attrs if value]


def _addresses(raw: str) -> list[str]:
    tags = _Tags()
    tags.feed(raw)
    return tags.found


def _is_within(place: str, values: Iterable[str]) -> bool:
    """Whether an address stands whole in one value; the scheme may be the program's own."""
    bare = re.sub(r"^(?:mailto:|https?://)", "", place)
    return any(bare and bare in unquote(value) for value in values)


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415  # only an answer with handles needs it

    made = MarkdownIt("commonmark", {"html": True, "linkify": True}).enable(["linkify", "table"])
    made.validateLink = _any_link  # type: ignore[method-assign]
    return made


def _any_link(url: str) -> bool:
    """Another program may show what this one would not."""
    del url
    return True
