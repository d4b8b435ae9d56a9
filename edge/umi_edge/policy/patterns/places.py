"""Places: postal addresses by street and number, coordinates, and where one's files are."""

import re
from collections.abc import Iterator
from functools import cache

from umi_edge.policy.patterns.pattern import Found, Regions, trimmed
from umi_edge.policy.patterns.vocabulary import BEFORE, alternatives, joined, words
from umi_edge.policy.projection import projected

__all__ = [
    "COORDINATES",
    "HOME_PATH",
    "MAC",
    "address",
    "arabic_or_han_address",
    "english_address",
    "german_address",
    "named_street",
    "said_to_be_home",
    "stated_address",
    "street_after",
]

HOME_PATH = r"(?:/(?:home|users)/|\b[a-z]:[\\/]users[\\/]|~/)[^\s/\\<>|\x22]+(?:[\\/][^\s<>|\x22]*)?"
MAC = r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}"
_HALF = (
    r"\d{1,3}(?:[.,]\d{3,})?° ?(?:\d{1,2}(?:[.,]\d+)?[′' ]{1,2}(?:\d{1,2}(?:[.,]\d+)?[″′'\x22 ]{1,3})?)? ?"
)
COORDINATES = (
    rf"{_HALF}[ns][, ]{{0,3}}{_HALF}[ewo]"
    r"|[ns] ?\d{1,2} \d{1,2}\.\d{2,}[, ]{1,2}[ewo] ?\d{1,3} \d{1,2}\.\d{2,}"
    r"|-?\d{2}\.\d{4,}, ?-?\d{1,3}\.\d{4,}|-?\d\.\d{5,}, ?-?\d{1,3}\.\d{5,}"
)
_POSTCODE = (
    r"(?:[a-z]{1,2}\d{1,2}[a-z]? ?\d[a-z]{2}|[a-z]{2},? \d{5}(?:-\d{4})?|\d{4} ?[a-z]{2}"
    r"|\d{2}-\d{3}|\d{3} \d{2,3}|\d{4,6}"
    r"|[a-z]\d[a-z] ?\d[a-z]\d)\b"
)
_PART = r"[^\W\d_][^\s,;:!?()]*"
_LAST_TOWN = rf"{_PART}(?: {_PART}){{0,3}}?(?: \d{{1,2}})?(?=\s*(?:[.,;:!?)،。]|\n|$))"
_TOWN = rf"(?:{_PART}(?: {_PART}){{0,3}}?(?: \d{{1,2}})?(?=\s*(?:[.,;:!?)،。]|\n|$))|{_PART})"
_NUMBER = r"\d{1,5}(?: ?[a-z]\b)?(?:[-/]\d{1,4}[a-z]?)?(?:[kк]\d)?"
_NAME = r"(?:(?:de|du|des|la|le|los|las|del|della|dei|das|dos|da|do|di|d|l|of|the|św)[ '.])*[\pL\pM'.-]+"
_LONGEST_TAIL = 60
_MOST_PARTS = 5


@cache
def _tail() -> re.Pattern[str]:
    """What goes on with an address: parts of the house, the postcode, the town. On a bounded piece, so not by RE2."""
    units = alternatives("units")
    return re.compile(
        rf"[,،]? {units}[.:]? ?[^\s,;]{{1,8}}(?: izquierda| derecha)?\b|[,،]? (?:in )?{_POSTCODE}"
        rf"(?: {_TOWN})?"
        rf"|[,،] ?\d{{1,5}} ?(?:[a-z]{{0,2}}\b)?(?: [a-z]\b)?| [a-z] \d{{1,3}}\b| (?:nw|ne|sw|se)\b|"
        rf"\. \d{{1,2}}/\d{{1,3}}\b|[,،] {_LAST_TOWN}"
        rf"|[,،] {_PART}(?: {_PART}){{0,3}}?,? {_POSTCODE.replace('4,6', '5,6')}"
    )


def address(text: str, start: int, end: int, regions: Regions) -> Iterator[Found]:
    """With what goes on with it, and without the punctuation of the sentence and words that no address has."""
    inner = re.findall(r"[^\W\d]{2,}", text[start:end])
    if not words("not in an address").isdisjoint(inner[1:]):
        return
    if _OF_NETWORK.search(text, max(0, start - _LONGEST_TAIL), start):
        return
    if re.search(r" [^\W\d_]$", text[start:end]) and re.match(r"\. ?\d", text[end:]):
        end -= 2  # `44 m. 5`: the letter is of the flat
    for _ in range(_MOST_PARTS):
        piece = text[end : end + _LONGEST_TAIL]
        match = _tail().match(piece)
        if match is None or not match.end():
            break
        end += match.end()
    before = _TOWN_BEFORE.search(text, max(0, start - _LONGEST_TAIL), start)
    yield from trimmed(text, before.start(before.lastindex or 0) if before else start, end, regions)


_TOWN_BEFORE = re.compile(
    r"(?:(?<![^\W_])|^)((?:[a-z]{1,2}-)?\d{4,6},? [^\W\d_]+(?:[ -][^\W\d_]+)?, ?)$|: ?([^\W\d_]+(?:[ -][^\W\d_]+)?, ?)$"
)
"""The town before a street: behind its postcode, or at the beginning of what is given as an address."""


_OF_NETWORK = re.compile(
    r"(?<![^\W_])(?:e-?mail|ip|mac|web|url|bitcoin|btc|wallet|memory|server)[ -]?"
    rf"(?:addres|adres|direccion|endereco|indirizzo|{projected('адрес')}|osoite|cim)\w*\W*(?:\w+\W+)?$"
)


