"""Which of several things is called by its title, and which words may name anything."""

from datetime import UTC, datetime

import pytest

from umi_edge.session.item_evidence import Said
from umi_edge.session.named_items import named_items, naming_words
from umi_edge.values.time_words import TimePhrases

NOW = TimePhrases(datetime(2026, 11, 25, 12, 0, tzinfo=UTC), "en_GB")
EVENTS = [
    {"title": "Pump supplier webinar", "location": "Canteen"},
    {"title": "Call with Joost"},
    {"title": "Jule fencing practice"},
    {"title": "Lunch with Rosa"},
    {"title": "Lunch with Noor"},
    {"start": "2026-11-26T09:00:00+00:00"},
]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("Please postpone the Finch estate meeting by half an hour.", "Finch estate meeting"),
        ("Ugh, fencing is off this Thursday only, take it out of the calendar", "fencing"),
        ("cancel the first one tomorrow pls, I can't make it", ""),
        ("Verschieb bitte das Mittagessen mit Rosa auf Freitag", "Mittagessen Rosa"),
        ("Annule le déjeuner avec Noor", "déjeuner Noor"),
        ("Cancela la comida con Noor", "comida Noor"),
    ],
)
def test_the_words_that_may_name_a_thing_are_those_of_no_day_and_no_change(request_, words):
    assert naming_words(Said(request_, NOW)) == words


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("webinar", (0,)),
        ("pump webniar mnoday", (0,)),  # most of the words
        ("webinar boat hire", ()),  # one of three, and not the whole title
        ("call joost boat hire", (1,)),  # the whole title
        ("fencing", (2,)),
        ("lunch", (3, 4)),
        ("lunch noor", (4,)),
        ("canteen", ()),  # where it is says little
        ("cant", ()),
        ("", ()),
    ],
)
def test_a_thing_is_named_by_its_whole_title_or_by_most_of_the_words(words, named):
    assert named_items(words, EVENTS) == named


def test_nothing_is_named_beside_a_word_of_what_was_taken():
    assert named_items("lunch noor", EVENTS, [0]) == (4,)
    assert named_items("lunch noor", EVENTS, [3]) == ()
