"""Declassification: what a policy's `show` tells of a value that stays, and the bits that this spends.

Every fact is charged by worst case: as if each of its possible answers were as likely as the others, the answer
"no such fact" among them. So no choice of values, and no planner that chooses what is put where, gets more out of
a session than `limits.declassified_bits`.

    domain      of an e-mail address or a URL; log2(39) a character and for the end: a name can spell anything
    last4       of eight letters and digits or more, 21 bits: a shorter value would be shown by half
    year        of an ISO date, 14 bits
    month       of an ISO date, with its year, 17 bits
    count       of a list or an object that is kept whole; 16 bits, and "many" from 65,534 on
    sign        of a number, 2 bits
    bucket(n)   of a number, in steps of n, 32,766 steps to each side; 16 bits
    found       of a text or a list that an operator reads: whether it found what was asked for, 1 bit a question
    hash        32 bits of an HMAC-SHA-256 under a key that stays here: it tells which values are equal

The same fact of the same handle is charged once, however often it is shown.

Covered: what `show` tells. Not covered: what open shapes tell (lengths, keys, nulls, failures), which `shapes` counts;
and that handles of one value are the same, which `link: false` hides.
"""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from umi_shared.errors import PrivacyError
from umi_shared.handles import Handle

__all__ = ["Declassifications", "DeclassifiedError", "Fact", "fact_of"]

_DOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+"
)
_URL = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[^/?#\s]*@)?([^/?#\s:@\[\]]+)(?::\d*)?(?:[/?#].*)?", re.IGNORECASE | re.DOTALL
)
_ISO_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ].{1,40})?")
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?")
_BUCKET = re.compile(r"bucket\((\d+)\)")
_DOMAIN_LETTERS = 38
_MANY = 65_534
_BUCKETS = 32_766
_LONGEST_ADDRESS = 2048
_LAST4_LEAST = 8
_HASH_BITS = 32

_YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d|-\d)", re.ASCII)
_LONGEST_DAY = 40
_CHOICES = {
    "last4": 36**4 + 1,
    "year": 10_000,
    "month": 12 * 9_999 + 1,
    "count": _MANY + 2,
    "sign": 4,
    "bucket": 2 * _BUCKETS + 3,
}
"""How many answers a fact may have, "none" and those beyond its range among them."""


class DeclassifiedError(PrivacyError):
    """A fact would pass the session's limit of declassified bits; nothing of it was shown."""

    def __init__(self, refused: "Fact", handle: Handle, spent: "Declassifications") -> None:
        super().__init__(
            f"showing the {refused.show} of {handle} takes {refused.bits} bits, and {spent.spent_bits} of this "
            f"session's {spent.limit_bits} are spent: {spent.summary() or 'on nothing yet'}",
            fix="start a new session, raise `limits.declassified_bits`, or take a `show` out of the policy",
        )
        self.handle = handle
        self.show = refused.show
        self.bits = refused.bits


@dataclass(frozen=True, slots=True)
class Fact:
    """What is shown of one value, and what showing it costs.

    >>> fact_of("domain", "ann@example.org", b"")
    Fact(show='domain', bits=64)
    """

    show: str
    text: str = field(repr=False)
    """As it follows the handle: `domain example.org`, or `no domain`; made of letters, digits and spaces, dots
    and hyphens, so it can be neither a handle nor the end of a JSON string."""
    bits: int


def fact_of(show: str, value: Any, key: bytes) -> Fact:
    """The fact that a policy's `show` names, of a JSON value.

    >>> fact_of("bucket(10)", 47, b"").text
    'bucket 40 to under 50'
    >>> fact_of("year", "by tomorrow", b"").text
    'no year'
    """
    kind = show.partition("(")[0]
    answer = _answer(show, value, key)
    text = f"{kind} {answer}" if answer else f"no {kind}"
    if kind == "domain":
        bits = math.ceil((len(answer) + 1) * math.log2(_DOMAIN_LETTERS + 1))
    elif kind == "hash":
        bits = _HASH_BITS
    else:
        bits = math.ceil(math.log2(_CHOICES[kind]))
    return Fact(show, text, bits)


