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
_MORE_ABOUT_ME = (
    ("I have to stay at home", "Staying at home"),
    ("I have to cancel on {d}", "Cancelling"),
    ("I have to work until {t}", "Working until {t}"),
    ("I have to hurry", "Hurrying"),
    ("I have to wait {k} minutes", "Waiting"),
    ("I have to move", "Moving"),
    ("we have to wait until {t}", "Waiting"),
    ("I arrived well", "Arrived"),
    ("I returned on {d}", "Returned"),
    ("I moved house", "Moved"),
    ("I parked outside", "Parked"),
    ("I recovered quickly", "Recovered"),
    ("we finished early", "Finished"),
    ("I will be {w} minutes ahead", "Ahead of time"),
    ("I come {k} minutes early", "Coming early"),
    ("I am {k} minutes ahead of time", "Ahead of time"),
    ("I will be {w} hours late", "Running late"),
    ("I am late again", "Running late"),
    ("my bus is {k} minutes late", "Running late"),
    ("my flight is delayed", "Running late"),
    ("breakfast is at {t}", "Breakfast"),
    ("supper is at {t}", "Supper"),
    ("tea is at {t}", "Tea"),
    ("practice is at {t}", "Practice"),
    ("I am at the airport", "At the airport"),
    ("I am in the garden", "In the garden"),
    ("I am at work until {t}", "At work"),
    ("we are at the harbour", "At the harbour"),
    ("I am not well", "Not well"),
    ("I am tired today", "Tired today"),
    ("I am busy on {d}", "Busy"),
    ("I am free after {t}", "Free"),
    ("I will ring at {t}", "Ringing"),
    ("I will write on {d}", "Writing"),
    ("I will pay {k} euros", "Paying"),
    ("I will join at {t}", "Joining"),
    ("we meet at {t}", "Meeting"),
    ("we start at {t}", "Starting"),
    ("we travel on {d}", "Travelling"),
    ("the meeting room is number {k}", "Meeting room"),
    ("the password has changed", "Password"),
    ("the address is still the same", "Address"),
    ("my number has changed", "Number"),
    ("the door code is {k}", "Door code"),
)
_MORE_ABOUT = (
    ("I do not like the {x}", "{X}"),
    ("I love the {x}", "{X}"),
    ("somebody has paid for the {x}", "{X}"),
    ("nobody came to the {x}", "{X}"),
    ("nobody knows about the {x}", "{X}"),
    ("I missed the {x}", "{X}"),
    ("I remember the {x}", "{X}"),
    ("we lost the {x}", "{X}"),
    ("the {x} begins on {d}", "{X}"),
    ("the {x} happens on {d} at {t}", "{X}"),
    ("the {x} is at {t}", "{X}"),
    ("the {x} was great", "{X}"),
    ("the {x} is late", "{X}"),
    ("the {x} takes {k} minutes", "{X}"),
    ("I cannot find the {x}", "{X}"),
    ("I paid {k} euros for the {x}", "{X}"),
    ("there is a problem with the {x}", "{X}"),
    ("there will be no {x} on {d}", "{X}"),
    ("my {x} is broken", "{X}"),
    ("our {x} is next {d}", "{X}"),
    ("we have a {x} at {t}", "{X}"),
    ("everyone agreed on the {x}", "{X}"),
    ("he wants to see the {x}", "{X}"),
    ("thanks for the {x}", "{X}"),
)
"""For varied training data; held-out episodes never draw from these two."""
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def message_of(draw: Draw, *, about: bool = False) -> Message:
    """A message; `about` asks for one that is about a thing."""
    rng = draw.rng
    on_thing = about or draw.chance(0.55)
    clause, subject = draw.one(_ABOUT if on_thing else _ABOUT_ME)
    if draw.variety > 4 and not draw.held_out and draw.chance(0.6):
        clause, subject = rng.choice(_MORE_ABOUT if on_thing else _MORE_ABOUT_ME)
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
