"""Words of everyday requests (`data/everyday.yaml`): what is told, asked and called, and how slots are filled."""

from dataclasses import dataclass

from umi_lab.synthesis.data_file import read_data, texts_by_key
from umi_lab.synthesis.families.called_events import name_of
from umi_lab.synthesis.families.errands import told_shortly
from umi_lab.synthesis.families.questions import said_loosely
from umi_lab.synthesis.home import Home, capitalised, clock_of, topic_of
from umi_lab.synthesis.messages import Message
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import ScriptContext

__all__ = [
    "SAYS",
    "Question",
    "action",
    "called",
    "filled",
    "line",
    "question",
    "said",
    "short_name",
    "told_now",
]

SAYS = texts_by_key(read_data("everyday"))
_WEEKDAYS = ("monday", "Tuesday", "Wednesday", "thursday", "friday", "Saturday", "the weekend")
_SHORTEST = 5
"""Letters of a name that friends shorten."""


def said(draw: Draw, key: str) -> str:
    """One way to say it, as people type it."""
    return said_loosely(draw, draw.rng.choice(SAYS[key]))


def filled(template: str, **slots: str) -> str:
    """A template with these slots filled; others stay open.

    >>> filled("move {e} to {t}", e="lunch with Ann")
    'move lunch with Ann to {t}'
    """
    for slot, value in slots.items():
        template = template.replace(f"{{{slot}}}", value)
    return template


def short_name(draw: Draw, home: Home) -> str:
    """The first letters of somebody's name, as friends say it; a whole name where all are short."""
    long = [one.given for one in home.people if len(one.given) >= _SHORTEST]
    return (
        draw.rng.choice(long)[: draw.rng.randint(3, 4)].lower()
        if long
        else draw.rng.choice(home.people).given
    )


def called(draw: Draw, home: Home) -> str:
    """An event as people call it, mostly with somebody's name, at times a short one."""
    name = short_name(draw, home) if draw.chance(0.2) else name_of(draw, home)
    name = name.lower() if draw.chance(0.15) else name
    key = "called" if draw.chance(0.8) else "deeds"
    return draw.rng.choice(SAYS[key]).format(n=name, x=topic_of(draw))


def action(draw: Draw, home: Home) -> str:
    """What is to be done, as it follows "to"."""
    return draw.rng.choice(SAYS["actions"]).format(n=name_of(draw, home), x=topic_of(draw))


def line(draw: Draw, home: Home) -> str:
    """Something for a list."""
    return draw.rng.choice(SAYS["lines"]).format(
        z=topic_of(draw), w=topic_of(draw), k=draw.rng.randint(2, 40), n=name_of(draw, home)
    )


def told_now(draw: Draw) -> Message:
    """What is told, as people tell it."""
    if draw.chance(0.4):
        return told_shortly(draw)
    clause = draw.rng.choice(SAYS["told"]).format(
        x=topic_of(draw), k=draw.rng.randint(2, 95), d=draw.rng.choice(_WEEKDAYS), t=clock_of(draw)
    )
    return Message(clause, capitalised(clause))


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody is asked: as it stands in the request, with its first word."""

    said: str

    @property
    def is_whether(self) -> bool:
        """Whether it may follow "find out"."""
        return self.said.partition(" ")[0] not in _BODIES

    def body(self, context: ScriptContext) -> str:
        """What the mail says: the question's own words behind a beginning that fits any."""
        first, _, rest = self.said.partition(" ")
        if self.is_whether:
            return f"Please say {context.seen(self.said)}."
        return _BODIES[first].format(context.seen(rest))

    @property
    def subject(self) -> str:
        """What the mail is about: the question without the word that is not the mail's."""
        return capitalised(self.said if self.is_whether else self.said.partition(" ")[2])


_BODIES = {"for": "Please send {}.", "to": "Please {}.", "about": "What about {}?"}


def question(draw: Draw) -> Question:
    """What somebody is asked."""
    text = draw.rng.choice(SAYS["asked"])
    return Question(text.format(x=topic_of(draw), k=draw.rng.randint(2, 40)))
