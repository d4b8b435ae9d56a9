"""Numbers: IBANs, cards, telephones and network addresses, in the spellings that people and programs write."""

import ipaddress
import re
from collections.abc import Callable, Iterator

import phonenumbers

from umi_edge.policy.alphabet import reduced
from umi_edge.policy.patterns.pattern import Check, Found, Regions
from umi_edge.policy.patterns.vocabulary import alternatives, words
from umi_edge.policy.regexes import compile_own

__all__ = ["card", "cue", "extension", "iban", "ip", "phone", "spoken"]

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
_SEPARATORS = " .-/_"


def iban(text: str, start: int, _end: int, _regions: Regions) -> Iterator[Found]:
    """Account numbers (IBAN) that have their country's length and right check digits."""
    length = _IBAN_LENGTHS.get(text[start : start + 2], 0)
    places: list[int] = []
    for place in range(start, min(len(text), start + 2 * length)):
        character = text[place]
        if len(places) == length or not (
            (character.isalnum() and character.isascii()) or character in _SEPARATORS
        ):
            break
        if character not in _SEPARATORS:
            places.append(place)
    if length and len(places) == length:
        compact = "".join(text[place] for place in places)
        number = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
        if int(number) % 97 == 1:
            yield start, places[-1] + 1


_GROUP = re.compile(r"[+(]{0,2}\d+")
_MAX_GROUPS = 8


def _of_groups(accepts: Callable[[str, int, int, Regions], int]) -> Check:
    """A check that tries every run of up to some groups of digits, the longest first, and goes on after it.

    `accepts` says where what it accepts ends; 0 for what it does not.
    """

    def check(text: str, start: int, end: int, regions: Regions) -> Iterator[Found]:
        groups = [(start + m.start(), start + m.end()) for m in _GROUP.finditer(text[start:end])]
        first = 0
        while first < len(groups):
            for last in range(min(first + _MAX_GROUPS, len(groups)) - 1, first - 1, -1):
                begin, stop = groups[first][0], groups[last][1]
                reach = accepts(text, begin, stop, regions)
                if reach:
                    yield begin, reach
                    first = last
                    break
            first += 1

    return check


_CARD = re.compile(
    r"4\d{15}(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0|6|8)\d{12}|35\d{14}|6\d{15}"
    r"(?:\d{3})?|5[0678]\d{14}"
)


def _accepts_card(text: str, start: int, end: int, _regions: Regions) -> int:
    digits = "".join(filter(str.isdigit, text[start:end]))
    if not _CARD.fullmatch(digits) or len(set(digits)) == 1:
        return 0
    values = [int(digit) for digit in digits]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in values[-2::-2]]
    return end if (sum(values[-1::-2]) + sum(doubled)) % 10 == 0 else 0  # Luhn


card = _of_groups(_accepts_card)

_NOT_PHONE = re.compile(
    r"[12]\d{3}-\d{2}-\d{2}.*|(?:19|20)\d{2}[-/]\d{2,6}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|[12]?\d{1,2}(\."
    r"[12]?\d{1,2}){3}|\d+\.\d+"
)
_NATIONAL = re.compile(
    r"\(?\d{3}\)?[-. /]{1,2}\d{3}[-. ]\d{4}|\(\d{3}\)\d{3}[-. ]\d{4}|\d{2} 9\d{4}-\d{4}|8"
    r"[349]\d{9}|0 \d{3} \d{3} \d{2} \d{2}|69\d{8}|\d{3}-\d{4}|\(?0\d{1,4}\)?[\d ()./-]{5,15}"
    r"|\+?1[-. ]\(?\d{3}\)?[-. ]{1,2}\d{3}[-. ]\d{4}"  # North America
    r"|8[-( /]{0,2}\d{3}[-) /]{0,2}\d{2,3}[- /]\d{2}[- /]\d{2}(?:[- /]\d{2})?"  # Russia
    r"|\(\d{2}\) ?9?\d{4}[- ]\d{4}"  # Brazil
    r"|[5-9]\d{2}[ .-]\d{3}[ .-]\d{3}|\(?[1-9]\d\)?[ -]\d{3}[ -]\d{2}[ -]\d{2}|[6-9]\d{2}(?:"
    r"[ .]\d{2}){3}"  # Spain, Poland
    r"|1[3-9]\d(?:[- ]?\d{4}){2}|\d{2}[ -]\d{4}[ -]\d{4}"  # China, Mexico
)
_JOINTS = re.compile(r"\s*[-·•_~]\s*")
_LONE = re.compile(r"\d{4}[ -]\d{4}|\d{2}[ .-]\d{2}[ .-]\d{2}[ .-]\d{2}|[\d ().+-]+")
_NATIONAL_DIGITS = 12
"""With the leading 0; two numbers side by side have more."""
_CUE_REACH = 40
_LONGEST_WORD = 24
_LAST_WORD = re.compile(r"[^\W\d_]+$")


