"""The words that made-up homes and instructions consist of (`data/words.yaml`); nobody named there exists."""

from umi_lab.synthesis.data_file import read_data, texts_by_key

__all__ = [
    "BODIES",
    "COMPANIES",
    "FAMILY_NAMES",
    "GIVEN_NAMES",
    "NEVER_AFTER_PLEASE",
    "NUMBER_WORDS",
    "PLACES",
    "QUALIFIERS",
    "REQUEST_VERBS",
    "ROLES",
    "SOLO_TOPICS",
    "SYLLABLES",
    "THINGS",
    "VENDORS",
]

_WORDS = texts_by_key(read_data("words"))

GIVEN_NAMES = _WORDS["given_names"]
FAMILY_NAMES = _WORDS["family_names"]
COMPANIES = _WORDS["companies"]
QUALIFIERS = _WORDS["qualifiers"]
"""First words of a topic: the `kitchen` of `kitchen review`."""
THINGS = _WORDS["things"]
"""Second words of a topic: the `review` of `kitchen review`."""
SOLO_TOPICS = _WORDS["solo_topics"]
"""Topics of one word."""
ROLES = _WORDS["roles"]
"""What somebody in the contacts may be to the user."""
PLACES = _WORDS["places"]
NUMBER_WORDS = _WORDS["number_words"]
BODIES = _WORDS["bodies"]
"""Sentences of notes, files and mails: `{x}` is a topic, `{k}` a number, `{t}` a time."""
VENDORS = _WORDS["vendors"]
"""Prefixes that a vendor may give to the names of its tools."""
REQUEST_VERBS = frozenset(_WORDS["request_verbs"])
"""Verbs that begin a request which people may turn into a question."""
NEVER_AFTER_PLEASE = frozenset(_WORDS["never_after_please"])
"""First words of a request that nobody puts `please` before."""
SYLLABLES = _WORDS["syllables"]
"""Made-up words consist of these."""
