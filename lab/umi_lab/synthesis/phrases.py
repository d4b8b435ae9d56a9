"""Phrases: the ways to ask for each kind of task, whole (`data/phrases.yaml`) and put together of parts.

Whole phrases teach a model whole phrases. What it must learn is that "the boiler note" is a note whatever verb stands
before it, and that a day and a time make an event; so the parts of a combined phrase (`data/combined_phrases.yaml`)
are drawn apart: a way to begin, a way to name the thing, and what else belongs to it.
"""

from umi_lab.synthesis.data_file import read_data, texts
from umi_lab.synthesis.pools import Draw

__all__ = ["MORE_PHRASES", "PHRASES", "combined_phrase"]

_FAMILIES = read_data("phrases")
PHRASES = {family: texts(listed["phrases"]) for family, listed in _FAMILIES.items()}
"""For each family of tasks. The last fifth of each is held out from training."""
MORE_PHRASES = {family: texts(listed["more"]) for family, listed in _FAMILIES.items() if "more" in listed}
"""For training alone: held-out episodes never draw from these."""
_PARTS = {
    family: tuple(map(texts, parts)) for family, parts in read_data("combined_phrases")["families"].items()
}


def combined_phrase(draw: Draw, family: str) -> str:
    """A phrase of a family with its slots open; empty where the family has no parts."""
    return "".join(draw.rng.choice(part) for part in _PARTS.get(family, ()))
