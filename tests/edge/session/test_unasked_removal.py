"""Nobody has something removed that they did not speak of."""

import json
from datetime import UTC, datetime

import pytest

from umi_edge.labelling.text import LabelledEntry, constant
from umi_edge.session.item_evidence import Said
from umi_edge.session.unasked_removal import asks_for_removal, is_named, removal_of
from umi_edge.values.time_words import TimePhrases
from umi_shared.transcript import Call, Observation

NOW = TimePhrases(datetime(2026, 9, 8, 8, 0, tzinfo=UTC), "en_GB")
EVENTS = [
    {"id": "e-1", "title": "Rowing", "start": "2026-09-08T06:00:00+00:00"},
    {"id": "e-2", "title": "Lunch with Camila", "start": "2026-09-08T12:30:00+00:00"},
]
LISTED = [
    LabelledEntry(Call("calendar.list", ()), (constant('{"date":"2026-09-08"}'),)),
    LabelledEntry(Observation("calendar.list", ()), (constant(json.dumps({"events": EVENTS})),)),
]


@pytest.mark.parametrize(
    "words",
    [
        "cancel the rowing",
        "call the dentist tomorrow off",
        "I can't make rowing today",
        "rowing isn't happening",
        "take lunch off my calendar",
        "sag das Rudern ab",
        "lösch den Termin",
        "das Rudern fällt heute aus",
        "annule le déjeuner",
        "borra la comida",
    ],
)
def test_a_removal_is_asked_for(words):
    assert asks_for_removal(words)


@pytest.mark.parametrize(
    "words", ["water off when today + where's my 1pm", "when is rowing", "move lunch to one"]
)
def test_no_removal_is_asked_for(words):
    assert not asks_for_removal(words)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("water off when today + where's my 1pm", False),
        ("the rowing today", True),
        ("the one with camila is not on", True),
        ("today at 6:00", False),
    ],
)
def test_a_thing_is_named_by_a_word_of_it_and_not_by_its_day(words, named):
    taken = {"id": "e-2"} if "camila" in words else {"id": "e-1"}
    assert is_named(taken, LISTED, Said(words, NOW)) == named


def test_what_no_result_lists_is_not_named():
    assert not is_named({"id": "e-9"}, LISTED, Said("rowing", NOW))


def test_the_question_says_what_the_tool_would_do():
    assert str(removal_of("calendar.cancel")) == "Do you want something cancelled?"
    assert removal_of("calendar.update") is None
