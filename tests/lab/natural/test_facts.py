"""Facts: in how many ways they can be said, and in which they are not."""

from datetime import date

import pytest

from umi_lab.natural.facts import lacking, normalised, says

TODAY = date(2026, 11, 24)  # a Tuesday


@pytest.mark.parametrize(
    ("fact", "said", "not_said"),
    [
        ("Élise Garnier", "It is elise  GARNIER.", "It is Elise."),
        ("20", "Due: 20 euros.", "It costs 120, 20.5 or 2026."),
        ("4.5", "a limit of 4.5 mm/s", "4.55 mm/s or 14.5"),
        ("tel:+49 170 5550 903", "Call 0170-5550903", "Call 0170 5550 904"),
        ("time:15:15", "at 3:15 p.m.", "at 15:45"),
        ("time:15:15", "2026-11-27T15:15+01:00", "2026-11-27T15:10+01:00"),
        ("time:08:00", "at 8 am", "at 8:30"),
        ("time:16:30", "at half past 4", "at 4"),
        ("day:2026-11-27", "on Friday", "on Thursday"),
        ("day:2026-11-25", "tomorrow", "today"),
        ("day:2026-12-04", "on the 4th of December", "on Friday"),
        ("day:2026-12-04", "4 Dec", "14 Dec"),
        ("day:2026-12-04", "04.12.2026", "04.11.2026"),
        ("sum:412000", "412 000 or so", "1,412,000"),
        ("re:sign(s|ed)", "Adaeze signs", "Adaeze sings"),
        ("=150", "150 more", "1500 more"),
    ],
)
def test_a_fact_is_said_or_not(fact: str, said: str, not_said: str) -> None:
    assert says(said, fact, TODAY)
    assert not says(not_said, fact, TODAY)
    assert not says("", fact, TODAY)


def test_quotes_dashes_and_blanks_are_alike() -> None:
    assert normalised("Parents\u2019 evening \u2013 9b") == normalised("parents'\u00a0evening - 9b")


def test_what_is_lacking_is_told_by_group() -> None:
    assert lacking("a b", (("a",), ("c", "b"), ("d",)), TODAY) == (2,)
