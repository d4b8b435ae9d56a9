"""Regular expressions that cannot hang: everything a policy or a stranger can influence runs on RE2.

Python's `re` backtracks, so `(a+)+$` on a hostile text takes longer than the universe has. RE2 is linear in
the text and bounded in memory; it has no look-around and no back-references, and says so.
"""

import re
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]  # the binding has no types
from iregexp_check import check

from umi_edge.policy.alphabet import in_alphabet

__all__ = [
    "MAX_PATTERN_LENGTH",
    "Regex",
    "compile_own",
    "compile_regex",
    "full_match",
    "i_regexp_problem",
    "search",
]

MAX_PATTERN_LENGTH = 1000
_MAX_MEMORY_BYTES = 2 << 20
_MAX_OWN_MEMORY_BYTES = 8 << 20

Regex = Any
"""A compiled RE2 pattern; the binding has no types."""


@lru_cache(maxsize=512)
def compile_regex(pattern: str, *, ignore_case: bool = False, dot_all: bool = False) -> Regex:
    """Compile with RE2; raises `ValueError` with RE2's reason, which does not quote the pattern."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ValueError(f"is longer than {MAX_PATTERN_LENGTH} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    options.case_sensitive = not ignore_case
    options.dot_nl = dot_all
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args and not isinstance(error, UnicodeEncodeError) else "bad text"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"does not compile: {text.split(':')[0]}") from None


@lru_cache(maxsize=128)
def compile_own(pattern: str) -> Regex:
    """A pattern of the program's own, for texts in its `alphabet`; `.` is any character."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_OWN_MEMORY_BYTES
    options.dot_nl = True
    return re2.compile(in_alphabet(pattern), options)


def full_match(pattern: Any, text: Any, *, ignore_case: bool = False) -> bool:
    """RFC 9535's `match()`: the whole text; False for what is not text or not a pattern."""
    texts = isinstance(pattern, str) and isinstance(text, str)
    regex = _i_regexp(pattern, ignore_case) if texts else None
    return regex is not None and regex.fullmatch(_encodable(text)) is not None


def search(pattern: Any, text: Any, *, ignore_case: bool = False) -> bool:
    """RFC 9535's `search()`: anywhere in the text; False for what is not text or not a pattern."""
    texts = isinstance(pattern, str) and isinstance(text, str)
    regex = _i_regexp(pattern, ignore_case) if texts else None
    return regex is not None and regex.search(_encodable(text)) is not None


def i_regexp_problem(pattern: str) -> str:
    """What is wrong with an I-Regexp (RFC 9485); empty when nothing is."""
    if not check(pattern):
        return "is not an I-Regexp"
    try:
        compile_regex(_translated(pattern))
    except ValueError as error:
        return str(error)
    return ""


@lru_cache(maxsize=256)
def _i_regexp(pattern: str, ignore_case: bool) -> Regex | None:  # a key of the cache
    if i_regexp_problem(pattern):
        return None
    return compile_regex(_translated(pattern), ignore_case=ignore_case)


_TOKENS = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|.", re.DOTALL)


def _translated(pattern: str) -> str:
    """RFC 9485, 5.3: `.` is any character but CR and LF; `^` and `$` are themselves."""
    plain = {".": r"[^\n\r]", "^": r"\^", "$": r"\$"}
    return "".join(plain.get(token, token) for token in _TOKENS.findall(pattern))


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode(errors="replace").decode()
