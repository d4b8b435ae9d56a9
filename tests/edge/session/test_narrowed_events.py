"""Which events of several days the user's words name."""

from datetime import UTC, datetime

import pytest

from umi_edge.session.item_evidence import Said
from umi_edge.session.narrowed_events import asks_for_some, events_of, named_of
from umi_edge.tools import Failed, FailureKind, Succeeded
from umi_edge.values.time_words import TimePhrases

NOW = TimePhrases(datetime(2026, 11, 25, 12, 0, tzinfo=UTC), "en_GB")
EVENTS = [
    {"id": "1", "title": "Rowing", "start": "2026-11-24T06:00:00+00:00", "location": "Boathouse"},
    {"id": "2", "title": "Finch estate meeting", "start": "2026-11-26T13:00:00+00:00", "location": None},
    {"id": "3", "title": "Rowing", "start": "2026-11-27T06:00:00+00:00", "location": "Boathouse"},
    {
        "id": "4",
        "title": "Lunch",
        "start": "2026-11-28",
        "location": "Trattoria",
        "attendees": ["bob@example.org"],
    },
]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rowing this week?", (0, 2)),
        ("when do I row", (0, 2)),
        ("is the Finch meeting this week?", (1,)),
        ("what meetings do I have this week", (0, 1, 2, 3)),  # any event may be called one
        ("anything with bob this week", (3,)),
        ("what is on this week", (0, 1, 2, 3)),
        ("swimming this week?", (0, 1, 2, 3)),
        ("wann ist Rowing diese Woche?", (0, 2)),
    ],
)
def test_events_are_named_by_their_own_words(text, named):
    assert asks_for_some(text)
    assert named_of(EVENTS, Said(text, NOW)) == named


@pytest.mark.parametrize(
    "text",
    [
        "cancel rowing this week",
        "please postpone the Finch estate meeting by half an hour",
        "what else is on this week beside rowing",
        "am I free for rowing this week",
        "what comes after rowing this week",
        "verschieb das Rudern",
        "annule le dîner",
        "cancela la cena",
    ],
)
def test_nothing_is_left_out_for_a_change_nor_for_what_is_beside_the_named(text):
    assert not asks_for_some(text)


@pytest.mark.parametrize(
    "text",
    [
        "what's in my calendar this week?",
        "que tengo en la agenda esta semana",
        "qu'est-ce que j'ai cette semaine ?",
        "what am I up to this week, boss, on the agenda",
    ],
)
def test_a_title_that_has_words_of_the_question_hides_no_other_event(text):
    there = [*EVENTS, {"title": "Cena en la agenda: que calendar j'ai on", "start": "2026-11-29"}]
    assert named_of(there, Said(text, NOW)) == (0, 1, 2, 3, 4)


def test_one_day_is_listed_whole():
    day = [{**one, "start": "2026-11-27T06:00:00+00:00"} for one in EVENTS]
    assert named_of(day, Said("rowing on Friday?", NOW)) == (0, 1, 2, 3)


def test_one_event_alone_and_a_failure_are_left_as_they_are():
    assert events_of(Failed(FailureKind.NOT_FOUND, "", 0.1)) == []
    assert events_of(Succeeded({"events": EVENTS[:1]}, 0.1)) == []
    assert events_of(Succeeded({"events": EVENTS}, 0.1)) == EVENTS
