"""How long something takes, as people say it; read at nine on Wednesday 25 November 2026."""

from datetime import UTC, datetime

import pytest

from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.hours import spoken_hours
from umi_edge.values.time_words.lasting import all_day, lasting
from umi_edge.values.time_words.spoken import spoken_times

READ = TimePhrases(datetime(2026, 11, 25, 9, tzinfo=UTC), "en_GB")


def hours(text):
    return [(f"{one.first:%H:%M}", f"{one.last:%H:%M}", one.minutes) for one in spoken_hours(text, READ)]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("schedule half an hour with Stefan", 30),
        ("a half-hour call with Declan", 30),
        ("45min gym", 45),
        ("a 45-minute session", 45),
        ("an hour to go through the bundle", 60),
        ("the review, for an hour and a half", 90),
        ("thirty minutes every Friday at 16:00", 30),
        ("eine Stunde mit Anna", 60),
        ("anderthalb Stunden Training", 90),
        ("une demi-heure avec Élise", 30),
        ("pendant une heure et demie", 90),
        ("media hora con Luis", 30),
    ],
)
def test_a_length_is_read_in_four_languages(text, minutes):
    assert [*lasting(text, READ).values()] == [minutes]


@pytest.mark.parametrize(
    "text",
    [
        "leave in half an hour",
        "remind me an hour before",
        "every two hours",
        "I am half an hour late",
        "postpone it by an hour",
        "twenty minutes' walk, 20 minutes walk",
        "an hour a week",
        "in einer Stunde",
        "alle zwei Stunden",
        "eine Stunde später",
        "dans une heure",
        "une heure plus tard",
        "dentro de una hora",
        "cada dos horas",
        "for two days",
        "all day",
        "rdv de 8h à 9h30",
        "at one thirty",
    ],
)
def test_what_says_when_or_how_often_or_by_how_much_is_no_length(text):
    assert not lasting(text, READ)


@pytest.mark.parametrize(
    "text",
    ["inset day 5 may, all day", "an all-day workshop", "the whole day", "ganztägig", "den ganzen Tag",
     "toute la journée", "todo el día"],
)  # fmt: skip
def test_all_day_is_read_in_four_languages(text):
    assert all_day(text)


@pytest.mark.parametrize(
    "text", ["not all day", "the day after", "inset day", "each day", "am Tag", "le jour"]
)
def test_a_day_is_not_all_day(text):
    assert not all_day(text)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("block tmrw 8 to 9", "08:00", "09:00"),
        ("meeting from 8 to 9 on Friday", "08:00", "09:00"),
        ("from 7 to 8 in the evening", "19:00", "20:00"),
        ("from 2pm to 3.30pm", "14:00", "15:30"),
        ("2 to 4pm", "14:00", "16:00"),
        ("between 8 and 9", "08:00", "09:00"),
        ("16:00-17:00", "16:00", "17:00"),
        ("von 8 bis 9 Uhr", "08:00", "09:00"),
        ("de 8h à 9h30", "08:00", "09:30"),
        ("de 4 a 5", "16:00", "17:00"),
    ],
)
def test_hours_from_and_to_are_read(text, first, last):
    assert [one[:2] for one in hours(text)] == [(first, last)]
    assert (first,) in [tuple(f"{one:%H:%M}" for one in said) for said in spoken_times(text, READ).values()]


@pytest.mark.parametrize("text", ["at 10 to 9", "lunch 8-9", "from 3 to 7 August", "chapter 8", "8 and 9"])
def test_minutes_to_the_hour_and_days_are_no_hours_from_and_to(text):
    assert hours(text) == []


def test_a_number_in_something_is_no_time_of_day():
    assert not spoken_times("I row in the four on 3 October", READ)
    assert not spoken_times("a 45-minute session", READ)
