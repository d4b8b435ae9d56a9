"""Expressions over numbers, dates and durations: a parser of its own, under limits; nothing is ever executed.

    sum     = product (("+" | "-") product)*
    product = unary (("*" | "/") unary)*
    unary   = "-" unary | atom
    atom    = NUMBER [UNIT] | DATE | STRING | "today" | "(" sum ")" | "[" [list] "]" | FUNCTION "(" [list] ")"
    list    = sum ("," sum)*

A string is what JSON writes for a value, so that a list from a tool can be put in as it is: it must hold a number or
a date. Functions are sum, min, max, count, average, abs, round, days, hours, minutes and weekday.

Covered: length, depth, digits and magnitude are bounded, and the time is linear in the text.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import DecimalException

from umi_edge.tools.json_type import JSON
from umi_edge.tools.operators.quantity import (
    FUNCTIONS,
    UNITS,
    ExpressionError,
    Quantity,
    add,
    as_json,
    divide,
    multiply,
    number,
    quantity,
    subtract,
)

__all__ = ["ExpressionError", "evaluate"]

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 40

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<date>\d{4}-\d{2}-\d{2}(?:[T\ ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})?)?(?![\w:]))
    | (?P<number>\d{1,40}(?:\.\d{1,40})?(?![\d.]))
    | (?P<word>[A-Za-z]{1,40})
    | (?P<text>"[^"\\]{0,80}")
    | (?P<sign>[-+*/(),\[\]])
    | (?P<end>$)
    )""",
    re.VERBOSE | re.ASCII,
)


def evaluate(text: str, *, today: date) -> JSON:
    """The value of an expression as JSON: a number, an ISO date or time, or a duration in words.

    Raises `ExpressionError`.

    >>> evaluate("2026-11-23 + 2 weeks", today=date(2026, 1, 1))
    '2026-12-07'
    >>> evaluate('sum([12.50, "3"]) * 2', today=date(2026, 1, 1))
    31
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"longer than {MAX_CHARACTERS} characters")
    try:
        return as_json(_Parser(_tokens(text), today).whole())
    except ExpressionError:
        raise
    except (DecimalException, OverflowError, ValueError, TypeError) as error:
        # Their texts may quote operands; their names say enough.
        raise ExpressionError(f"no value ({type(error).__name__})") from None


_Token = tuple[str, str]
"""A kind, and the text."""


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while True:
        found = _TOKEN.match(text, at)
        if found is None:
            raise ExpressionError("something that is not a number, date, word or sign")
        kind = str(found.lastgroup)
        yield kind, found[kind]
        if kind == "end":
            return
        at = found.end()


class _Parser:
    """Reads and computes in one pass."""

    def __init__(self, tokens: Iterator[_Token], today: date) -> None:
        self._tokens = tokens
        self._today = today
        self._depth = 0
        self._kind, self._text = next(tokens)

    def whole(self) -> Quantity:
        """The value of all of the text."""
        value = self._sum()
        if self._kind != "end":
            raise ExpressionError("something follows where it should end")
        return value

    def _next(self) -> str:
        taken = self._text
        self._kind, self._text = next(self._tokens)
        return taken

    def _take(self, sign: str) -> bool:
        if self._kind == "sign" and self._text == sign:
            self._next()
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise ExpressionError(f"a {sign} is missing")

    def _sum(self) -> Quantity:
        value = self._product()
        while True:
            if self._take("+"):
                value = add(value, self._product())
            elif self._take("-"):
                value = subtract(value, self._product())
            else:
                return value

    def _product(self) -> Quantity:
        value = self._unary()
        while True:
            if self._take("*"):
                value = multiply(value, self._unary())
            elif self._take("/"):
                value = divide(value, self._unary())
            else:
                return value

    def _unary(self) -> Quantity:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH} levels")
        value = multiply(self._unary(), number("-1")) if self._take("-") else self._atom()
        self._depth -= 1
        return value

    def _atom(self) -> Quantity:
        match self._kind:
            case "number":
                return self._with_unit(number(self._next()))
            case "date":
                return quantity(self._next())
            case "text":
                return quantity(self._next()[1:-1])
            case "word":
                return self._named(self._next().lower())
        if self._take("("):
            value = self._sum()
            self._expect(")")
            return value
        self._expect("[")
        return self._list("]")

    def _with_unit(self, count: Quantity) -> Quantity:
        unit = self._text.lower().removesuffix("s") if self._kind == "word" else ""
        if unit not in UNITS:
            return count
        self._next()
        return multiply(UNITS[unit], count)

    def _named(self, word: str) -> Quantity:
        if word == "today":
            return self._today
        if word not in FUNCTIONS:
            raise ExpressionError("an unknown word")
        self._expect("(")
        return FUNCTIONS[word](self._list(")"))

    def _list(self, end: str) -> list[Quantity]:
        values: list[Quantity] = []
        if self._take(end):
            return values
        values.append(self._sum())
        while self._take(","):
            values.append(self._sum())
        self._expect(end)
        return values