def _answer(show: str, value: Any, key: bytes) -> str:
    """The fact itself; empty where the value has none."""
    match show:
        case "domain":
            return _domain(value)
        case "last4":
            return _last4(value)
        case "year" | "month":
            found = _date(value)
            if found is None and show == "year":
                return _only_year(value)
            return "" if found is None else found.isoformat()[: 4 if show == "year" else 7]
        case "count":
            if not isinstance(value, list | dict):
                return ""
            return str(len(value)) if len(value) < _MANY else "many"
        case "sign":
            number = _number(value)
            if number is None:
                return ""
            return "negative" if number < 0 else "positive" if number else "zero"
        case "hash":
            text = json.dumps(value, ensure_ascii=False, sort_keys=True)
            return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[: _HASH_BITS // 4]
    width = _BUCKET.fullmatch(show)
    if width is None:
        raise ValueError("unknown `show`")
    return _bucket(value, int(width[1]))


def _domain(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_ADDRESS:
        return ""
    text = value.strip()
    found = _URL.fullmatch(text)
    host = found[1] if found else text.rpartition("@")[2].removesuffix(">") if "@" in text else ""
    host = host.lower().rstrip(".")
    return host if _DOMAIN.fullmatch(host) else ""


def _last4(value: Any) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    letters = "".join(letter for letter in str(value) if letter.isascii() and letter.isalnum())
    return letters[-4:].upper() if len(letters) >= _LAST4_LEAST else ""


def _date(value: Any) -> date | None:
    found = _ISO_DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _only_year(value: Any) -> str:
    """The year of a day that people wrote, such as `14 March 1985`: the one number that looks like a year."""
    if not isinstance(value, str) or len(value) > _LONGEST_DAY:
        return ""
    years = set(_YEAR.findall(value))
    return years.pop() if len(years) == 1 else ""


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip()
    if isinstance(value, str) and not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _bucket(value: Any, width: int) -> str:
    number = _number(value)
    if number is None:
        return ""
    if not -_BUCKETS <= number / width < _BUCKETS:
        return "very small" if number < 0 else "very large"
    start = math.floor(number / width) * width
    return f"{start} to under {start + width}"


@dataclass(slots=True)
class Declassifications:
    """What one session has shown of values that stay, counted against its limit."""

    limit_bits: int
    key: bytes = field(repr=False)
    """The key of the hashes that `show: hash` gives; whoever has it can find short values by trying."""
    spent_bits: int = 0
    charged: dict[tuple[Handle, str], int] = field(default_factory=dict, repr=False)
    """The bits of each fact that was shown."""

    def fact(self, show: str, handle: Handle, value: Any) -> Fact:
        """The fact to show beside a handle, charged unless it was before.

        Raises `DeclassifiedError` where the session's limit does not allow it: before anything is shown.
        """
        fact = fact_of(show, value, self.key)
        if (handle, show) not in self.charged:
            if self.spent_bits + fact.bits > self.limit_bits:
                raise DeclassifiedError(fact, handle, self)
            self.charged[handle, show] = fact.bits
            self.spent_bits += fact.bits
        return fact

    def found(self, handle: Handle) -> None:
        """Charge that it shows whether a question about a value finds an answer, before it is looked for.

        Each question is charged, and whatever comes of it. Raises `DeclassifiedError` as `fact` does.
        """
        fact = Fact("found", "", 1)
        if self.spent_bits + fact.bits > self.limit_bits:
            raise DeclassifiedError(fact, handle, self)
        self.charged[handle, fact.show] = self.charged.get((handle, fact.show), 0) + fact.bits
        self.spent_bits += fact.bits

    def restore(self, charged: Mapping[tuple[Handle, str], int]) -> None:
        """Go on from where a saved session was: what it showed is shown."""
        self.charged = dict(charged)
        self.spent_bits = sum(charged.values())

    def summary(self) -> str:
        """The rows as one line.

        >>> spent = Declassifications(64, b"")
        >>> fact = spent.fact("sign", Handle("amount", 1), -3)
        >>> spent.summary()
        '2 on sign of 1 amount'
        """
        return ", ".join(self.rows())

    def rows(self) -> list[str]:
        """What the bits were spent on, most first: `128 on domain of 2 email`."""
        bits: dict[str, int] = {}
        values: dict[str, int] = {}
        for (handle, show), cost in self.charged.items():
            of = f"{show} of {{}} {handle.type}"
            bits[of] = bits.get(of, 0) + cost
            values[of] = values.get(of, 0) + 1
        most_first = sorted(bits, key=lambda of: -bits[of])
        return [f"{bits[of]} on {of.format(values[of])}" for of in most_first]
