"""Messages: what a user wants to tell someone, with the subject that a mail on it would bear."""

from dataclasses import dataclass

from umi_lab.synthesis.home import capitalised, made_up_topic
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.words import NUMBER_WORDS, QUALIFIERS, SOLO_TOPICS, THINGS

__all__ = ["Message", "message_of"]


@dataclass(frozen=True, slots=True)
class Message:
    """A clause as it follows `that`, and the subject of a mail on it: a thing, or else the clause itself.

    So a subject can be read in the request. A model that learns to find words of its own finds wrong ones for what it
    has not seen: "Running late" for who comes early.
    """

    clause: str
    subject: str


_ABOUT_ME = (
    "I am {w} minutes late",
    "I will be {w} minutes late",
    "I am running {k} minutes late",
    "I arrive at {t}",
    "I will be there at {t}",
    "I am on my way",
    "I am stuck in traffic",
    "my train is delayed",
    "my train is {k} minutes late",
    "I am ill today",
    "I work from home today",
    "I will call back at {t}",
    "we leave at {t}",
    "dinner is at {t}",
    "I am at the station",
    "the meeting point is the station",
    "I landed safely",
    "I will be {k} minutes early",
    "lunch is at {t}",
    "I have to leave at {t}",
)
_ABOUT = (
    "the {x} is moved to {t}",
    "the {x} is cancelled",
    "the {x} is ready",
    "the {x} starts at {t}",
    "I cannot come to the {x}",
    "I will bring the {x}",
    "I agree to the {x}",
    "the {x} costs {k} euros",
    "the {x} needs {w} more days",
    "the {x} must be paid by {d}",
    "we need to talk about the {x}",
    "the {x} is fixed",
    "I finished the {x}",
    "the {x} went well",
    "the {x} is in room {k}",
    "the {x} is delayed until {d}",
    "nobody has paid for the {x}",
    "I like the {x}",
    "the {x} takes place on {d}",
    "I forgot the {x}",
)
_MORE_ABOUT_ME = (
    "I have to stay at home",
    "I have to cancel on {d}",
    "I have to work until {t}",
    "I have to hurry",
    "I have to wait {k} minutes",
    "I have to move",
    "we have to wait until {t}",
    "I arrived well",
    "I returned on {d}",
    "I moved house",
    "I parked outside",
    "I recovered quickly",
    "we finished early",
    "I will be {w} minutes ahead",
    "I come {k} minutes early",
    "I am {k} minutes ahead of time",
    "I will be {w} hours late",
    "I am late again",
    "my bus is {k} minutes late",
    "my flight is delayed",
    "breakfast is at {t}",
    "supper is at {t}",
    "tea is at {t}",
    "practice is at {t}",
    "I am at the airport",
    "I am in the garden",
    "I am at work until {t}",
    "we are at the harbour",
    "I am not well",
    "I am tired today",
    "I am busy on {d}",
    "I am free after {t}",
    "I will ring at {t}",
    "I will write on {d}",
    "I will pay {k} euros",
    "I will join at {t}",
    "we meet at {t}",
    "we start at {t}",
    "we travel on {d}",
    "the meeting room is number {k}",
    "the password has changed",
    "the address is still the same",
    "my number has changed",
    "the door code is {k}",
)
_MORE_ABOUT = (
    "I do not like the {x}",
    "I love the {x}",
    "somebody has paid for the {x}",
    "nobody came to the {x}",
    "nobody knows about the {x}",
    "I missed the {x}",
    "I remember the {x}",
    "we lost the {x}",
    "the {x} begins on {d}",
    "the {x} happens on {d} at {t}",
    "the {x} is at {t}",
    "the {x} was great",
    "the {x} is late",
    "the {x} takes {k} minutes",
    "I cannot find the {x}",
    "I paid {k} euros for the {x}",
    "there is a problem with the {x}",
    "there will be no {x} on {d}",
    "my {x} is broken",
    "our {x} is next {d}",
    "we have a {x} at {t}",
    "everyone agreed on the {x}",
    "he wants to see the {x}",
    "thanks for the {x}",
)
"""For varied training data; held-out episodes never draw from these two."""
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def message_of(draw: Draw, *, about: bool = False) -> Message:
    """A message; `about` asks for one that is about a thing."""
    rng = draw.rng
    on_thing = about or draw.chance(0.55)
    clause = draw.one(_ABOUT if on_thing else _ABOUT_ME)
    if draw.variety > 4 and not draw.held_out and draw.chance(0.6):
        clause = rng.choice(_MORE_ABOUT if on_thing else _MORE_ABOUT_ME)
    solo = draw.chance(0.35)
    topic = draw.one(SOLO_TOPICS) if solo else f"{draw.one(QUALIFIERS)} {draw.one(THINGS)}"
    if draw.variety > 1 and draw.chance(0.5):
        topic = made_up_topic(draw)
    clause = clause.format(
        x=topic,
        k=str(rng.randint(2, 95)),
        w=rng.choice(NUMBER_WORDS),
        d=rng.choice(_DAYS),
        t=f"{rng.randint(7, 21):02}:{rng.choice(('00', '15', '30', '45'))}",
    )
    return Message(clause, capitalised(topic if on_thing else clause))
