"""What a grammar can be made of: asked of llguidance itself, with an alphabet of bytes."""

import json
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import llguidance

__all__ = ["grammar_refusal", "pattern_compiles"]

_OTHERWISE_READ = re.compile(r"\[\[|&&|--|~~|\\[<>bBAzZG]|\(\?[a-zA-Z-]*[xU]")
"""Means one thing in a schema's patterns and another in a grammar's."""
_REPEATS = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_MOST_REPEATS = 2000


@lru_cache(maxsize=1024)
def grammar_refusal(schema: str) -> str:
    """Why no grammar can be made of a schema, given as JSON text; empty where one can. Takes milliseconds."""
    return _refusal("json", schema)


@lru_cache(maxsize=1024)
def pattern_compiles(pattern: str) -> bool:
    """Whether a grammar can have this pattern, and means by it what a schema means.

    Covered: a pattern whose counted repetitions multiply to more than a grammar can hold.
    """
    product = 1
    for low, high in _REPEATS.findall(pattern):
        product *= max(1, int(low[:6]), int((high or "0")[:6]))
    if product > _MOST_REPEATS or _OTHERWISE_READ.search(pattern):
        return False
    return not _refusal("json", json.dumps({"type": "string", "pattern": pattern}))


def _refusal(kind: str, text: str) -> str:
    del kind
    import llguidance  # noqa: PLC0415  # machine code

    try:
        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            text, overrides={"whitespace_flexible": False}
        )
        matcher = llguidance.LLMatcher(_bytes(), grammar, log_level=0)
    except ValueError as error:
        return str(error)
    return matcher.get_error().partition("\n")[0] if matcher.is_error() else ""


@cache
def _bytes() -> "llguidance.LLTokenizer":
    import llguidance  # noqa: PLC0415  # machine code

    return llguidance.LLTokenizer("byte")


def text_of(schema: Mapping[str, Any]) -> str:
    """A schema as JSON text."""
    return json.dumps(schema)