def english_address() -> str:
    """Number, name and kind of street; a named house; or a box."""
    kind = alternatives("street en")
    return (
        rf"\b((?:(?:flat|apt|unit|suite|plot) ?[\d/-]+[a-z]?, )?\d{{1,5}}[a-z]?(?:-\d+)?,? (?:"
        rf"[\pL'.]+ ){{1,4}}{kind}\b"
        rf"|p\.?o\.? ?box:? (?:no\.? ?)?\d+|the (?:[\pL']+ ){{0,2}}[\pL']+, (?:[\pL']+ ){{1,2}}{kind}\b"
        rf"|(?:flat|house|plot|villa|[a-z]-?)(?: ?no\.?)? ?\d+[a-z]?, (?:[\pL]+ ){{1,3}}?(?:nagar"
        rf"|colony|vihar|road|marg|enclave|krupa|society|layout|{kind})\b)"
    )


def german_address() -> str:
    """Name of the street with its kind in it, then the number."""
    kind = alternatives("street de")
    return (
        rf"\b((?:[\pL.'-]+[ -]){{0,2}}?[\pL.'-]{{2,}}{kind} {_NUMBER}|{alternatives('box')} \d[\d ]{{1,9}}"
        rf"|(?:am|an der|im|auf der|zum|zur|unter den) [\pL-]+(?: [\pL-]+)? {_NUMBER}, \d{{5}} [\pL]+)"
        rf"(?:[^\pL\d]|$)"
    )


def _dotted() -> str:
    """Short words for kinds of streets, which need no blank behind them."""
    short = (re.escape(word) for word in words("street before") if word[-1] in "./")
    return f"(?:{'|'.join(sorted(short, key=len, reverse=True))})"


def named_street() -> str:
    """Kind and name of the street, and the number before or after it."""
    kind = rf"(?:{alternatives('street before')}[ ']|{_dotted()} ?)"
    return (
        rf"(?:^|[^\pL\d]|[בלמוب])(\d{{1,4}}(?: ?(?:bis|ter|[a-c]))?(?:/\d+)?,? {kind}{_NAME}(?: {_NAME})?"
        rf"|lieu-dit [\pL'-]+(?: [\pL'-]+){{0,2}}?, \d{{5}} [\pL]+"
        rf"|{kind}{_NAME}(?: {_NAME}){{0,4}}?,? (?:no\.? |n[º°o] ?|д\. ?|d\. ?|nr |דירה )?{_NUMBER}"
        rf"|मकान [\d]+[\pL]?(?:,? [\pL\pM ]+ ?\d*){{1,4}})(?:[^\pL\d]|$)"
    )


def street_after() -> str:
    """Name, kind and number."""
    return (
        rf"((?:[\pL]+ ){{0,2}}[\pL]+ {alternatives('street after')}\.?,? ?(?:no ?[:.]? ?)?\d{{1,4}}(?:"
        rf"[/-]\d+)?[a-z]?(?: d:? ?\d+)?)(?:[^\pL\d]|$)"
    )


def said_to_be_home() -> str:
    """Some words and a number, where somebody says that they live."""
    return (
        rf"{BEFORE}{alternatives('home')} (?:(?:in der|in|at|on|na|en la|en|à la|à|a|in via|u|v|at the"
        rf"|op de|op|to|an|is|:)[ :]+)?([\pL][\pL\pM'.-]{{3,}}(?: [\pL\pM'.-]+)? \d{{1,4}}(?: ?"
        rf"[a-z]\b)?)(?:,|$|[.;!?\n]| m\.)"
    )


def stated_address() -> str:
    """All that follows a word for an address."""
    return (
        rf"(?:{BEFORE}{alternatives('address')}(?:(?: ?{alternatives('copulas')})? ?[:=]? ?|[,:] ?)"
        rf"|{joined('address')}[:：]? ?)"
        rf"([\pL\d][^\n@!?;。\d]{{0,60}}\d[^\n@!?;。]{{0,60}}?)(?:[\n!?;。]|\. |\.?$)"
    )


def arabic_or_han_address() -> str:
    """Chinese, Japanese and Korean addresses, from the large to the small; and a Greek street with its postcode."""
    hangul = r"[\x{1100}-\x{11ff}]+"
    part = r"[\d-]+(?:号楼|号院|号室|号|號|番地|番|丁目|弄|栋|幢|楼|樓|室|单元|层|階|f)?"
    parts = "|".join(map(projected, ("시", "도", "군", "구", "읍", "면")))
    road = "|".join(map(projected, ("로", "길", "동")))
    indic = "|".join(map(projected, ("रोड", "मार्ग", "गली", "नगर", "कॉलोनी", "सड़क", "चौक", "विहार")))
    return (
        rf"((?:\p{{Han}}{{1,4}}?(?:省|自治区|都|道|府|県|縣|市|区|區|县)){{1,3}}[\p{{Han}}ヶケのー々]{{0,12}}?(?:{part})+"
        rf"|(?:{hangul}(?:{parts}) ){{1,3}}{hangul}(?:{road}) ?\d+(?:{projected('길')} ?\d+)?(?:-\d+)?"
        rf"(?:, ?\d+(?:{projected('동')} ?\d+)?{projected('호')}?)?"
        rf"|\d+(?:/\d+)? (?:{projected('ถนน')}|{projected('ซอย')})[\pL\pM]+"
        r"|\d+[a-z]? (?:duong |pho )?[\pL]+(?: [\pL]+){1,2}, (?:quan|phuong|huyen|q\.|p\.|tp)[ .][\pL\d]+"
        r"|[\pL]{4,} \d{1,3}, \d{3} \d{2} [\pL]+"
        rf"|\d{{1,4}}[a-z]?,? (?:[\pL\pM]+ ){{1,3}}(?:{indic}))"
    )
