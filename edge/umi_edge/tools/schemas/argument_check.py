"""The check of a call's arguments against all that the tool's own schema says, under limits.

Covered: a pattern that would run for ever (RE2, else a time limit), schemas that refer to each other without end, a
keyword that umi can't apply: what can't be decided in time passes, and the server has the last word. Formats count.
Not covered: `unevaluatedProperties` beside `patternProperties`, which passes.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import referencing
import regex
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from umi_edge.policy.regexes import compile_regex
from umi_edge.tools.schemas.sound_schema import SoundSchema

__all__ = ["ArgumentCheck", "Problem"]

_PROBLEMS = 5
_MAX_KEYWORDS = 100_000
"""Keywords applied in one check: a third of a second."""
_MAX_ITEMS = 2_000
"""Longer lists are not compared item by item."""
_PATTERN_SECONDS = 0.05
_DETAIL = 300
_TOLD = frozenset({"type", "enum", "const", "minLength", "maxLength", "pattern", "format"})
_BY_VALUE = frozenset(
    {"if", "then", "else", "anyOf", "oneOf", "allOf", "not", "dependentSchemas", "$ref", "contains"}
)


class _EndlessError(Exception):
    """The check takes more steps than it is worth."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a tool's schema does not admit."""

    location: tuple[str | int, ...] = field(repr=False)
    """Where in the arguments."""
    by_names_only: bool
    """Whether member names alone decided it, and no value."""
    path: tuple[str | int, ...] = field(repr=False)
    """Where in the schema; its last part is the keyword."""
    word: str = field(repr=False)
    """What the keyword wants, in the schema's own words; empty where that would be long."""
    text: str = field(repr=False)
    """What is wrong, with the values: for the caller on this device."""

    @property
    def rule(self) -> str:
        """The schema's own words, and no value of the arguments (I8)."""
        where = "/".join(map(str, self.path))
        return f"{where}: {self.word}" if self.word else where


@dataclass(frozen=True, slots=True)
class ArgumentCheck:
    """The check of one tool's arguments."""

    sound: SoundSchema

    def problems(self, arguments: Mapping[str, Any]) -> tuple[Problem, ...]:
        """What the schema does not admit, the first few; none where it can't be decided."""
        counter = _Counter()
        keywords = {word: counter.counted(function) for word, function in _KEYWORDS.items()}
        # An empty registry: a `$ref` that leaves the schema is an error, not a download.
        validator = _extend(Draft202012Validator, keywords)(
            self.sound.schema, format_checker=_FORMATS, registry=referencing.Registry()
        )
        try:
            found = list(itertools.islice(validator.iter_errors(arguments), _PROBLEMS))
        except Exception:  # whatever a stranger's schema makes of a library: it decides nothing
            return ()
        return tuple(map(_problem, found))


def _problem(error: ValidationError) -> Problem:
    word = ""
    if error.validator == "required" and isinstance(error.instance, dict):
        names = error.validator_value if isinstance(error.validator_value, list) else []
        word = f"missing {', '.join(name for name in names if name not in error.instance)}"
    elif error.validator in _TOLD:
        word = f"must be {error.validator_value}"
    path = tuple(error.absolute_schema_path)
    best = jsonschema.exceptions.best_match([error]) or error
    inside = ".".join(map(str, best.absolute_path))
    return Problem(
        location=tuple(error.absolute_path),
        by_names_only=error.validator == "required" and not _BY_VALUE & set(path),
        path=path,
        word=word,
        text=f"{inside}: {best.message[:_DETAIL]}" if inside else best.message[:_DETAIL],
    )


class _Counter:
    """Counts the keywords that are applied, and ends a check that would go on for ever."""

    def __init__(self) -> None:
        self._left = _MAX_KEYWORDS

    def counted(self, keyword: Any) -> Any:
        """The function of a keyword, counted."""

        def apply(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise _EndlessError
            return keyword(validator, value, instance, schema)

        return apply


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    """The pattern on RE2; on a library that backtracks, with a time limit, where RE2 has no word for it."""
    try:
        return compile_regex(pattern)
    except ValueError:
        pass
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError):
        return None


def _matches(pattern: str, text: str) -> bool:
    compiled = _compiled(pattern)
    if compiled is None:
        return True
    try:
        if isinstance(compiled, regex.Pattern):
            return compiled.search(text, timeout=_PATTERN_SECONDS) is not None
        return compiled.search(text) is not None
    except (TimeoutError, UnicodeEncodeError):
        return True


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    del schema
    if validator.is_type(instance, "string") and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    del schema
    if validator.is_type(instance, "object"):
        for pattern, part in patterns.items():
            for name, value in instance.items():
                if _matches(pattern, name):
                    yield from validator.descend(value, part, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, rest: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in schema.get("properties", {}) or any(_matches(pattern, name) for pattern in patterns):
            continue
        if rest is False:
            yield ValidationError(f"there is no {name!r}")
        else:
            yield from validator.descend(value, rest, path=name)


def _unevaluated_properties(
    validator: Any, rest: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if "patternProperties" not in str(schema):
        yield from Draft202012Validator.VALIDATORS["unevaluatedProperties"](validator, rest, instance, schema)


def _unique_items(validator: Any, unique: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, list) and len(instance) <= _MAX_ITEMS:
        yield from Draft202012Validator.VALIDATORS["uniqueItems"](validator, unique, instance, schema)


_extend: Any = extend  # has no types

_KEYWORDS: Mapping[str, Any] = {
    **Draft202012Validator.VALIDATORS,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "unevaluatedProperties": _unevaluated_properties,
    "uniqueItems": _unique_items,
}

_FORMATS = FormatChecker(("email", "ipv4", "ipv6", "date", "uuid"))


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or ("T" in value.upper() and bool(datetime.fromisoformat(value)))


@_FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)
