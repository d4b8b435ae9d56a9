"""Papers and plates: national numbers, passports and number plates, by their form or after their word."""

from collections.abc import Iterator

from umi_edge.policy.patterns.pattern import Found, Regions
from umi_edge.policy.patterns.vocabulary import BEFORE, JOINED, alternatives, joined, marked

__all__ = ["ID_FORMS", "national_id", "number", "passport", "plate", "plate_forms"]

_FEWEST_DIGITS = 5
ID_FORMS = "|".join((
    r"\d{3}-\d{2}-\d{4}",  # United States
    r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}",  # Brazil
    r"[a-z]{6}\d{2}[a-ehlmprst]\d{2}[a-z]\d{3}[a-z]",  # Italy
    r"[xyz]-?\d{7}-?[a-z]|\d{8}-?[a-hj-np-tv-z]|\d{2}\.\d{3}\.\d{3}-?[a-z]",  # Spain
    r"756\.\d{4}\.\d{4}\.\d{2}",  # Switzerland
    r"[a-ceghj-prstw-z]{2} ?\d{2} ?\d{2} ?\d{2} ?[a-d]",  # United Kingdom
    r"\d{6}[-+a]\d{3}[0-9a-y]",  # Finland
    r"\d{1,2}\.\d{3}\.\d{3}-[\dk]",  # Chile
    r"784-\d{4}-\d{7}-\d",  # Emirates
    r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dx]",  # China
    r"\d{6}-[1-4]\d{6}",  # Korea
    r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}",  # Belgium
    r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}",  # France
    r"\d{3}-\d{3}-\d{3} \d{2}",  # Russia
))  # fmt: skip


def national_id() -> str:
    """A number after a word for it, with at most a few words between."""
    return (
        rf"{marked('id')}[^\d\n!?;]{{0,28}}?(?:[^\pL\d]|"
        rf"[\p{{Han}}\x{{1100}}-\x{{11ff}}\x{{3040}}-\x{{309f}}])?"
        r"\b((?:[a-z]{1,3} )?[a-z]{0,8}\d[\da-z]{0,20}(?:[ ./-]{1,2}(?:[\da-z]{0,3}\d[\da-z]{0,5}|"
        r"[a-z]\b)){0,7})\b"
    )


def number(text: str, start: int, end: int, _regions: Regions) -> Iterator[Found]:
    """With five digits or more, and no book's."""
    written = text[start:end]
    before = text[max(0, start - 16) : start]
    digits = sum(map(str.isdigit, written))
    long = digits >= _FEWEST_DIGITS or (digits >= _FEWEST_DIGITS - 1 and len(written) >= 2 * digits)
    if long and "isbn" not in before and "issn" not in before:
        yield start, end


def passport() -> str:
    """Letters and digits after a word for it."""
    return (
        rf"{marked('passport')}[^\d\n!?;]{{0,24}}?(?:\b|\p{{Han}})([a-z]{{0,3}} ?\d{{2}} ?\d{{2}} ?\d{{6}}"
        rf"|[a-z]{{0,3}} ?\d{{2,4}} ?\d{{3,7}}"
        rf"[a-z]?|[a-z]?\d{{0,2}}[a-z]{{1,2}}\d[\da-z]{{4,7}})\b"
    )


_PLATE = (
    r"(?:[a-z]{2} ?\d{1,2} ?[a-z]{1,3} ?\d{4}|[a-z]{3}-? ?\d[a-z\d]\d{2}|\d{1,2}-[a-z]{2,3}-\d{1,2}"
    r"|[a-z]{1,2}-\d{2,3}-[a-z]{1,2}|"
    r"[a-z]{1,3}[- ][a-z]{1,2}[- ]?\d{1,4}[eh]?|[a-z]{2}[- ]?\d{2,4}[- ]?[a-z]{2,3}|\d{4}[- ]?"
    r"[a-z]{3}|\d{1,3}[- ][a-z]{1,3}[- ]\d{2,4}"
    r"|[a-z]{2,3}[- ]?\d{3,5}[a-z]{0,2}|\d[a-z]{3}\d{3}|\d[a-z]\d ?\d{4}|[abekmhopctyxвкмнт]\d{3}"
    r"[abekmhopctyxвкмнт]{2} ?\d{2,3}"
    r"|[a-z]{2} ?\d{1,2} ?[a-z]{1,3}(?: [a-z]{1,2})? ?\d{1,4}|\d{2,3}[-·]\d{2,3}[-·]\d{2,3}"
    r"|\d{2,3} ?[\x{1100}-\x{11ff}]{2,3} ?\d{4}"
    r"|\p{Han}[a-z][·・• ]?[a-z\d]{4,6}|\d{2} ?[a-z]{1,3} ?\d{2,4}"
    r"|\p{Han}{2,3} ?\d{2,3} ?\p{Hiragana} ?\d{2}-\d{2})"
)


def plate() -> str:
    """A plate after a word for it or for the car."""
    joint = r"[^\pL\d\n!?;]{1,3}"
    links = rf"(?:{joint}{alternatives('links')})"
    gap = rf"{links}{{0,2}}(?:{joint}[\pL\pM]{{3,16}}){{0,2}}?{links}?"
    return (
        rf"(?:{BEFORE}{alternatives('plate')}{gap}(?:[^\pL\d\n]{{1,3}}|[{JOINED}]{{1,2}})|{joined('plate')})"
        rf"({_PLATE})(?:[^\pL\d]|$)"
    )


def plate_forms() -> str:
    """Plates whose form nothing else has."""
    return r"\b([a-z]{1,3}-[a-z]{1,2} \d{2,4}[eh]?|[abekmhopctyxвкмнт]\d{3}[abekmhopctyxвкмнт]{2} \d{2,3})\b"
