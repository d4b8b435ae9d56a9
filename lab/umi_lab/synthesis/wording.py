"""The words of an instruction: a phrase of the family, and how people and days are named in it."""

from collections.abc import Mapping
from datetime import date

from umi_lab.synthesis.home import Home, topic_of
from umi_lab.synthesis.phrases import PHRASES
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.words import FAMILY_NAMES, GIVEN_NAMES

__all__ = ["asked_topic", "named", "phrase", "spelt_day"]


def phrase(draw: Draw, family: str, **slots: str) -> str:
    """One of the family's ways to ask."""
    text = draw.one(PHRASES[family]).format(**slots)
    return text[:1].upper() + text[1:]


def spelt_day(draw: Draw, day: date) -> str:
    """A date as people write it; mostly as ISO 8601."""
    if draw.chance(0.75):
        return day.isoformat()
    return f"{day:%d %B %Y}".lstrip("0") if draw.chance(0.5) else f"{day:%B} {day.day}, {day.year}"


def named(draw: Draw, home: Home) -> str:
    """How the user calls someone: mostly a full name of the contacts, at times a first name or a stranger's."""
    person = draw.rng.choice(home.people)
    roll = draw.rng.random()
    if roll < 0.06:
        return f"{draw.one(GIVEN_NAMES)} {draw.one(FAMILY_NAMES)}"
    if roll < 0.24:
        return person.given if draw.chance(0.6) else person.family
    return person.name


def asked_topic(draw: Draw, known: Mapping[str, str]) -> str:
    """A topic that is there, or with a small chance one that is not."""
    return topic_of(draw) if draw.chance(0.12) or not known else draw.rng.choice(list(known))
