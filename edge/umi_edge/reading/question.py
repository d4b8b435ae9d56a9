"""What a question asks for: its words that can stand in a text, and the kind of thing that answers it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files

from umi_edge.policy.projection import projected

__all__ = ["ALIKE_FROM", "QUESTION_WORDS", "Kind", "Question", "alike", "stem", "words_of"]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SHORT_AND_REST = re.compile(r"(?<![^\W_])([^\W\d_]{1,2})-(?=[^\W\d_])")
"""What is written with a hyphen and without: `Wi-Fi`, `e-mail`."""
_OWNERS = re.compile(r"['’]s(?![^\W_])")
"""What makes an owner of a name: `Mai's pen` is Mai's."""
_AS_ONE = re.compile(r"\b(town|city|grand|rendez)[ -](hall|mother|father|mere|pere|vous)\b")
"""What is written as one word and as two."""
_BEFORE_FIGURES = re.compile(r"(?<![^\W_])[^\W\d_]{3,}(?=\d{2})")
"""The letters that a code begins with: what it is of, as in `STAT20029`."""
_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:[,.]\d{3}){1,4}(?![.,]?\d)")
"""A number with signs between its thousands."""
_MONTH_OF = re.compile(r"(?<!\d)(?:19|20)\d\d-(0[1-9]|1[0-2])(?!\d)")
"""The month of a date in figures, as tables and calendars have it."""
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_SHARED = 4
"""The letters that two forms of one word begin with, at least."""
_STEM = 3
"""The letters that are left of a word without its ending, at least."""
ALIKE_FROM = min(_SHARED, _STEM)
"""The letters that two words have in common at the beginning where they are `alike`; all of a word that is shorter."""
_ENDING = 3
"""The letters that one form may have and another has not: `bake`, `baking`."""


class Kind(StrEnum):
    """What answers a question."""

    LENGTH = "length"
    MONEY = "money"
    AMOUNT = "amount"
    MOMENT = "moment"
    PHONE = "phone"
    EMAIL = "email"
    CODE = "code"
    PERSON = "person"
    REASON = "reason"
    PLACE = "place"
    COLOUR = "colour"
    ANY = "any"


_UNIT = (
    r"(?:sec(?:ond)?s?|min(?:ute)?s?|h(?:ou)?rs?|h|days?|nights?|weeks?|fortnights?|months?|years?|terms?|instal\w*|"
    r"sekunden?|minuten?|stunden?|tagen?|tage?|wochen?|monaten?|monate?|jahren?|jahre?)"
)
_NUMBER = (
    r"(?:\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|half|an?|both|none|no|third|quarter|"
    r"dozen|once|twice|eine?|zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn)\b)"
)
_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|marz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?|"
    r"sep(?:t(?:ember)?)?|oct(?:ober)?|okt(?:ober)?|nov(?:ember)?|dec(?:ember)?|dez(?:ember)?)"
)
_DAY = (
    r"(?:mon|tue|tues|wed|weds|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?s?|(?:montag|dienstag|mittwoch|"
    r"donnerstag|freitag|samstag|sonntag)s?|today|tomorrow|tonight|yesterday|morning|noon|midday|afternoon|evening|"
    r"midnight|bedtime|weekdays?|weekends?|daily|easter|christmas|week|month|year|summer|winter|spring|autumn|dusk|dawn"
)
_FITS: dict[Kind, re.Pattern[str]] = {
    Kind.LENGTH: re.compile(
        rf"{_NUMBER}[\w ,./-]{{0,12}}?\s?{_UNIT}\b|\d:\d\d|\d\s?(?:m|km|cm|metres?)\b|\b(?:from|until|till|since|bis)\b"
    ),
    Kind.MONEY: re.compile(
        rf"[£$€]\s?\d|{_NUMBER}[\w.,-]{{0,24}}\s?(?:euros?|eur|pounds?|quid|dollars?|usd|gbp|zl|pln|chf|cents?|pence|p|k)\b|"
        rf"(?<![\d:.])\d+(?:[.,]\d+){{0,8}}(?![\d:]|[.,]\d|\s?(?:{_UNIT}|{_MONTH}|km|kg|g|ml|l|m|mm|cm|m2|m3|rps|x|st|nd|rd|th)\b)|"
        r"\bfree\b|\bgratis\b|percent|%|\bnothing\b"
    ),
    Kind.AMOUNT: re.compile(rf"{_NUMBER}|\bevery\b|\bdaily\b|ty-"),
    Kind.MOMENT: re.compile(
        rf"\b(?:{_MONTH}|{_DAY})\b|\d{{1,2}}[:.]\d\d|\b\d{{1,2}}(?:st|nd|rd|th)\b|\b(?:19|20)\d\d\b|\b\d\d?\s?[ap]\.?m\b|"
        r"\b(?:at|before|after|by|from|until|till|um|ab|bis|past|about|arriving)\s+(?:about\s)?\d|"
        rf"o'clock|\b(?:at|by|about|past|to)\s{_NUMBER}|\bdays?\b|\bhours?\b|\bweeks?\b"
    ),
    Kind.PHONE: re.compile(r"(?:\d[ /()-]?){6,}|\bext(?:ension)?\b|\bon\s\d{3,5}\b|\b\d{4}\b"),
    Kind.EMAIL: re.compile(r"\S@\S"),
    Kind.CODE: re.compile(r"\d|\bpassword\b|\bcode\b|passwort|kennwort|[a-z]\d|\bpin\b"),
    Kind.PLACE: re.compile(
        r"\b(?:in|at|on|under|above|below|beside|behind|near|next to|from|to|by|outside|inside|left|right|into|"
        r"hangs|via|im|am|bei|unter|hinter|neben|aus|nach|street|road|lane|str|strasse|place|plaza|room|hall|kitchen|house)\b|/"
    ),
    Kind.COLOUR: re.compile(
        r"\b(?:black|white|red|green|blue|yellow|brown|grey|gray|pink|purple|orange|ivory|cream|silver|gold|golden|beige|"
        r"violet|dark|light|ral|schwarz|weiss|rot|grun|blau|gelb|braun|grau)\b"
    ),
    Kind.REASON: re.compile(
        r"because|since|\bas\b|\bso\b|due to|reason|cause|therefore|otherwise|weil|\bto\b|after|\(|:|,"
    ),
}
_NAME = re.compile(
    r"(?<![.!?] )(?<!^)\b[A-ZÀ-Þ][^\W\d_]+|\b(?:Mr|Mrs|Ms|Dr|Herr|Frau|Prof|Sister|aunt|uncle)\b|^[A-Z][a-z]+\b"
)

