"""The built-in patterns: what e-mail addresses, phone numbers, keys and the like look like in a projected text.

Every pattern runs on RE2, so none can hang; what a pattern can't tell (checksums, whether an address parses)
is decided afterwards in Python on a bounded piece of text.

Covered: the spellings that people and programs write. Not covered: numbers in words, `alice at example dot com`.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import phonenumbers

from umi_edge.policy.regexes import compile_regex

__all__ = ["BUILTIN_PATTERNS", "BuiltinPattern", "Found"]

Found = tuple[int, int]
"""Where a thing starts and ends in the projected text."""

_Check = Callable[[str, int, int, str], Iterator[Found]]
"""Takes a text, where a match starts and ends in it, and a region."""


@dataclass(frozen=True, slots=True)
class BuiltinPattern:
    """A quick test that most texts fail, a pattern, and a check of each match that yields what it accepts."""

    needs: re.Pattern[str]
    """Without a match of this there is nothing to find: it keeps the cost of a text without findings low."""
    pattern: str
    check: _Check | None = None
    whole: bool = True
    """Whether a finding may not be part of a longer word."""

    def find(self, text: str, region: str = "") -> Iterator[Found]:
        """Findings in a projected text."""
        if self.needs.search(text) is None:
            return
        regex = compile_regex(self.pattern, dot_all=True)
        for match in regex.finditer(text):
            start, end = match.span(1 if regex.groups else 0)
            if self.check is None:
                yield start, end
            else:
                yield from self.check(text, start, end, region)


# Registered lengths by country (ISO 13616): without them the words after an IBAN would be tried as part of it.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "no", 16: "be", 18: "dk fi fo gl nl fk sd", 19: "mk si", 20: "at ba ee kz lt lu mn xk",
        21: "ch cr hr li lv", 22: "bg bh de gb ge ie me rs va", 23: "ae gi il iq om so tl",
        24: "ad cz es md pk ro sa se sk tn vg", 25: "ly pt st", 26: "is tr", 27: "bi dj fr gr it mc mr sm",
        28: "al az by cy do gt hu lb pl sv", 29: "br eg ps qa ua", 30: "jo kw mu yk", 31: "mt sc", 32: "lc ni",
        33: "ru",
    }.items()
    for country in countries.split()
}  # fmt: skip


def _iban(text: str, start: int, _end: int, _region: str) -> Iterator[Found]:
    length = _IBAN_LENGTHS.get(text[start : start + 2], 0)
    places: list[int] = []
    for place in range(start, min(len(text), start + 2 * length)):
        if len(places) == length or not (
            (text[place].isalnum() and text[place].isascii()) or text[place] == " "
        ):
            break
        if text[place] != " ":
            places.append(place)
    if length and len(places) == length:
        compact = "".join(text[place] for place in places)
        number = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
        if int(number) % 97 == 1:
            yield start, places[-1] + 1


def _groups(text: str, start: int, end: int) -> list[Found]:
    """The runs of digits of a match, each with the sign or bracket before it."""
    return [(start + m.start(), start + m.end()) for m in _GROUP.finditer(text[start:end])]


_GROUP = re.compile(r"[+(]{0,2}\d+")
_MAX_GROUPS = 8


def _of_groups(accepts: Callable[[str, str], bool]) -> _Check:
    """A check that tries every run of up to some groups of digits, the longest first, and goes on after it."""

    def check(text: str, start: int, end: int, region: str) -> Iterator[Found]:
        groups = _groups(text, start, end)
        first = 0
        while first < len(groups):
            for last in range(min(first + _MAX_GROUPS, len(groups)) - 1, first - 1, -1):
                begin, stop = groups[first][0], groups[last][1]
                if accepts(text[begin:stop], region):
                    yield begin, stop
                    first = last
                    break
            first += 1

    return check


def _is_card(text: str, _region: str) -> bool:
    digits = [int(character) for character in text if character.isdigit()]
    if not (13 <= len(digits) <= 19 and 2 <= digits[0] <= 6 and len(set(digits)) > 1):
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0  # Luhn


_NOT_PHONE = re.compile(r"\d{4}-\d{2}-\d{2}.*|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,3}(\.\d{1,3}){3}|\d+\.\d+")
_NATIONAL = re.compile(r"\(?\d{3}\)?[-. ]{1,2}\d{3}[-. ]\d{4}|\d{3}-\d{4}|\(?0\d{1,4}\)?[\d ()./-]{5,14}")

_NATIONAL_DIGITS = 11
"""With the leading 0; two numbers side by side have more."""


def _is_phone(text: str, region: str) -> bool:
    if _NOT_PHONE.fullmatch(text) or not 7 <= sum(map(str.isdigit, text)) <= 15:
        return False
    number = "+" + text[2:] if text.startswith("00") else text.removeprefix("(")
    if number.startswith("+") or region:
        try:
            parsed = phonenumbers.parse(number, region or None)
        except phonenumbers.NumberParseException:
            return False
        # After a plus sign nothing but a phone number is likely; without one the number must exist.
        if number.startswith("+"):
            return phonenumbers.is_possible_number(parsed)
        if phonenumbers.is_valid_number(parsed):
            return True
    return _NATIONAL.fullmatch(text) is not None and sum(map(str.isdigit, text)) <= _NATIONAL_DIGITS


def _ip(text: str, start: int, end: int, _region: str) -> Iterator[Found]:
    bare = text[start:end].rstrip(".:")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return
    yield start, start + len(bare)


def _trimmed(text: str, start: int, end: int, _region: str) -> Iterator[Found]:
    """Without the punctuation of the sentence around it."""
    yield start, start + len(text[start:end].rstrip(".,;:!?'\")]}>"))


def _key(text: str, start: int, end: int, _region: str) -> Iterator[Found]:
    """A key has digits; a long word with hyphens has none."""
    if text.startswith("-----", start) or any(map(str.isdigit, text[start:end])):
        yield start, end


_KEYS = "|".join((
    r"-----begin [a-z0-9 ]{0,30}private key( block)?-----.*?(?:-----end [a-z0-9 ]{0,30}private key( block)?-----|\z)",
    r"\b(?:akia|asia)[0-9a-z]{16}\b",
    r"\bgh[pousr]_[a-z0-9]{30,}",
    r"\bgithub_pat_[a-z0-9_]{22,}",
    r"\bglpat-[a-z0-9_-]{20,}",
    r"\bxox[abeoprs]-[a-z0-9-]{10,}",
    r"\b(?:sk|pk|rk)[_-](?:live|test|ant|proj|or)?[a-z0-9_-]{16,}",
    r"\baiza[0-9a-z_-]{35}",
    r"\bya29\.[0-9a-z_-]{20,}",
    r"\bhf_[a-z0-9]{30,}",
    r"\bnpm_[a-z0-9]{36}",
    r"\bpypi-[a-z0-9_-]{50,}",
    r"\bsg\.[a-z0-9_-]{16,}\.[a-z0-9_-]{16,}",
    r"\beyj[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}",
)).replace("( block)?", "(?: block)?")  # fmt: skip

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_DATE = (
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./] ?\d{1,2}[-./] ?\d{2,4}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?\.? (?:of )?{_MONTH},? \d{{4}}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
)
_BORN = (
    r"(?:born(?: on)?|d\.?o\.?b\.?|date of birth|birth ?da(?:te|y)|geboren|geburtsdatum|nee? le|nacid[oa])"
)

_DIGIT = re.compile(r"\d")

BUILTIN_PATTERNS: Mapping[str, BuiltinPattern] = {
    "email": BuiltinPattern(
        re.compile("@"),
        r"[\pL\pN._%+-][\pL\pN._%+'-]*@(?:[\pL\pN][\pL\pN-]*\.)+[\pL][\pL\pN-]+",
        whole=False,
    ),
    "phone": BuiltinPattern(_DIGIT, r"[+(]{0,2}\d[\d ().\/-]{4,}\d", _of_groups(_is_phone)),
    "iban": BuiltinPattern(_DIGIT, r"[a-z]{2}\d{2} ?[a-z0-9]{2}", _iban, whole=False),
    "card": BuiltinPattern(_DIGIT, r"\d(?:[ -]?\d){12,}", _of_groups(_is_card)),
    "ip": BuiltinPattern(_DIGIT, r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f.]{0,15}){2,8}", _ip),
    "url_with_userinfo": BuiltinPattern(
        re.compile("://"), r"[a-z][a-z0-9+.-]{1,30}://[^\s/?#]+@[^\s<>\x22]+", _trimmed
    ),
    "api_key": BuiltinPattern(re.compile(r"[_.-]|a[ks]ia|aiza"), _KEYS, _key),
    "date_of_birth": BuiltinPattern(_DIGIT, rf"\b{_BORN}[\s:,=(-]{{1,6}}({_DATE})"),
    "home_path": BuiltinPattern(
        re.compile(r"[/\\]"),
        r"(?:/(?:home|users)/|\b[a-z]:[\\/]users[\\/]|~/)[^\s/\\<>|\x22]+(?:[\\/][^\s<>|\x22]*)?",
        _trimmed,
        whole=False,
    ),
}
"""By the name that `pattern: builtin` takes."""
