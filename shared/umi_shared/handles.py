r"""Handles: the typed references that the cloud sees in place of values.

A handle is written `<type:number>`, for example `<email:1>`. Text that looks like one but comes from an input is
escaped with a backslash on its way in, so it never resolves (I4); the escape is undone where the text is put
back on the device.

>>> parts_of("Write to <email:1>, not to <\\email:1>.")
('Write to ', Handle('email', 1), ', not to <\\email:1>.')

I4: docs/design.md#i4-handles-resolve-in-one-place
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

__all__ = [
    "HANDLE_NUMBER_PATTERN",
    "HANDLE_PATTERN",
    "HANDLE_TYPE_PATTERN",
    "MAX_HANDLE_NUMBER",
    "Handle",
    "Text",
    "escape",
    "inert",
    "parts_of",
    "render",
    "unescape",
]

HANDLE_TYPE_PATTERN = r"[a-z][a-z0-9_]{0,31}"
HANDLE_NUMBER_PATTERN = "[1-9][0-9]{0,8}"
HANDLE_PATTERN = rf"<({HANDLE_TYPE_PATTERN}):({HANDLE_NUMBER_PATTERN})>"
MAX_HANDLE_NUMBER = 999_999_999
"""The highest number of a handle; it fits the wire's 32 bits."""

_HANDLE = re.compile(HANDLE_PATTERN)
_LOOKALIKE = re.compile(rf"<(\\*)({HANDLE_TYPE_PATTERN}:[0-9]+)>")
_ESCAPED = re.compile(rf"<\\(\\*{HANDLE_TYPE_PATTERN}:[0-9]+)>")
_TYPE = re.compile(HANDLE_TYPE_PATTERN)
_is_type = lru_cache(maxsize=1024)(_TYPE.fullmatch)


@dataclass(frozen=True, slots=True, order=True)
class Handle:
    """A typed reference to a value in one session's vault.

    >>> str(Handle("email", 1))
    '<email:1>'
    >>> Handle("E mail", 1)
    Traceback (most recent call last):
    ValueError: not a handle type: 'E mail'
    """

    type: str
    number: int

    def __post_init__(self) -> None:
        if not _is_type(self.type):
            raise ValueError(f"not a handle type: {self.type!r}")
        if not 1 <= self.number <= MAX_HANDLE_NUMBER:
            raise ValueError(f"not a handle number: {self.number!r}")

    def __str__(self) -> str:
        return f"<{self.type}:{self.number}>"

    def __repr__(self) -> str:
        return f"Handle({self.type!r}, {self.number})"


Text = tuple[str | Handle, ...]
"""Text as the cloud may see it: clear strings and handles, in reading order."""


def parts_of(text: str) -> Text:
    """Split text written by a model into clear strings and handles; handles are not yet known to exist."""
    parts: list[str | Handle] = []
    end = 0
    for match in _HANDLE.finditer(text):
        if match.start() > end:
            parts.append(text[end : match.start()])
        parts.append(Handle(match[1], int(match[2])))
        end = match.end()
    if end < len(text):
        parts.append(text[end:])
    return tuple(parts)


def render(text: Iterable[str | Handle]) -> str:
    """The string a model reads.

    >>> render(("To ", Handle("email", 1)))
    'To <email:1>'
    """
    return "".join(map(str, text))


def escape(text: str) -> str:
    r"""Make handle-like text from an input unable to resolve; reversible, and never applied to our own handles.

    >>> escape("pay <iban:1>")
    'pay <\\iban:1>'
    >>> unescape(escape("a <\\x:1> b")) == "a <\\x:1> b"
    True
    """
    return _LOOKALIKE.sub(r"<\\\1\2>", text) if "<" in text else text


def unescape(text: str) -> str:
    """Undo `escape`, on the device, where text is shown to the user or given to a tool."""
    return _ESCAPED.sub(r"<\1>", text) if "<\\" in text else text


def inert(text: str) -> str:
    r"""The text with every handle escaped, so that none resolves; what is already escaped stays as it is.

    >>> inert("<a:1> <\\a:2>")
    '<\\a:1> <\\a:2>'
    """
    if "<" not in text:
        return text
    return "".join(escape(str(part)) if isinstance(part, Handle) else part for part in parts_of(text))
