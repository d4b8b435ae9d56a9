"""Examples: wordings with their slots filled, as a planner is shown such requests."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from string import Formatter

from umi_edge.request_kinds.kind import Kind
from umi_lab.request_kinds.wordings import Wording
from umi_lab.synthesis.data_file import read_data, texts_by_key
from umi_lab.synthesis.day_words import clock_words, day_words
from umi_lab.synthesis.families.questions import ASKS, mistyped
from umi_lab.synthesis.home import Home, clock_of, draw_home, topic_of
from umi_lab.synthesis.messages import message_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.switches import Switch, all_until
from umi_lab.synthesis.toy_tools import MORE_TOY_TOOLS, NEEDED_TOY_TOOLS, TOY_TOOLS
from umi_lab.synthesis.words import COMPANIES, NUMBER_WORDS, ROLES

__all__ = ["Example", "examples_of"]

_ERRANDS = texts_by_key(read_data("errands"))
_HIDDEN = 0.75
"""How often a name is one that a detector knows, so that the planner sees a handle."""
_TWO_THINGS = 0.15
"""How many requests ask for two things, for each that asks for one."""
_JOINS = (" and ", " and ", ", and ", ", then ", ". ", ". also ", "; ", " & ", " plus ", " and also ")
_TOYS = {
    slot: values
    for tool in (*TOY_TOOLS, *MORE_TOY_TOOLS, *NEEDED_TOY_TOOLS)
    for slot, values in tool.values.items()
}


@dataclass(frozen=True, slots=True)
class Example:
    """A request, and what it asks for."""

    text: str = field(repr=False)
    kinds: frozenset[Kind]
    wording: Wording


def examples_of(wordings: Sequence[Wording], *, each: int, seed: int) -> list[Example]:
    """`each` examples of every wording, and some that ask for two things."""
    rng = random.Random(seed)  # noqa: S311  # no secret
    draw = Draw(rng, held_out=False, switches=all_until(Switch.ERRANDS))
    homes = [draw_home(draw) for _ in range(120)]
    found = [
        Example(_loosely(draw, _filled(draw, rng.choice(homes), one)), one.kinds, one)
        for one in wordings
        for _ in range(each)
    ]
    return found + list(_two_things(draw, found, round(len(found) * _TWO_THINGS)))


def _two_things(draw: Draw, singles: Sequence[Example], count: int) -> Iterator[Example]:
    asking = [one for one in singles if one.kinds]
    for _ in range(count):
        first, second = draw.rng.choice(asking), draw.rng.choice(singles)
        if draw.chance(0.5):
            first, second = second, first
        begin = second.text if draw.chance(0.3) else second.text[:1].lower() + second.text[1:]
        text = first.text.rstrip(".?! ") + draw.rng.choice(_JOINS) + begin
        yield Example(text, first.kinds | second.kinds, draw.rng.choice((first, second)).wording)


def _loosely(draw: Draw, text: str) -> str:
    if draw.chance(0.25):
        text = text.lower()
    if draw.chance(0.3):
        text = text.rstrip(".?!")
    for _ in range(draw.rng.choices((0, 1, 2, 3), (14, 3, 2, 1))[0]):
        text = mistyped(draw, text)
    return text


def _filled(draw: Draw, home: Home, wording: Wording) -> str:
    slots = {name for _, name, _, _ in Formatter().parse(wording.text) if name}
    filling = {slot: _slot(draw, home, slot) for slot in sorted(slots)}
    if "e" in slots and wording.family.startswith("contact_"):
        filling["e"] = "<email:1>"
    return wording.text.format(**filling)


def _slot(draw: Draw, home: Home, slot: str) -> str:
    """What stands in a slot; the letters are those of `phrasings.SLOTS` and of `errands.yaml`."""
    rng = draw.rng
    match slot:
        case "n" | "n2":
            return _name(draw, home)
        case "m":
            return _clause(draw, home)
        case "d" | "d2":
            return day_words(draw, home.today + timedelta(rng.randint(-3, 24)), home.words)
        case "t":
            return clock_words(draw, clock_of(draw), home.words)
        case "e":
            listed = _ERRANDS["called" if draw.chance(0.6) else "plain"]
            return rng.choice(listed).format(n=_name(draw, home), x=topic_of(draw))
        case "p":
            return "<phone:1>"
        case "r":
            return rng.choice(ROLES)
        case "c" | "company":
            return "<company:1>" if draw.chance(_HIDDEN) else rng.choice(COMPANIES)
        case "q":
            return rng.choice(ASKS["embedded"])
        case "a":
            return rng.choice(_ERRANDS["actions"]).format(x=topic_of(draw), n=_name(draw, home))
        case "k" | "w":
            return str(rng.randint(2, 95)) if slot == "k" else rng.choice(NUMBER_WORDS)
        case "x" | "y" | "z":
            return topic_of(draw)
    return rng.choice(_TOYS[slot])


def _name(draw: Draw, home: Home) -> str:
    if draw.chance(_HIDDEN):
        return f"<person:{draw.rng.randint(1, 9)}>"
    person = draw.rng.choice(home.people)
    return person.given if draw.chance(0.7) else person.name


def _clause(draw: Draw, home: Home) -> str:
    if draw.chance(0.35):
        return message_of(draw).clause
    return draw.rng.choice(_ERRANDS["clauses"]).format(
        x=topic_of(draw),
        n=_name(draw, home),
        k=draw.rng.randint(2, 95),
        w=draw.rng.choice(NUMBER_WORDS),
        d=draw.rng.choice(("monday", "tuesday", "Friday", "the weekend", "the 21st")),
        t=clock_of(draw),
    )