_ASKS: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            Kind.MOMENT,
            r"\b(?:when|wann)\b|\b(?:what|which) (?:time|day|days|date|month|year)\b|\bdeadline\b|"
            r"\b(?:by|until|till|since) (?:when|what)\b",
        ),
        (Kind.REASON, r"\b(?:why|how come|reason|warum|wieso)\b"),
        (Kind.PLACE, r"\b(?:where|wo|wohin)\b|\b(?:what|which) (?:place|town|city|address)\b"),
        (Kind.COLOUR, r"\b(?:colours?|colors?|farbe)\b"),
        (
            Kind.LENGTH,
            r"\bhow (?:long|many (?:second|minute|hour|day|night|week|month|year)s?)\b|\bwie lange\b|\bperiod\b",
        ),
        (
            Kind.AMOUNT,
            r"\bhow (?:many|old|often|big|tall|heavy|warm|cold|hot|far|high|wide|deep|large)\b|"
            r"\bwie ?(?:viele|alt|oft)\b|"
            r"\bwhat (?:size|temperature|share|percentage|quantity|mileage|pressure)\b|\bwhich (?:size|temperature)\b",
        ),
        (Kind.EMAIL, r"\be-?mails?(?: address)?\b"),
        (
            Kind.PHONE,
            r"\b(?:phone|telephone|mobile|telefon\w*|handy\w*)\b|\bnumber\b.*\b(?:call|ring|reach)\b|"
            r"\b(?:call|ring|reach)\b.*\bnumber\b|'s number\b|\bextension\b|\bhotline\b|night line|number for|"
            r"^what(?:'s| is) the number of\b",
        ),
        (Kind.PERSON, r"\b(?:who|whom|whose|who's|whos|wer|wem|wen)\b"),
        (
            Kind.MONEY,
            r"\b(?:cost|costs|price|pay|pays|paid|fee|fees|rent|salary|charge|earn|budget|deposit|spend|fare|"
            r"kostet|preis|miete|gehalt|bill|rate|discount|worth)\b|how much (?:money|is|are|was|were)\b",
        ),
        (Kind.AMOUNT, r"\bhow much\b"),
        (
            Kind.CODE,
            r"\b(?:code|pin|password|passwort|kennwort|wifi|reference|serial|iban|account|plate|link|url|registration)\b|"
            r"\bnumber\b|\bwhich (?:pitch|room|hall|flag|version)\b",
        ),
        (Kind.PERSON, r"\bname\b|\bcalled\b"),
    )
)
_TO_THE_DEVICE = re.compile(r"\b(?:show|give|tell|read|find|get) (?:me|us)\b")
"""What is said to who is asked, and not of what is asked about."""
_YES_OR_NO = re.compile(
    r"\s*(?:(?:so|and|hey|hi|ok|please)\b[ ,]*)*(?:is|are|am|was|were|do|does|did|has|have|had|can|could|will|would|"
    r"should|must|may|ist|sind|hat|habe|kann|soll|muss|darf)\b"
)
QUESTION_WORDS = frozenset(
    files("umi_edge.reading").joinpath("common_words.txt").read_text(encoding="utf-8").split()
)
"""Words that questions are made of, in English and German; that they stand in a text says nothing."""


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, without case and accents.

    A date in figures has the name of its month beside it, and a code the letters that it begins with.

    >>> words_of("Bake it for 40 minutes, Zoë!"), words_of("Wi-Fi, 2026-09-03")
    (('bake', 'it', 'for', '40', 'minutes', 'zoe'), ('wifi', '2026', '09', '03', 'september'))
    >>> words_of("1,000 bags")
    ('1000', 'bags')
    >>> words_of("STAT20029")
    ('stat20029', 'stat')
    """
    plain = _SHORT_AND_REST.sub(r"\1", projected(text))
    plain = _THOUSANDS.sub(lambda found: re.sub("[,.]", "", found[0]), plain)
    plain = _AS_ONE.sub(r"\1\2", _OWNERS.sub("", plain))
    months = (_MONTHS[int(month) - 1] for month in _MONTH_OF.findall(plain))
    return (*_WORD.findall(plain), *dict.fromkeys((*months, *_BEFORE_FIGURES.findall(plain))))


def alike(one: str, other: str) -> bool:
    """Whether two words look like forms of one.

    >>> alike("bake", "baking"), alike("cake", "cakes"), alike("call", "cat"), alike("12", "123")
    (True, True, False, False)
    """
    if one == other or stem(one) == stem(other):
        return True
    shared = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        shared += 1
    least = min(_SHARED, len(one), len(other)) if min(len(one), len(other)) == 3 else _SHARED
    longest = max(len(one), len(other))
    return one.isalpha() and other.isalpha() and shared >= least and longest - shared <= _ENDING


def stem(word: str) -> str:
    """A word without an ending of English grammar, where enough is left."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= _STEM:
            return word.removesuffix(ending)
    return word


