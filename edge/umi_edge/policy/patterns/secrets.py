"""Secrets: keys of programs by their form, and passwords, PINs and codes of doors after their word."""

import re
from collections.abc import Iterator

from umi_edge.policy.patterns.pattern import Found, Regions
from umi_edge.policy.patterns.vocabulary import BEFORE, alternatives

__all__ = [
    "KEYS",
    "code_after",
    "code_before",
    "key",
    "keyed",
    "password",
    "pin",
    "secret",
    "wifi",
    "wordy_password",
]

KEYS = "|".join((
    r"-----begin [a-z0-9 ]{0,30}private key(?: block)?-----.*?(?:-----end "
    r"[a-z0-9 ]{0,30}private key(?: block)?-----|\z)",
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
))  # fmt: skip
_SHORTEST = 3
_LINK = r"[ '\x22«“„:=]{0,4}"


def keyed() -> str:
    """A long run of letters and digits after a word for keys."""
    return (
        rf"{alternatives('key')}{_LINK}(?:{alternatives('links')}[ '\x22:=]{{1,4}}){{0,2}}("
        rf"[a-z0-9_/+=.~-]{{16,}})"
    )


def key(text: str, start: int, end: int, _regions: Regions) -> Iterator[Found]:
    """A key has digits; a long word with hyphens has none."""
    if text.startswith("-----", start) or any(map(str.isdigit, text[start:end])):
        yield start, end


_VALUE = r"([^\s,;'\x22«»“”]*[\d!@#$%^&*_=+~-][^\s,;'\x22«»“”]*)"


def password() -> str:
    """What comes after the word and what it opens: one piece with a digit or a sign in it."""
    of = r"(?:[ -][\pL\pM'’-]{1,16}){0,4}?"
    said = rf" ?(?:{alternatives('copulas')})[ :='\x22«“„]{{0,3}}"
    return (
        rf"{BEFORE}{alternatives('password')}(?:[\pL]{{0,4}}[ :='\x22«“„]{{1,4}}|{of}{said}|(?:[ -]"
        rf"[\pL\pM'’-]{{1,16}}){{1,3}}[ :=]{{1,3}}){_VALUE}"
    )


def wifi() -> str:
    """What somebody says that the wireless network is."""
    return (
        rf"{BEFORE}{alternatives('wifi')}(?: [\pL\pM'’-]{{1,16}}){{0,3}}? ?"
        rf"(?:{alternatives('copulas')})[ :='\x22«“„]{{1,3}}{_VALUE}"
    )


def wordy_password() -> str:
    """Some words and a number at the end of the sentence."""
    return (
        rf"{BEFORE}{alternatives('password')} ?(?:is|=|:|ist|est|es)[ :]{{1,2}}((?:"
        rf"[\pL]+ ){{1,3}}\d{{1,6}})(?:$|[.!?\n])"
    )


_DIGITS = r"(\d{2,4}[ -]\d{2,4}|\d{3,8})(?:[^\pL\d]|$)"


def pin() -> str:
    """Digits after the word, with what the number belongs to between."""
    return (
        rf"{BEFORE}{alternatives('pin')}[\pL]{{0,5}}(?:[^\d.!?\n]{{0,40}}?[^\pL\d.!?\n]|'s |"
        rf"[\p{{Han}}\x{{3040}}-\x{{30ff}}\x{{1100}}-\x{{11ff}}]{{0,6}}){_DIGITS}"
    )


_CODE = r"(\d{2,4}[ -]\d{3,4}|[#*]?\d[\da-zа-я]{2,9}[#*]?|[#*]?[a-zа-я]{1,3}\d[\da-zа-я]{2,8}[#*]?)"


def code_after() -> str:
    """What opens something: a code of a door, then the code."""
    code, what = alternatives("code"), alternatives("of what code")
    compound = rf"[\pL-]*(?:{what})[\pL]{{0,4}}[- ]?{code}[\pL]{{0,5}}"
    beside = (
        rf"(?:{what}[\pL']{{0,5}}[^\d.!?\n]{{0,24}}?{code}|{code}[\pL]{{0,5}}[^\d.!?\n]{{1,24}}?{what}"
        rf"[\pL']{{0,5}})"
    )
    return (
        rf"(?:{compound}|{beside})[^\d.!?\n#*]{{0,28}}?[^\pL\d]?{_CODE}(?:[^\pL\d]|$|"
        rf"[\x{{1100}}-\x{{11ff}}]|\p{{Han}})"
    )


def code_before() -> str:
    """The code, then what it opens."""
    code, what = alternatives("code"), alternatives("of what code")
    new = r"(?:new |nuevo |neuer |nouveau )?"
    return (
        rf"(?:^|[^\pL\d]){_CODE}[^\pL\d\n][^\d.!?\n]{{0,24}}?(?:{what}[\pL]{{0,3}}[- ]?{code}"
        rf"|{new}{code}(?: nuevo| nouveau| nuovo)?(?:$|[.!?\n]))"
    )


_NO_SECRET = re.compile(r"string|required|\W*|\d{4}-\d\d-\d\d.*")


def secret(text: str, start: int, end: int, _regions: Regions) -> Iterator[Found]:
    """With something in it that tells it from a word, and without the punctuation of the sentence."""
    value = text[start:end].rstrip(".,;:?)»”。、，")
    # A last `!` belongs to a password more often than not.
    if len(value) >= _SHORTEST and not _NO_SECRET.fullmatch(value):
        yield start, start + len(value)
