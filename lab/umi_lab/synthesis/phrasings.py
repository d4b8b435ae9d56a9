"""Phrasings: requests as people write them, each written out by itself, by persona and by task (`data/phrasings/`)."""

import string
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from umi_lab.synthesis.data_file import texts

__all__ = ["SLOTS", "Persona", "personas", "phrasings_of"]

_FOLDER = Path(__file__).parent / "data" / "phrasings"

SLOTS: dict[str, frozenset[str]] = {
    family: frozenset(slots.split())
    for family, slots in {
        # Families that episodes are played of.
        "mail_send": "n m",
        "event_with": "n x d t",
        "event_solo": "x d t",
        "day_list": "d",
        "event_cancel": "x d",
        "event_time": "x d",
        "note_find": "x",
        "note_mail": "n x",
        "mail_find": "n x",
        "mail_find_topic": "x",
        "mail_forward": "n x",
        "contact_email": "n",
        "contact_phone": "n",
        "contact_company": "n",
        "contact_add_email": "n e",
        "contact_add_phone": "n p",
        "contact_add_both": "n e p",
        "note_create": "m",
        "file_read": "x",
        "file_mail": "n x",
        "search_all": "x",
        # Families for more tools, and for questions.
        "range_list": "d d2",
        "next_with": "n",
        "free_time": "d",
        "event_move": "x d d2 t",
        "event_all_day": "x d",
        "event_weekly": "x t",
        "contact_role": "r",
        "contact_change": "n p",
        "mail_unread": "",
        "mail_range": "n d",
        "mail_reply": "n m",
        "mail_two": "n n2 m",
        "note_append": "x m",
        "reminder_add": "m d",
        "reminder_list": "",
        "read_answer": "x q",
        "find_and_tell": "n n2",
        "event_and_mail": "n x d t",
        "correction": "n",
        "no_tool": "",
    }.items()
}
"""The slots that a phrasing of each family may have; it must have `m`, `e` and `p` of them.

n, n2: persons; m: a clause ("the boiler is fixed"); x: a topic ("boiler"); d, d2: days ("2026-11-27", "tomorrow");
t: a time; e: an e-mail address; p: a phone number; r: a role or company ("plumber"); q: what is asked ("how long it
takes").
"""


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody's requests by family, with open slots."""

    name: str
    about: str
    phrasings: dict[str, tuple[str, ...]] = field(hash=False)


@cache
def personas() -> tuple[Persona, ...]:
    """Everybody in `data/phrasings/`, by the names of the files.

    Raises `ValueError` for a family or a slot that there is none of.
    """
    found = []
    for path in sorted(_FOLDER.glob("*.yaml")):
        written = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        phrasings = {family: texts(listed) for family, listed in written["phrasings"].items()}
        for family, listed in phrasings.items():
            if family not in SLOTS:
                raise ValueError(f"{path.name}: there is no family {family}")
            for text in listed:
                if not _slots(text) <= SLOTS[family]:
                    raise ValueError(f"{path.name}: {family} has no such slot: {text}")
        found.append(Persona(path.stem, written["about"], phrasings))
    return tuple(found)


def phrasings_of(family: str) -> tuple[str, ...]:
    """All that anybody says for a family."""
    return tuple(text for persona in personas() for text in persona.phrasings.get(family, ()))


def _slots(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)
