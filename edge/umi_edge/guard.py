"""The egress guard: the last look at the serialized bytes before they leave.

It is not what keeps values in; release and the types do that. It is there for the day they fail: a kept value in
the bytes, in any of these encodings, stops the step (I2) and names the value's type and origin, never the value.

Covered: kept strings of at least six characters (four for those that are not plain words) and numbers of at least
five digits: in clear, in any case, accents, width or look-alike letters, reversed, JSON-escaped, percent-encoded,
hex; from eight letters or digits on without their punctuation, or split over neighbouring fields; from eight
bytes on base64 (any alignment, url-safe).
Not covered: shorter values, parts of values, values split over fields that are apart, encryption, compression,
paraphrase; values that the user's own instruction, the catalogue or an explicit rule already made public, and
those that a rule lets this very sink read.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ahocorasick_rs import AhoCorasick

from umi_edge.decoded import decoded_bytes, decoded_texts
from umi_edge.growing_index import GrowingIndex, Match
from umi_edge.json_walk import scalars
from umi_edge.known_values import is_seen
from umi_edge.policy.projection import projected
from umi_edge.vault import Kept, Vault
from umi_shared.errors import PrivacyError
from umi_shared.labels import Sink
from umi_shared.wire import strings_of

__all__ = ["EgressGuard", "GuardedError", "UnsafeNoGuard"]

_MIN_WORD, _MIN_OTHER, _MIN_DIGITS = 6, 4, 5
_MIN_SQUEEZED = 8
_PUNCTUATION = re.compile(r"[\W_]+")
_OTHER_THAN_DIGITS = re.compile(r"\D+")
_ASCII_PUNCTUATION = bytes(code for code in range(128) if not chr(code).isalnum())


class GuardedError(PrivacyError):
    """The guard found a kept value in bytes about to leave; nothing was sent."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(
            f"the egress guard stopped a message: it holds the value of {kept.handle} "
            f"(from {kept.origin}), which the policy keeps on this device",
            fix="this is a fault in umi or two rules that disagree on the same value; "
            "`umi policy explain` shows them; please report it",
        )
        self.handle = kept.handle


