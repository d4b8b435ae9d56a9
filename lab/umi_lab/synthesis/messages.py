"""Messages: what a user wants to tell someone, with the subject that a mail on it would bear."""

from dataclasses import dataclass

from umi_lab.synthesis.home import capitalised, made_up_topic
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.words import NUMBER_WORDS, QUALIFIERS, SOLO_TOPICS, THINGS

__all__ = ["Message", "message_of"]


@dataclass(frozen=True, slots=True)
class Message:
    """A clause as it follows `that`, and a subject."""

    clause: str
    subject: str


_ABOUT_ME = (
    ("I am {w} minutes late", "Running late"),
    ("I will be {w} minutes late", "Running late"),
    ("I am running {k} minutes late", "Running late"),
    ("I arrive at {t}", "Arrival"),
    ("I will be there at {t}", "Arrival"),
    ("I am on my way", "On my way"),
    ("I am stuck in traffic", "Running late"),
    ("my train is delayed", "Running late"),
    ("my train is {k} minutes late", "Running late"),
    ("I am ill today", "Ill today"),
    ("I work from home today", "Working from home"),
    ("I will call back at {t}", "Call"),
    ("we leave at {t}", "Departure"),
    ("dinner is at {t}", "Dinner"),
    ("I am at the station", "At the station"),
    ("the meeting point is the station", "Meeting point"),
    ("I landed safely", "Landed"),
    ("I will be {k} minutes early", "Arriving early"),
    ("lunch is at {t}", "Lunch"),
    ("I have to leave at {t}", "Leaving"),
)
_ABOUT = (
    ("the {x} is moved to {t}", "{X}"),
    ("the {x} is cancelled", "{X}"),
    ("the {x} is ready", "{X}"),
    ("the {x} starts at {t}", "{X}"),
    ("I cannot come to the {x}", "{X}"),
    ("I will bring the {x}", "{X}"),
    ("I agree to the {x}", "{X}"),
    ("the {x} costs {k} euros", "{X}"),
    ("the {x} needs {w} more days", "{X}"),
    ("the {x} must be paid by {d}", "{X}"),
    ("we need to talk about the {x}", "{X}"),
    ("the {x} is fixed", "{X}"),
    ("I finished the {x}", "{X}"),
    ("the {x} went well", "{X}"),
    ("the {x} is in room {k}", "{X}"),
    ("the {x} is delayed until {d}", "{X}"),
    ("nobody has paid for the {x}", "{X}"),
    ("I like the {x}", "{X}"),
    ("the {x} takes place on {d}", "{X}"),
    ("I forgot the {x}", "{X}"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def message_of(draw: Draw, *, about: bool = False) -> Message:
    """A message; `about` asks for one that is about a thing."""
    rng = draw.rng
    clause, subject = draw.one(_ABOUT if about or draw.chance(0.55) else _ABOUT_ME)
    solo = draw.chance(0.35)
    topic = draw.one(SOLO_TOPICS) if solo else f"{draw.one(QUALIFIERS)} {draw.one(THINGS)}"
    if draw.variety > 1 and draw.chance(0.5):
        topic = made_up_topic(draw)
    slots = {
        "x": topic,
        "X": capitalised(topic),
        "k": str(rng.randint(2, 95)),
        "w": rng.choice(NUMBER_WORDS),
        "d": rng.choice(_DAYS),
        "t": f"{rng.randint(7, 21):02}:{rng.choice(('00', '15', '30', '45'))}",
    }
    return Message(clause.format(**slots), subject.format(**slots))
