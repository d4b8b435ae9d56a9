"""The words of an instruction: a phrase of the family, and how people and days are named in it."""

from collections.abc import Mapping
from datetime import date

from umi_lab.synthesis.data_file import read_data, texts
from umi_lab.synthesis.home import Home, topic_of
from umi_lab.synthesis.phrases import MORE_PHRASES, PHRASES, combined_phrase
from umi_lab.synthesis.phrasings import phrasings_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.switches import Switch
from umi_lab.synthesis.words import FAMILY_NAMES, GIVEN_NAMES, REQUEST_VERBS

__all__ = ["asked_topic", "named", "phrase", "spelt_day", "spoken"]

_POLITENESS = read_data("politeness")
_LEADS = tuple(map(texts, _POLITENESS["leads"]))
"""What people put before a request, and what then ends it."""
_GREETINGS = texts(_POLITENESS["greetings"])


def phrase(draw: Draw, family: str, **slots: str) -> str:
    """A request of a family, with these values in the slots of one of its phrases."""
    if family not in PHRASES:  # people's own words are all that there is
        return draw.rng.choice(phrasings_of(family)).format(**slots)
    more = MORE_PHRASES.get(family, ()) if draw.has(Switch.MORE_PHRASES) and not draw.held_out else ()
    text = draw.rng.choice((*draw.part(PHRASES[family]), *more))
    if draw.has(Switch.COMBINED_PHRASES) and not draw.held_out and draw.chance(0.6):
        text = combined_phrase(draw, family) or text
    if (
        draw.has(Switch.PEOPLES_WORDS)
        and not draw.held_out
        and draw.chance(0.7)
        and (natural := phrasings_of(family))
    ):
        # As it was written: with its own greeting, case and missing full stop.
        return draw.rng.choice(natural).format(**slots)
    text = text.format(**slots)
    if draw.has(Switch.MORE_PHRASES):
        text = spoken(draw, text)
    return text[:1].upper() + text[1:]


def spoken(draw: Draw, text: str) -> str:
    """The same request as people say it: at times with a please or a greeting, or as a question."""
    verb = text.partition(" ")[0]
    if verb in REQUEST_VERBS and draw.chance(0.5):
        lead, end = draw.one(_LEADS)
        text = lead + text.rstrip(".") + end
    elif draw.chance(0.15):
        text = draw.one(_GREETINGS) + text
    if draw.chance(0.08):
        text = text.rstrip(".?")
    return text


def spelt_day(draw: Draw, day: date) -> str:
    """A date as people write it, mostly as ISO 8601."""
    spelt_out = draw.has(Switch.NEED_PHRASED) and not draw.held_out
    if draw.chance(0.4 if spelt_out else 0.6 if draw.has(Switch.MORE_PHRASES) else 0.75):
        return day.isoformat()
    if draw.has(Switch.MORE_PHRASES) and draw.chance(0.3):
        return f"{day:%b} {day.day}, {day.year}" if draw.chance(0.5) else f"{day.day} {day:%b} {day.year}"
    return f"{day:%d %B %Y}".lstrip("0") if draw.chance(0.5) else f"{day:%B} {day.day}, {day.year}"


def named(draw: Draw, home: Home) -> str:
    """What the user calls someone: mostly the full name of a contact, at times one part of it, or a stranger's name."""
    person = draw.rng.choice(home.people)
    roll = draw.rng.random()
    if roll < 0.06:
        return f"{draw.one(GIVEN_NAMES)} {draw.one(FAMILY_NAMES)}"
    if roll < 0.24:
        return person.given if draw.chance(0.6) else person.family
    return person.name


def asked_topic(draw: Draw, known: Mapping[str, str]) -> str:
    """One of the known topics, or with a small chance one that is not known."""
    return topic_of(draw) if draw.chance(0.12) or not known else draw.rng.choice(list(known))
