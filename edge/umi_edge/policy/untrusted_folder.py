"""An untrusted folder: where in the user's own stores the policy says that strangers' texts lie."""

import re
import unicodedata
from dataclasses import dataclass, field

__all__ = ["STORES", "UntrustedFolder"]

STORES = ("calendar", "contacts", "files", "notes")
"""The stores of built-in tools whose records lie in files, and are the user's own unless something says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UntrustedFolder:
    """One line of `untrusted:`, such as `notes/clippings/**`: what it names, and all below that.

    >>> clippings = UntrustedFolder.of("notes/clippings/**", rule_id="", line=1)
    >>> clippings.holds("notes", "Clippings/2026/a.md"), clippings.holds("notes", "clippings.md")
    (True, False)
    >>> UntrustedFolder.of("files/*/inbox/*.txt", rule_id="", line=1).holds("files", "home/inbox/a.txt")
    True
    """

    text: str = field(repr=False)
    """As it is written."""
    store: str = field(repr=False)
    pattern: re.Pattern[str] = field(repr=False)
    rule_id: str = field(repr=False)
    line: int

    @classmethod
    def of(cls, text: str, *, rule_id: str, line: int) -> "UntrustedFolder":
        """What a line says. Raises `ValueError` for one that names no file."""
        store, _, glob = _spelled(text).partition("/")
        parts = glob.removesuffix("/**").split("/")
        if store not in STORES or not all(parts) or any(part in (".", "..") for part in parts):
            raise ValueError("names no folder")
        pattern = re.compile("".join(map(_segment, parts)) + ".*", re.DOTALL)
        return cls(text=text, store=store, pattern=pattern, rule_id=rule_id, line=line)

    def holds(self, store: str, path: str) -> bool:
        """Whether it says so of a file of a store; case does not count, as it does not on every disk."""
        return store == self.store and self.pattern.fullmatch(_spelled(path) + "/") is not None


def _spelled(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _segment(glob: str) -> str:
    """One part of a path, with the slash after it: `**` is any number of them, `*` and `?` stop at a slash."""
    if glob == "**":
        return "(?:[^/]+/)*"
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(one, re.escape(one)) for one in glob) + "/"
