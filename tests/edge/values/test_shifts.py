"""By how much a request moves something, and which way; what may go either way is no shift."""

from datetime import UTC, datetime, timedelta

import pytest

from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.shifts import spoken_shift

WORDS = TimePhrases(datetime(2026, 11, 25, 9, tzinfo=UTC), "en_GB")


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("Please postpone the Finch estate meeting by half an hour.", 30),
        ("push my dentist back an hour", 60),
        ("can you make the review 20 minutes later", 20),
        ("put the call off by two days", 2 * 24 * 60),
        ("put the two hour workshop off by 15 minutes", 15),
        ("bring the standup forward by a quarter of an hour", -15),
        ("the 1:1 half an hour earlier please", -30),
        ("verschiebe das Treffen um eine Stunde nach hinten", 60),
        ("das Treffen eine halbe Stunde früher", -30),
        ("repousse la réunion de 30 minutes", 30),
        ("adelanta la reunión 20 minutos", -20),
        ("Lunch a week later", 7 * 24 * 60),
    ],
)
def test_a_length_and_a_way(text: str, minutes: int) -> None:
    assert spoken_shift(text, WORDS) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text",
    [
        "move the meeting by half an hour",
        "postpone the meeting by 100000000000 hours",
        "postpone the meeting by 9999999 days",
        "postpone the meeting",
        "postpone it to half past nine",
        "an hour earlier or an hour later, ask them",
        "block two hours for gardening",
        "postpone the one hour call and the two hour workshop",
    ],
)
def test_what_is_no_clear_shift(text: str) -> None:
    assert spoken_shift(text, WORDS) is None