def _accepts_phone(text: str, start: int, end: int, regions: Regions) -> int:
    if text[start - 1 : start] == "-" or (text[end : end + 1] == "-" and text[end + 1 : end + 2].isdigit()):
        return 0  # a part of a longer number
    if _is_code(text, start):
        return 0
    return _with_extension(text, end) if _is_phone(text, start, end, regions) else 0


def _is_phone(text: str, start: int, end: int, regions: Regions) -> bool:
    written = text[start:end]
    digits = sum(map(str.isdigit, written))
    if _NOT_PHONE.fullmatch(written) or not 7 <= digits <= 15:
        return False
    written = _JOINTS.sub("-", written)
    number = "+" + written[2:] if written.startswith("00") else written.removeprefix("(")
    for place in ("",) if number.startswith("+") else (*regions, _region_of(text)):
        if number.startswith("+") or place:
            try:
                parsed = phonenumbers.parse(number, place or None)
            except phonenumbers.NumberParseException:
                continue
            # After a plus sign nothing but a phone number is likely; without one the number must exist.
            if number.startswith("+"):
                return phonenumbers.is_possible_number(parsed)
            if phonenumbers.is_valid_number(parsed):
                return True
    if _NATIONAL.fullmatch(written) is not None and digits <= _NATIONAL_DIGITS:
        return not written.endswith("000 000")
    return digits <= _NATIONAL_DIGITS and _LONE.fullmatch(written) is not None and _has_cue(text, start)


def _is_code(text: str, start: int) -> bool:
    """Whether the word before says that it is the number of something: a section, a version, an order."""
    match = _LAST_WORD.search(text[max(0, start - _LONGEST_WORD) : start].rstrip(" :#.№°-"))
    return match is not None and match[0] in words("not an address")


def _has_cue(text: str, start: int) -> bool:
    before = reduced(text[max(0, start - _CUE_REACH) : start])
    return compile_own(cue()).search(before) is not None


def cue() -> str:
    """A word for telephones at the end of what stands before a number."""
    return rf"(?:^|[^\pL]){alternatives('phone')}[^\d\n!?]{{0,24}}$"


_REGIONS = (
    ("\u0900", "\u097f", "IN"),
    ("\u3040", "\u30ff", "JP"),
    ("\u1100", "\u11ff", "KR"),
    ("\u4e00", "\u9fff", "CN"),
    ("\u0e00", "\u0e7f", "TH"),
    ("\u0590", "\u05ff", "IL"),
    ("\u0400", "\u04ff", "RU"),
)


def _region_of(text: str) -> str:
    """The region that a text's script speaks for; empty for scripts of many."""
    if text.isascii():
        return ""
    return next((name for first, last, name in _REGIONS if any(first <= one <= last for one in text)), "")


def _with_extension(text: str, end: int) -> int:
    match = compile_own(extension()).search(reduced(text[end : end + 32]))
    return end + match.end() if match is not None else end


def extension() -> str:
    """An extension at the beginning of what stands behind a number."""
    return rf"^[ ,;(]{{0,3}}{alternatives('extension')}[ :]{{0,2}}\d{{1,6}}"


_in_digits = _of_groups(_accepts_phone)


def phone(text: str, start: int, end: int, regions: Regions) -> Iterator[Found]:
    """Telephone numbers in digits that some country has, or that a word for them announces; and those in words."""
    if any(map(str.isdigit, text[start:end])):
        yield from _in_digits(text, start, end, regions)
    else:
        yield start, end


def spoken() -> str:
    """A number said digit by digit, or in pairs: seven words or more, and nothing but words for numbers."""
    word = rf"(?:double |triple )?{alternatives('numbers')}+"
    return (
        rf"(?:^|[^\pL])({word}(?:[ ,.-]{{1,3}}{word}){{6,}})(?:[^\pL]|$)|([零〇幺一二三四五六七八九]{{7,}})"
    )


def ip(text: str, start: int, end: int, _regions: Regions) -> Iterator[Found]:
    """An address that parses, and is no section or version of something."""
    bare = text[start:end].rstrip(".:")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return
    if not _is_code(text, start):
        yield start, start + len(bare)
