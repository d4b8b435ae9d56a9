"""Messages: what a user wants to tell someone, with the subject that a mail on it would bear."""

from dataclasses import dataclass

from umi_lab.synthesis.data_file import read_data, texts_by_key
from umi_lab.synthesis.home import capitalised, made_up_topic
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.switches import Switch
from umi_lab.synthesis.words import NUMBER_WORDS, QUALIFIERS, SOLO_TOPICS, THINGS

__all__ = ["Message", "message_of"]


@dataclass(frozen=True, slots=True)
class Message:
    """A clause as it follows `that`, and the subject of a mail on it: a thing, or else the clause itself.

    The subject can therefore be read in the request. A model that learns to make subjects up makes wrong ones for what
    it has not seen, such as "Running late" for someone who comes early.
    """

    clause: str
    subject: str


_CLAUSES = texts_by_key(read_data("messages"))


def message_of(draw: Draw, *, about: bool = False) -> Message:
    """A message; with `about`, one that is about a topic."""
    rng = draw.rng
    on_thing = about or draw.chance(0.55)
    clause = draw.one(_CLAUSES["about" if on_thing else "about_me"])
    if draw.has(Switch.NEED_PHRASED) and not draw.held_out and draw.chance(0.6):
        clause = rng.choice(_CLAUSES["more_about" if on_thing else "more_about_me"])
    solo = draw.chance(0.35)
    topic = draw.one(SOLO_TOPICS) if solo else f"{draw.one(QUALIFIERS)} {draw.one(THINGS)}"
    if draw.has(Switch.MADE_UP_WORDS) and draw.chance(0.5):
        topic = made_up_topic(draw)
    clause = clause.format(
        x=topic,
        k=str(rng.randint(2, 95)),
        w=rng.choice(NUMBER_WORDS),
        d=rng.choice(_CLAUSES["days"]),
        t=f"{rng.randint(7, 21):02}:{rng.choice(('00', '15', '30', '45'))}",
    )
    return Message(clause, capitalised(topic if on_thing else clause))
