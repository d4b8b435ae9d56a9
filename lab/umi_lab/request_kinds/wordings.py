"""Wordings: requests as they are written out for training, with open slots, and what each asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from umi_edge.request_kinds import NOTHING, Kind
from umi_lab.synthesis.data_file import read_data, texts, texts_by_key
from umi_lab.synthesis.phrases import MORE_PHRASES, PHRASES
from umi_lab.synthesis.phrasings import personas
from umi_lab.synthesis.toy_tools import MORE_TOY_TOOLS, NEEDED_TOY_TOOLS, TOY_TOOLS

__all__ = ["Wording", "wordings"]

Kinds = frozenset[Kind]
_MORE = Path(__file__).parent / "wordings.yaml"
"""More wordings, by language and kind, that no planner is trained on."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to ask for something."""

    text: str
    kinds: Kinds
    """What it asks for; nothing where it asks a question, or for what no tool of umi's own does."""
    family: str
    """What it is a wording of."""
    writer: str = ""
    """Who writes so; empty where that is nobody in particular."""


def _each(listed: dict[Kind, str]) -> dict[str, Kinds]:
    return {name: frozenset({kind}) for kind, names in listed.items() for name in names.split()}


_FAMILIES = _each(
    {
        Kind.MAIL: "mail_send note_mail mail_forward file_mail mail_reply mail_two find_and_tell",
        Kind.EVENT: "event_with event_solo event_all_day event_weekly",
        Kind.MOVED: "event_move",
        Kind.CANCELLED: "event_cancel",
        Kind.NOTE: "note_create note_append",
        Kind.TODO: "reminder_add",
        Kind.CONTACT: "contact_add_email contact_add_phone contact_add_both contact_change",
    }
) | {"event_and_mail": frozenset({Kind.EVENT, Kind.MAIL})}
"""Of the families of `phrases` and `phrasings`; all others ask for nothing."""
_LISTS = {
    "errands": _each(
        {
            Kind.MAIL: "reply tell_two",
            Kind.EVENT: "enter",
            Kind.MOVED: "move move_day move_both corrected_day corrected_time",
            Kind.CANCELLED: "cancel",
            Kind.NOTE: "line",
            Kind.TODO: "todo done",
        }
    )
    | dict.fromkeys(("short", "mails_short", "phones_short", "facts", "no_tool"), frozenset()),
    "questions": _each({Kind.MAIL: "tells also", Kind.MOVED: "other_day other_time", Kind.TODO: "done"})
    | dict.fromkeys(("texts", "events", "people", "from", "company", "follow_ups"), frozenset()),
}
"""Of the lists of `errands.yaml` and `questions.yaml` that are requests."""


def wordings() -> tuple[Wording, ...]:
    """All of them, each once."""
    found: dict[str, Wording] = {}
    for one in _wordings():
        found.setdefault(one.text, one)
    return tuple(found.values())


def _wordings() -> Iterator[Wording]:
    for persona in personas():
        for family, listed in persona.phrasings.items():
            for text in listed:
                yield Wording(text, _FAMILIES.get(family, frozenset()), family, persona.name)
    for phrases in (PHRASES, MORE_PHRASES):
        for family, listed in phrases.items():
            for text in listed:
                yield Wording(text, _FAMILIES.get(family, frozenset()), family)
    for name, lists in _LISTS.items():
        data = texts_by_key(read_data(name))
        for key, kinds in lists.items():
            for text in data[key]:
                yield Wording(text, kinds, key)
    for language, kinds_asked in YAML(typ="safe").load(_MORE.read_text(encoding="utf-8")).items():
        for name, listed in kinds_asked.items():
            for text in texts(listed):
                kinds = frozenset() if name == NOTHING else frozenset({Kind(name)})
                yield Wording(text, kinds, f"{language} {name}")
    for text in texts(read_data("out_of_scope")):
        yield Wording(text, frozenset(), "no_tool")
    for tool in (*TOY_TOOLS, *MORE_TOY_TOOLS, *NEEDED_TOY_TOOLS):
        kinds = frozenset({Kind.TODO}) if tool.name.startswith("todo.") else frozenset()
        for text in tool.asks:
            yield Wording(text, kinds, f"toy {tool.name}")
