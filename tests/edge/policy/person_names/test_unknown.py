"""Capitalised words that look like names are pointed out; the rest of a sentence is not."""

import pytest

from umi_edge.policy.person_names.unknown import KEPT, unknown_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Ask Brightmoor about the boiler", ["Brightmoor"]),
        ("Tove Lind called. Tell Anneke van der Velde.", ["Tove Lind", "Anneke van der Velde"]),
        ("Tove is late", ["Tove"]),
        ("lunch with O’Hanlon-Reeve on Friday", ["O’Hanlon-Reeve"]),
        ("Schreib Frau Quendler, dass ich komme", ["Quendler"]),
        ("Der Termin mit Tove Lind ist am Montag", ["Tove Lind"]),
        ("Appelle Quentinou demain", ["Quentinou"]),
        ("Позвони Вольдемару завтра", ["Вольдемару"]),
        ("Πες στον Αριστείδη να έρθει", ["Αριστείδη"]),
    ],
)
def test_a_name_is_pointed_out(text: str, names: list[str]) -> None:
    assert [text[start:end] for start, end in unknown_names(text)] == names


@pytest.mark.parametrize(
    "text",
    [
        "Remind me on Monday in May, in London, to write English on Windows 11.",
        "Boilers leak. Plumbers mend them: Always.",
        "Der Heizungsbauer hat die Rechnung für das Ventil geschickt.",
        "see /home/Brightmoor/Report.pdf, @Brightmoor and CamelCase or NATO",
        f"Tell {KEPT * 4} to call",
        "ask brightmoor",
        "请问小明",
        "",
    ],
)
def test_other_words_are_not(text: str) -> None:
    assert [text[start:end] for start, end in unknown_names(text)] == []
