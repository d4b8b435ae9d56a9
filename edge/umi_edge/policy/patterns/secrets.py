"""Secrets: keys of programs by their form, and passwords, PINs and codes of doors after their word."""

import re
from collections.abc import Iterator

from umi_edge.policy.patterns.pattern import Found, Regions
from umi_edge.policy.patterns.vocabulary import BEFORE, JOINED, alternatives, joined

__all__ = [
    "KEYS",
    "code_after",
    "answer",
    "code_before",
    "code_of_mine",
    "key",
    "keyed",
    "password",
    "pin",
    "quoted_password",
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
    r"\b(?:dop|shp(?:at|ca|pa|ss)|lin_api|ntn|secret|figd|nvapi|gsk|xai|r8|pplx|tvly|whsec|atatt|dckr_pat|cfpat"
    r"|sntrys|vercel)[_-][a-z0-9_-]{20,}",
    r"\bdapi[0-9a-f]{32}\b",
    r"\b\d{8,10}:aa[a-z0-9_-]{32,33}\b",
    r"\bsq0[a-z]{3}-[a-z0-9_-]{20,}",
    r"\bage-secret-key-1[a-z0-9]{50,}",
    r"\bpypi-[a-z0-9_-]{50,}",
    r"\bsg\.[a-z0-9_-]{16,}\.[a-z0-9_-]{16,}",
    r"\beyj[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}",
))  # fmt: skip
_SURE = ("-----", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "hf_", "npm_", "glpat-", "github_pat_", "pypi-")
_SHORTEST = 3
_LINK = r"[ '\x22«“„:=]{0,4}"


def keyed() -> str:
    """A long run of letters and digits after a word for keys."""
    return (
        rf"{alternatives('key')}{_LINK}(?:{alternatives('links')}[ '\x22:=]{{1,4}}){{0,2}}("
        rf"[a-z0-9_/+=.~-]{{16,}})"
    )


def key(text: str, start: int, end: int, _regions: Regions) -> Iterator[Found]:
    """A key has digits, where it does not begin as only keys do; a long word with hyphens has none."""
    written = text[start:end]
    if written.startswith(_SURE) or any(map(str.isdigit, written)):
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


def quoted_password() -> str:
    """All that stands in quotes right behind the word, and one word behind a short form of it that a sign follows."""
    said = rf"(?: ?(?:{alternatives('copulas')}))?[ :=]{{0,3}}"
    return (
        rf"{BEFORE}{alternatives('password')}{said}(?:\x22([^\x22\n]{{3,64}})\x22|'([^'\n]{{3,64}})'|`([^`\n]{{3,64}})`"
        rf"|[«“„]([^«»“”„\n]{{3,64}})[»”“])"
        r"|(?:^|[^\pL\d])(?:pass|passw|pword|pwort|kw)(?: ?[:=] ?| is )([^\s,;'\x22«»“”]{3,})"
        rf"|(?:^|[^\pL\d])log-?in[ :]{{1,2}}[^\s,;/:|]{{2,40}} ?[/:|] ?([^\s,;'\x22«»“”]{{3,}})"
    )


def answer() -> str:
    """The answer to a question that a bank or a site asks to know somebody by."""
    return (
        rf"{BEFORE}{alternatives('secret question')}[\pL]{{0,3}}"
        rf"(?: [\pL\pM'’-]{{1,16}}){{0,3}}? ?(?:{alternatives('copulas')})"
        rf"[ :=]{{0,2}}['\x22«“„]?([\pL\pM\d][\pL\pM\d'’-]+(?: [\pL\pM\d'’-]+){{0,2}}?)['\x22»”]?(?:[.,;!?\n]|$)"
    )


_DIGITS = (
    r"(\d{2,4}[ -]\d{2,4}|\d(?:[ .-]\d){3,7}|\d{1,2}(?:[ -]\d{1,2}){2,3}|\d{3,8})"
    rf"(?:[^\pL\d]|[{JOINED}]|$)"
)


def pin() -> str:
    """Digits after the word, with what the number belongs to between."""
    return (
        rf"{BEFORE}{alternatives('pin')}[\pL]{{0,5}}(?:[^\d.!?\n]{{0,40}}?[^\pL\d.!?\n]|'s |"
        rf"[\p{{Han}}\x{{3040}}-\x{{30ff}}\x{{1100}}-\x{{11ff}}]{{0,6}}){_DIGITS}"
    )


_CODE = (
    r"(\d{2,4}[ -]\d{3,4}|\d(?:[ .-]\d){3,7}|\d{1,2}(?:[ -]\d{1,2}){2,3}|[#*]?\d[\da-zа-я]{2,9}[#*]?"
    r"|[#*]?[a-zа-я]{1,3}\d[\da-zа-я]{2,8}[#*]?)"
)


def code_after() -> str:
    """What opens something: a code of a door, then the code."""
    code, what = alternatives("code"), alternatives("of what code")
    compound = (
        rf"(?:[\pL-]*(?:{what})[\pL]{{0,4}}[- ]?{code}|{BEFORE}{alternatives('door code')})[\pL]{{0,5}}"
    )
    beside = (
        rf"(?:{what}[\pL']{{0,5}}[^\d.!?\n]{{0,24}}?{BEFORE}{code}|{BEFORE}{code}[\pL]{{0,5}}[^\d.!?\n]{{1,24}}?{what}"
        rf"[\pL']{{0,5}})"
    )
    return (
        rf"(?:{compound}|{beside})(?:[^\d.!?\n#*]{{0,28}}?(?:[^\pL\d]|[{JOINED}]))?{_CODE}(?:[^\pL\d]|$|"
        rf"[{JOINED}])"
    )


def code_of_mine() -> str:
    """Digits that somebody calls their code without a word for what it opens."""
    return (
        rf"(?:(?:^|[^\pL]){alternatives('mine')} |{joined('mine')}){alternatives('code')}[\pL]{{0,3}}"
        rf"(?: ?(?:{alternatives('copulas')}))?[ :=]{{0,3}}(\d{{4,8}}|\d{{2,4}} \d{{2,4}})(?:[^\pL\d]|$)"
    )


def code_before() -> str:
    """The code, then what it opens."""
    code, what = alternatives("code"), alternatives("of what code")
    new = r"(?:new |nuevo |neuer |nouveau )?"
    return (
        rf"(?:^|[^\pL\d]){_CODE}[^\pL\d\n][^\d.!?\n]{{0,24}}?(?:{what}[\pL]{{0,3}}[- ]?{code}"
        rf"|{new}{code}(?: nuevo| nouveau| nuovo)?(?:$|[.!?\n]))"
    )


_NO_SECRET = re.compile(r"string|required|password|\W*|\d{4}-\d\d-\d\d.*|[a-z_]+\(.*|\(?yyyy.*")


def secret(text: str, start: int, end: int, _regions: Regions) -> Iterator[Found]:
    """With something in it that tells it from a word, and without the punctuation of the sentence."""
    value = text[start:end].rstrip(".,;:?)»”。、，")
    # A last `!` belongs to a password more often than not.
    if len(value) >= _SHORTEST and not _NO_SECRET.fullmatch(value):
        yield start, start + len(value)