@dataclass(frozen=True, slots=True)
class Question:
    """A question, taken apart."""

    text: str = field(repr=False)
    terms: tuple[str, ...] = field(repr=False)
    """Its words, but for those that stand in every question."""
    kind: Kind

    @classmethod
    def of(cls, text: str, kind: str = "") -> "Question":
        """Take a question apart; `kind` says what the answer is to be, where the asker does.

        >>> Question.of("How long does the lemon cake go in the oven?")
        Question(kind=<Kind.LENGTH: 'length'>)
        """
        asked = projected(text)
        words = words_of(_TO_THE_DEVICE.sub(" ", asked))
        known = next((kind for kind, pattern in _ASKS if pattern.search(asked)), Kind.ANY)
        terms = tuple(dict.fromkeys(word for word in words if word not in QUESTION_WORDS))
        return cls(text, terms, _kind_named(kind) or known)

    def fits(self, text: str) -> bool:
        """Whether something of the kind, which is not in the question itself, stands in a text.

        Any text fits a question whose kind no pattern knows.
        """
        if self.kind is Kind.PERSON:
            return any(not self._has(found[0]) for found in _NAME.finditer(text))
        pattern = _FITS.get(self.kind)
        return pattern is None or any(not self._has(found[0]) for found in pattern.finditer(projected(text)))

    def repeated_by(self, text: str) -> bool:
        """Whether a text says nothing but words of the question: it may be what is asked about, but is no answer.

        >>> Question.of("what should I get Sophie?").repeated_by("Sophie")
        True
        """
        own = [word for word in words_of(text) if word not in QUESTION_WORDS]
        return (
            bool(own)
            and not self.of_yes_or_no
            and all(any(alike(word, one) for one in self.terms) for word in own)
        )

    @property
    def of_yes_or_no(self) -> bool:
        """Whether it asks if something is so."""
        return _YES_OR_NO.match(projected(self.text)) is not None

    def _has(self, text: str) -> bool:
        words = words_of(text)
        return bool(words) and all(word in self.terms for word in words)


_NAMED: Iterable[tuple[Kind, frozenset[str]]] = (
    (Kind.EMAIL, frozenset({"email", "mail"})),
    (Kind.PHONE, frozenset({"phone", "number"})),
    (Kind.MOMENT, frozenset({"date", "time", "day"})),
    (Kind.LENGTH, frozenset({"duration", "length"})),
    (Kind.MONEY, frozenset({"amount", "money", "price"})),
    (Kind.PERSON, frozenset({"person", "name"})),
    (Kind.CODE, frozenset({"code", "secret", "iban"})),
)


def _kind_named(name: str) -> Kind | None:
    if name == Kind.ANY:
        return Kind.ANY
    return next((kind for kind, names in _NAMED if name in names), None)
