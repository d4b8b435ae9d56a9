"""The registry: the built-in patterns by name.

Covered: the spellings that people and programs write, in the languages of the words' lists. Not covered: numbers in
words, values whose word stands in another sentence.
"""

import re
from collections.abc import Mapping

from umi_edge.policy.patterns import dates, health, identity, mail, money, numbers, places, secrets
from umi_edge.policy.patterns.pattern import BuiltinPattern, trimmed

__all__ = ["BUILTIN_PATTERNS"]

_DIGIT = re.compile(r"\d")
_ANY = re.compile(r"")


def _said(*patterns: str) -> tuple:  # type: ignore[type-arg]
    return tuple((lambda pattern=pattern: pattern) for pattern in patterns)


BUILTIN_PATTERNS: Mapping[str, BuiltinPattern] = {
    "email": BuiltinPattern(re.compile(r"@|[^\d]"), (*_said(mail.EMAIL), mail.spelt_email), whole=False),
    "national_id": BuiltinPattern(
        _DIGIT, (*_said(rf"\b({identity.ID_FORMS})\b"), identity.national_id), identity.number
    ),
    "phone": BuiltinPattern(
        _ANY,
        (*_said(r"[+(]{0,2}\d[\d ().\/·•_~-]{4,}\d"), numbers.spoken),
        numbers.phone,
    ),
    "iban": BuiltinPattern(_DIGIT, _said(r"[a-z]{2}\d{2}[ ._/-]?[a-z0-9]{2}"), numbers.iban, whole=False),
    "card": BuiltinPattern(_DIGIT, _said(r"\d(?:(?: ?[._/-] ?| )?\d){12,}"), numbers.card),
    "ip": BuiltinPattern(
        _DIGIT, _said(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f.]{0,15}){2,8}"), numbers.ip
    ),
    "url_with_userinfo": BuiltinPattern(
        re.compile("://"), _said(r"[a-z][a-z0-9+.-]{1,30}://[^\s/?#]+@[^\s<>\x22]+"), trimmed
    ),
    "api_key": BuiltinPattern(
        re.compile(r"\d|-----|[a-z]_[a-z]|glpat|pypi-"), (*_said(secrets.KEYS), secrets.keyed), secrets.key
    ),
    "date_of_birth": BuiltinPattern(_ANY, (dates.born_before, dates.born_after, dates.birthday), whole=False),
    "home_path": BuiltinPattern(re.compile(r"[/\\]"), _said(places.HOME_PATH), trimmed, whole=False),
    "mac": BuiltinPattern(_DIGIT, _said(places.MAC)),
    "coordinates": BuiltinPattern(_DIGIT, _said(places.COORDINATES), whole=False),
    "secret": BuiltinPattern(
        _ANY,
        (
            secrets.password,
            secrets.wifi,
            secrets.wordy_password,
            secrets.pin,
            secrets.code_after,
            secrets.code_before,
            secrets.quoted_password,
            secrets.answer,
            secrets.code_of_mine,
        ),
        secrets.secret,
        whole=False,
    ),
    "passport": BuiltinPattern(_DIGIT, (identity.passport,)),
    "licence_plate": BuiltinPattern(_DIGIT, (identity.plate, identity.plate_forms), whole=False),
    "address": BuiltinPattern(
        _DIGIT,
        (
            places.english_address,
            places.german_address,
            places.named_street,
            places.street_after,
            places.said_to_be_home,
            places.arabic_or_han_address,
            places.stated_address,
        ),
        places.address,
        whole=False,
    ),
    "health": BuiltinPattern(
        _ANY, (health.conditions, health.conditions_by_cue, health.medicines, health.doses), whole=False
    ),
    "money": BuiltinPattern(_DIGIT, (money.salary,), trimmed, whole=False),
}
"""By the name that `pattern: builtin` takes."""