@dataclass(slots=True)
class EgressGuard:
    """Scans messages for every value of one session's vault."""

    vault: Vault
    _read: int = 0
    _public: dict[Sink, list[str]] = field(default_factory=dict, repr=False)
    """What a sink has read anyway; under the empty name, what all may read."""
    _exempt: dict[tuple[Sink, str], bool] = field(default_factory=dict, repr=False)
    _kept: dict[str, list[Kept]] = field(default_factory=dict, repr=False)
    """By the value as it is looked for."""
    _of: dict[str, list[str]] = field(default_factory=dict, repr=False)
    """The values behind a needle that is none of them itself."""
    _words: GrowingIndex[str] = field(default_factory=lambda: GrowingIndex[str](AhoCorasick), repr=False)
    _squeezed: GrowingIndex[str] = field(default_factory=lambda: GrowingIndex[str](AhoCorasick), repr=False)
    _raw: GrowingIndex[str] = field(default_factory=lambda: GrowingIndex[str](AhoCorasick), repr=False)
    """The bytes, as Latin-1, of values that read otherwise when they are projected."""

    def allow(self, text: str, sink: Sink = "") -> None:
        """Note text that is public by its origin: the user's released words, the catalogue, an explicit rule.

        With a sink: text that this one has been sent already, and no other.
        """
        if len(text) >= _MIN_OTHER:
            self._public.setdefault(sink, []).append(projected(text))
            self._exempt = {place: True for place, exempt in self._exempt.items() if exempt}

    def check(self, message: bytes, sink: Sink) -> None:
        """Raise `GuardedError` when a value that this sink may not read is in the bytes."""
        self._refresh()
        if not self._kept:
            return
        for word, squeezed in self._found(message):
            kept = self._kept[word]
            if any(one.label.may_read(sink) for one in kept) or self._is_public(word, sink):
                continue
            if not squeezed or not self._is_public(squeezed, sink, squeezed=True):
                raise GuardedError(kept[0])

    def _found(self, message: bytes) -> Iterator[tuple[str, str]]:
        """The kept values that are in the bytes, each as it is looked for; and without punctuation, if found so."""
        strings = strings_of(message) or [message.decode(errors="replace")]
        joined = " ".join(strings)
        text = projected(joined)
        for reading in (text, text[::-1], *map(projected, decoded_texts(joined))):
            for match in self._words.find(reading):
                if is_seen(reading, match):
                    yield match.needle, ""
        for reading in (_squeezed(text), message.decode("latin-1")):
            for found in self._squeezed.find(reading):
                yield from ((word, found.needle) for word in self._of[found.needle])
        for decoded in decoded_bytes(message):
            for match in self._words.find(decoded.text):
                if decoded.holds(match.start, match.end):
                    yield match.needle, ""
            for match in self._raw.find(decoded.text):
                if decoded.holds(match.start, match.end):
                    yield from ((word, "") for word in self._of[match.needle])

    def _is_public(self, word: str, sink: Sink, *, squeezed: bool = False) -> bool:
        """Whether public text holds a word; of a squeezed one, whether it does without its punctuation.

        "new password" in a tool's description is then no sign of a kept "new_password".
        """
        place = (sink, f" {word}" if squeezed else word)
        if place not in self._exempt:
            texts = self._public.get("", []) + self._public.get(sink, [])
            escaped = json.dumps(word, ensure_ascii=False)[1:-1]
            self._exempt[place] = any(
                word in _squeezed(text) if squeezed else _holds(text, word) or _holds(text, escaped)
                for text in texts
            )
        return self._exempt[place]

    def _refresh(self) -> None:
        for kept in self.vault.since(self._read):
            for text, word in _strings(kept.value):
                known = self._kept.get(word)
                if known is None:
                    self._kept[word] = [kept]
                    self._words.add(word)
                    for squeezed in _squeezings(word):
                        self._of.setdefault(squeezed, []).append(word)
                        self._squeezed.add(squeezed)
                else:
                    known.append(kept)
                if not text.isascii() or text.lower() != word:
                    self._look_for_bytes(text, word)
        self._read = len(self.vault)

    def _look_for_bytes(self, text: str, word: str) -> None:
        raw = text.encode(errors="replace").decode("latin-1").lower()
        words = self._of.setdefault(raw, [])
        if word not in words:
            words.append(word)
            self._raw.add(raw)


class UnsafeNoGuard(EgressGuard):
    """A guard that lets everything through: for tests of what must hold without it."""

    def check(self, message: bytes, sink: Sink) -> None:
        """Let it through."""


def _strings(value: object) -> Iterator[tuple[str, str]]:
    """The strings of a kept value that are long enough to be told from chance, and as they are looked for."""
    for node in scalars(value):
        if isinstance(node, str):
            text = node.strip()
            word = projected(text)
            if len(word) >= (_MIN_WORD if text.isalpha() else _MIN_OTHER):
                yield text, word
        elif isinstance(node, int | float) and not isinstance(node, bool):
            text = json.dumps(node)
            if sum(character.isdigit() for character in text) >= _MIN_DIGITS:
                yield text, projected(text)


def _squeezed(text: str) -> str:
    """Letters and digits only."""
    if text.isascii():
        return text.encode().translate(None, _ASCII_PUNCTUATION).decode()
    return _PUNCTUATION.sub("", text)


def _squeezings(word: str) -> Iterator[str]:
    """A value without its punctuation, and its digits where they are most of it."""
    if len(word) < _MIN_SQUEEZED:
        return
    squeezed = word if word.isalnum() else _squeezed(word)
    if len(squeezed) >= _MIN_SQUEEZED:
        yield squeezed
    digits = _OTHER_THAN_DIGITS.sub("", word)
    if len(digits) >= max(_MIN_SQUEEZED, len(word) // 2) and digits != squeezed:
        yield digits


def _holds(text: str, word: str) -> bool:
    """Whether a public text holds the value; a single word, not within a longer one."""
    at = text.find(word)
    while at >= 0:
        if is_seen(text, Match(at, at + len(word), word)):
            return True
        at = text.find(word, at + 1)
    return False
