"""The egress guard: the last look at the serialized bytes before they leave.

It is not what keeps values in; release and the types do that. It is there for the day they fail: a kept value in
the bytes, in any of these encodings, stops the step (I2) and names the value's type and origin, never the value.

Covered: kept strings of at least six characters (four for those that are not plain words), numbers of at least
five digits, in clear, case-folded, NFC/NFD/NFKC, JSON-escaped, percent-encoded, hex, base64 (three alignments,
url-safe), reversed, digits only.
Not covered: shorter values, parts of values, encryption, paraphrase; values that the user's own instruction, the
catalogue or an explicit rule already made public.
"""

import base64
import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from ahocorasick_rs import BytesAhoCorasick

from umi_edge.vault import Kept, Vault
from umi_shared.errors import PrivacyError

__all__ = ["EgressGuard", "GuardedError", "UnsafeNoGuard", "encodings"]

_MIN_WORD, _MIN_OTHER, _MIN_DIGITS = 6, 4, 5


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
    _public: list[str] = field(default_factory=list, repr=False)
    _built_for: tuple[int, int] = (-1, -1)
    _kept: list[Kept] = field(default_factory=list, repr=False)
    _automaton: BytesAhoCorasick | None = field(default=None, repr=False)

    def allow(self, text: str) -> None:
        """Note text that is public by its origin: the user's released words, the catalogue, an explicit rule."""
        if len(text) >= _MIN_OTHER:
            self._public.append(text.lower())

    def check(self, message: bytes) -> None:
        """Raise `GuardedError` when a kept value is in the bytes."""
        self._refresh()
        if self._automaton is None:
            return
        for haystack in (message, message.lower()):
            for index, start, end in self._automaton.find_matches_as_indexes(haystack, overlapping=True):
                if _is_whole(haystack, start, end):
                    raise GuardedError(self._kept[index])

    def _refresh(self) -> None:
        state = (len(self.vault), len(self._public))
        if state == self._built_for:
            return
        self._built_for = state
        public = "\n".join(self._public)
        needles: dict[bytes, Kept] = {}
        for kept in self.vault:
            for text in _strings(kept.value):
                if text.lower() not in public:
                    needles.update(dict.fromkeys(encodings(text), kept))
        self._kept = list(needles.values())
        self._automaton = BytesAhoCorasick(list(needles)) if needles else None


class UnsafeNoGuard(EgressGuard):
    """A guard that lets everything through: for tests of what must hold without it."""

    def check(self, message: bytes) -> None:
        """Let it through."""


def _strings(value: object) -> Iterator[str]:
    """The strings of a kept value that are long enough to be told from chance."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack += list(node.values()) + list(node)
        elif isinstance(node, list):
            stack += node
        elif isinstance(node, str):
            text = node.strip()
            if len(text) >= (_MIN_WORD if text.isalpha() else _MIN_OTHER):
                yield text
        elif isinstance(node, int | float) and not isinstance(node, bool):
            text = json.dumps(node)
            if sum(character.isdigit() for character in text) >= _MIN_DIGITS:
                yield text


def encodings(text: str) -> Iterable[bytes]:
    """The byte strings under which a value might leave, each once."""
    raw = text.encode()
    digits = "".join(character for character in text if character.isdigit())
    found = {raw, text.lower().encode(), text[::-1].encode()}
    found |= {unicodedata.normalize(form, text).encode() for form in ("NFC", "NFD", "NFKC")}
    found.add(json.dumps(text)[1:-1].encode())
    found |= {quote(text, safe="").encode(), quote(text, safe="").lower().encode()}
    found |= {raw.hex().encode(), raw.hex().upper().encode()}
    found |= set(_base64_cores(raw))
    if len(digits) >= max(_MIN_DIGITS, len(text) // 2):
        found.add(digits.encode())
    return {needle for needle in found if len(needle) >= _MIN_OTHER}


def _base64_cores(raw: bytes) -> Iterator[bytes]:
    """The part of a value's base64 text that is the same whatever stands around it, at each alignment."""
    if len(raw) < _MIN_WORD:
        return
    for shift in range(3):
        body = raw[(3 - shift) % 3 :]
        whole = body[: len(body) // 3 * 3]
        if len(whole) >= 3:
            yield base64.b64encode(whole)
            yield base64.urlsafe_b64encode(whole)


def _is_whole(haystack: bytes, start: int, end: int) -> bool:
    """Whether a match of plain letters is a word of its own; other matches always count."""
    needle = haystack[start:end]
    if not needle.isalpha():
        return True
    return not (haystack[start - 1 : start].isalpha() or haystack[end : end + 1].isalpha())
