"""The egress guard: the last look at the serialized bytes before they leave.

It is not what keeps values in; release and the types do that. It is there for the day they fail: a kept value in
the bytes, in any of these encodings, stops the step (I2) and names the value's type and origin, never the value.

Covered: kept strings of at least six characters (four for those that are not plain words) and numbers of at least
five digits: in clear, in any case, accents, width or look-alike letters, reversed, JSON-escaped, percent-encoded,
hex; from eight letters or digits on without their punctuation, or split over neighbouring fields; from eight
bytes on base64 (any alignment, url-safe).
Not covered: shorter values, parts of values, values split over fields that are apart, encryption, compression,
paraphrase; values that the user's own instruction, the catalogue or an explicit rule already made public, names of
handles' types, and values that a rule lets this very sink read.

I2: docs/design.md#i2-fail-closed
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ahocorasick_rs import AhoCorasick, Implementation

from umi_edge.egress.prefilter import Sieve, squeezings
from umi_edge.egress.readings import Readings, squeezed
from umi_edge.labelling.known_values import is_seen
from umi_edge.labelling.vault import Kept, Vault
from umi_edge.policy.projection import all_projected, projected
from umi_edge.values.growing_index import Match
from umi_edge.values.json_walk import scalars
from umi_shared.errors import PrivacyError
from umi_shared.labels import Sink

__all__ = ["EgressGuard", "GuardedError", "UnsafeNoGuard"]

_MIN_WORD, _MIN_OTHER, _MIN_DIGITS = 6, 4, 5


class GuardedError(PrivacyError):
    """The guard found a kept value in bytes about to leave; nothing was sent."""

    def __init__(self, kept: Kept, sink: Sink) -> None:
        super().__init__(
            f"the egress guard stopped a message: it holds the value of {kept.handle} "
            f"(from {kept.origin}), which the policy keeps on this device",
            fix="this is a fault in umi: please report it",
        )
        self.handle = kept.handle
        self.sink = sink


@dataclass(slots=True)
class EgressGuard:
    """Scans messages for every value of one session's vault."""

    vault: Vault
    _read: int = 0
    _public: dict[Sink, list[str]] = field(default_factory=dict, repr=False)
    """Text that each sink has been sent already; under the empty name, text that every sink may read."""
    _exempt: dict[tuple[Sink, str], bool] = field(default_factory=dict, repr=False)
    _kept: dict[str, list[Kept]] = field(default_factory=dict, repr=False)
    """What was kept, by the form in which it is looked for."""
    _bytes: dict[str, set[str]] = field(default_factory=dict, repr=False)
    """The bytes, as small Latin-1 letters, of values that read otherwise when they are projected."""
    _sieve: Sieve = field(default_factory=Sieve, repr=False)
    _types: set[str] = field(default_factory=set, repr=False)
    """The types of all handles, which are in each message that has one: a note may be called "person"."""

    def allow(self, text: str, sink: Sink = "") -> None:
        """Note text that is public by its origin: the user's released words, the catalogue, an explicit rule.

        With a sink: text that this one has been sent already, and no other.
        """
        if len(text) >= _MIN_OTHER:
            self._public.setdefault(sink, []).append(projected(text))
            self._exempt = {place: True for place, exempt in self._exempt.items() if exempt}

    def forget_public(self) -> None:
        """Take nothing for public any more, because of a value that is to stay from now on."""
        self._public.clear()
        self._exempt.clear()

    def check(self, message: bytes, sink: Sink) -> None:
        """Raise `GuardedError` when a value that this sink may not read is in the bytes."""
        self._refresh()
        if not self._kept:
            return
        readings = Readings.of(message)
        caught = self._sieve.caught(readings.bare())
        words = [word for word in caught if not self._may_leave(word, sink)]
        for word, without in self._found(readings, words) if words else ():
            if not without or not self._is_public(without, sink, unpunctuated=True):
                raise GuardedError(self._kept[word][0], sink)

    def _may_leave(self, word: str, sink: Sink) -> bool:
        return any(one.label.may_read(sink) for one in self._kept[word]) or self._is_public(word, sink)

    def _found(self, readings: Readings, words: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Those of the words that are in a message; and without punctuation, if found so."""
        plain = _Needles((word, word) for word in words)
        for reading in (readings.texts[0], readings.texts[0][::-1], *readings.texts[1:]):
            for match, _ in plain.find(reading):
                if is_seen(reading, match):
                    yield match.needle, ""
        short = _Needles((text, word) for word in words for text in squeezings(word))
        for reading in (squeezed(readings.texts[0]), readings.decoded[0].source.decode("latin-1")):
            for match, of in short.find(reading):
                yield from ((word, match.needle) for word in of)
        raw = _Needles((text, word) for word in words for text in {word, *self._bytes.get(word, ())})
        for decoded in readings.decoded:
            for match, of in raw.find(decoded.text):
                if decoded.holds(match.start, match.end):
                    yield from ((word, "") for word in of)

    def _is_public(self, word: str, sink: Sink, *, unpunctuated: bool = False) -> bool:
        """Whether public text holds a word; of an `unpunctuated` one, whether it does without its own.

        "new password" in a tool's description is then no sign of a kept "new_password".
        """
        if word in self._types:
            return True
        place = (sink, f" {word}" if unpunctuated else word)
        if place not in self._exempt:
            texts = self._public.get("", []) + self._public.get(sink, [])
            escaped = json.dumps(word, ensure_ascii=False)[1:-1]
            self._exempt[place] = any(
                word in squeezed(text) if unpunctuated else _holds(text, word) or _holds(text, escaped)
                for text in texts
            )
        return self._exempt[place]

    def _refresh(self) -> None:
        added = list(self.vault.since(self._read))
        self._types.update(kept.handle.type for kept in added)
        found = [(text, kept) for kept in added for text in _strings(kept.value)]
        new: list[str] = []
        for (text, kept), word in zip(found, all_projected([text for text, _ in found]), strict=True):
            if len(word) < (_MIN_WORD if text.isalpha() else _MIN_OTHER):
                continue
            known = self._kept.get(word)
            if known is None:
                self._kept[word] = [kept]
                new.append(word)
            else:
                known.append(kept)
            if not text.isascii() or text.lower() != word:
                raw = text.encode(errors="replace")
                self._bytes.setdefault(word, set()).add(raw.decode("latin-1").lower())
                self._sieve.add_bytes(raw, word)
        self._sieve.add(new)
        self._read = len(self.vault)


class UnsafeNoGuard(EgressGuard):
    """A guard that lets everything through: for tests of what must hold without it."""

    def check(self, message: bytes, sink: Sink) -> None:
        """Let it through."""


class _Needles:
    """Strings to look for, and the words that each of them stands for."""

    def __init__(self, needles: Iterable[tuple[str, str]]) -> None:
        self._of: dict[str, list[str]] = {}
        for needle, word in needles:
            self._of.setdefault(needle, []).append(word)
        self._needles = list(self._of)
        self._automaton: Any = AhoCorasick(self._needles, implementation=Implementation.ContiguousNFA)

    def find(self, text: str) -> Iterator[tuple[Match[str], list[str]]]:
        """Every occurrence, overlapping ones too."""
        for at, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            needle = self._needles[at]
            yield Match(start, end, needle), self._of[needle]


def _strings(value: object) -> Iterator[str]:
    """The strings of a kept value, and those of its numbers that are long enough to be told from chance."""
    for node in (value,) if isinstance(value, str) else scalars(value):
        if isinstance(node, str):
            yield node.strip()
        elif isinstance(node, int | float) and not isinstance(node, bool):
            text = json.dumps(node)
            if sum(character.isdigit() for character in text) >= _MIN_DIGITS:
                yield text


def _holds(text: str, word: str) -> bool:
    """Whether a public text holds the value; a single word, not within a longer one."""
    at = text.find(word)
    while at >= 0:
        if is_seen(text, Match(at, at + len(word), word)):
            return True
        at = text.find(word, at + 1)
    return False
