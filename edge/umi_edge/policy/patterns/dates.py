"""Dates of birth: a date in any of the languages' words, beside a word of birth."""

from umi_edge.policy.patterns.vocabulary import BEFORE, alternatives, marked
from umi_edge.policy.projection import projected

__all__ = ["DATE", "birthday", "born_after", "born_before"]


def DATE() -> str:  # noqa: N802  # a constant that takes a while to make
    """Dates in digits, with the month's name, in Chinese, Japanese and Korean, and with words for the day and year."""
    month = alternatives("months")
    joint = r"[., -]{0,2}(?:of |de |del |do |d')?"
    number = rf"{alternatives('numbers')}+[\pL]{{0,7}}"
    year = rf"(?:\d{{4}}|'?\d{{2}}\b|{number}(?:[ -](?:(?:and|und|y|e|et|i|og|och|en) )?{number}){{0,3}})"
    tail = rf"(?: ?{alternatives('years')})?"
    han = (
        r"(?:\d{2}|\d{4}) ?[年\x{1102}\x{1167}\x{11ab}]+ ?\d{1,2} ?[月\x{110b}\x{116f}\x{11af}]+ ?\d{1,2} ?"
        r"[日号號\x{110b}\x{1175}\x{11af}]{0,3}"
    )
    return (
        r"(?:(?:19|20)\d{6}\b|\d{4}[-./] ?\d{1,2}[-./] ?\d{1,2}"
        rf"|\d{{1,2}}[-./] ?\d{{1,2}}[-./] ?\d{{2,4}}{tail}"
        rf"|\d{{1,2}}(?:st|nd|rd|th|er|º|°|ого)?{joint}{month}{joint}{year}{tail}"
        rf"|{month} \d{{1,2}}(?:st|nd|rd|th)?,? {year}|\d{{4}}[.,]? (?:on )?{month} \d{{1,2}}(?:-[aeo]n)?"
        r"|\d{1,2} thang \d{1,2},? nam \d{4}"
        r"|[〇一二三四五六七八九零]{4}年[一二三四五六七八九十]{1,2}月[一二三四五六七八九十]{1,3}日"
        rf"|[\pL-]{{3,20}}(?:[ -][\pL]{{3,12}})? (?:of |de |d')?{month}{joint}{year}{tail}"
        rf"|{han}|(?:平成|昭和|大正|令和) ?\d{{1,2}}年 ?\d{{1,2}}月 ?\d{{1,2}}日)"
    )


def born_before() -> str:
    """The word, then the date."""
    return rf"{marked('born')}[^\d\n!?]{{0,30}}?(?:^|[^\pL\d])?({DATE()})"


def birthday() -> str:
    """A day without a year, after a word for birthdays."""
    month = alternatives("months")
    return (
        rf"{BEFORE}(?:birthday|bday|geburtstag|anniversaire|cumpleanos|compleanno|aniversario|urodziny"
        rf"|verjaardag)(?: is| ist| est| es| e)?"
        rf"(?:[ :]{{1,2}}(?:on|am|le|el|il|the|op))?[ :]{{1,2}}(\d{{1,2}}(?:st|nd|rd|th)?\.? (?:of |de "
        rf"|d')?{month}|{month} \d{{1,2}}(?:st|nd|rd|th)?)(?:[^\pL\d]|$)"
    )


def born_after() -> str:
    """The date, then the word."""
    return rf"({DATE()})(?:[^\d\n!?]{{0,60}}?{alternatives('born after')}| ?(?:{projected('생')}|生)(?:$|[^\pL]))"
