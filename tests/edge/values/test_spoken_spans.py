"""From one day to another, and since a day: what a request says of spans of days, on a Wednesday."""

from datetime import UTC, date, datetime

import pytest

from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.spoken import spoken_past, spoken_spans

WORDS = TimePhrases(datetime(2026, 11, 25, 9, tzinfo=UTC), "en_GB")


def days(text: str) -> tuple[date, date]:
    first, _, last = text.partition("/")
    return date.fromisoformat(first), date.fromisoformat(last or first)


@pytest.mark.parametrize(
    ("text", "phrase", "meant"),
    [
        ("what is on from Monday to Friday please", "Monday to Friday", "2026-11-30/2026-12-04"),
        ("how busy am I between the 3rd and the 9th?", "3rd and the 9th", "2026-12-03/2026-12-09"),
        ("my cal 27 November - 3 December", "27 November - 3 December", "2026-11-27/2026-12-03"),
        ("tomorrow until 1 December", "tomorrow until 1 December", "2026-11-26/2026-12-01"),
        ("this weekend", "this weekend", "2026-11-28/2026-11-29"),
    ],
)
def test_a_range_is_one_phrase(text: str, phrase: str, meant: str) -> None:
    assert spoken_spans(text, WORDS) == {phrase: (days(meant),)}


def test_two_days_with_and_between_them_are_two_days() -> None:
    assert set(spoken_spans("on Monday and Friday", WORDS)) == {"Monday", "Friday"}


@pytest.mark.parametrize(
    ("text", "phrase", "meant"),
    [
        ("band on Sundays?", "Sundays", ["2026-11-29", "2026-12-06", "2026-12-13", "2026-12-20"]),
        ("was ist mittwochs?", "mittwochs", ["2026-11-25", "2026-12-02", "2026-12-09", "2026-12-16"]),
        ("les samedis", "samedis", ["2026-11-28", "2026-12-05", "2026-12-12", "2026-12-19"]),
        ("todos los lunes", "todos los lunes", ["2026-11-30", "2026-12-07", "2026-12-14", "2026-12-21"]),
        ("what is on the next few days", "next few days", ["2026-11-25/2026-12-01"]),
        ("in den nächsten Tagen", "nächsten Tagen", ["2026-11-25/2026-12-01"]),
        ("les prochains jours", "prochains jours", ["2026-11-25/2026-12-01"]),
        ("los próximos días", "próximos días", ["2026-11-25/2026-12-01"]),
        ("hours in September", "in September", ["2026-09-01/2026-09-30", "2027-09-01/2027-09-30"]),
        ("hours in March", "in March", ["2027-03-01/2027-03-31"]),
    ],
)
def test_days_that_are_not_in_a_row_and_months_that_may_be_over(
    text: str, phrase: str, meant: list[str]
) -> None:
    assert spoken_spans(text, WORDS) == {phrase: tuple(map(days, meant))}


def test_a_range_does_not_end_before_it_begins() -> None:
    assert spoken_spans("from 9 December to 3 December 2026", WORDS).keys() == {
        "9 December",
        "3 December 2026",
    }


@pytest.mark.parametrize(
    ("text", "phrase", "meant"),
    [
        ("what has Zoe written since Monday?", "since Monday", "2026-11-23/2026-11-25"),
        ("mail from Zoe from Monday onwards", "from Monday onwards", "2026-11-23/2026-11-25"),
        ("emails after last Friday", "after last Friday", "2026-11-20/2026-11-25"),
        ("did Zoe write on Thursday", "Thursday", "2026-11-19"),
        ("what came on the 30th", "30th", "2026-10-30"),
        ("what came yesterday", "yesterday", "2026-11-24"),
        ("since 20 December", "since 20 December", "2025-12-20/2026-11-25"),
    ],
)
def test_what_has_been_is_read_backwards(text: str, phrase: str, meant: str) -> None:
    assert spoken_past(text, WORDS) == {phrase: (days(meant),)}


def test_what_is_to_come_has_not_been() -> None:
    assert spoken_past("what came tomorrow", WORDS) == {}
