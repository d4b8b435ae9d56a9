"""Days and times in people's words: whatever is drawn, the device makes exactly the day of it that is meant."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.spoken import spoken_days, spoken_past, spoken_times
from umi_lab.synthesis.asked import asked, asked_range, asked_since, asked_span
from umi_lab.synthesis.day_words import clock_words, day_words, in_sentence, span_words
from umi_lab.synthesis.families import FAMILIES, MORE_FAMILIES
from umi_lab.synthesis.home import draw_home
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.switches import Switch, all_until

SEEDS = range(400)


def drawn(seed: int) -> Draw:
    return Draw(random.Random(seed), held_out=False, switches=all_until(Switch.PEOPLES_WORDS))


def now(seed: int) -> TimePhrases:
    return TimePhrases(datetime(2026, 1, 1, 9, tzinfo=UTC) + timedelta(days=seed))


@pytest.mark.parametrize("past", [False, True])
def test_a_day_is_read_as_the_day_that_is_meant(*, past: bool) -> None:
    said = set()
    for seed in SEEDS:
        words = now(seed)
        day = words.today + timedelta(-(seed % 20) if past else seed % 45)
        one = day_words(drawn(seed), day, words, past=past)
        assert (words.past_span(one) if past else words.days(one)) in (((day, day),), (day,)), one
        said.add(one)
    assert len(said) > 150
    assert sum(one[:4].isdigit() and one[4] == "-" for one in said) < len(said) / 4


def test_a_time_is_read_as_the_time_that_is_meant() -> None:
    said = set()
    for seed in SEEDS:
        clock = f"{7 + seed % 15:02}:{15 * (seed // 15 % 4):02}"
        one = clock_words(drawn(seed), clock, now(seed))
        assert [f"{found:%H:%M}" for found in now(seed).times(one)] == [clock], one
        said.add(one)
    assert {"noon", "half past nine", "5pm"} & said
    assert len(said) > 80


def test_a_span_is_read_as_the_days_that_are_meant() -> None:
    for seed in SEEDS:
        words = now(seed)
        said, (first, last) = span_words(drawn(seed), words)
        assert words.span(said) == ((first, last),)
        assert first < last


def test_a_request_gives_what_the_device_reads_in_it() -> None:
    for seed in range(150):
        draw = drawn(seed)
        home = draw_home(draw)
        day = home.today + timedelta(1 + seed % 30)
        said = asked(draw, home, "event_solo", {"d": day}, "17:30", x="boiler")
        assert spoken_days(said.text, home.words)[said.given["d"]] == (day,)
        assert [str(one)[:5] for one in spoken_times(said.text, home.words)[said.given["t"]]] == ["17:30"]
        assert all(one in said.text for one in said.spelt.values())
        since = asked_since(draw, home, "mail_range", home.today - timedelta(3), n="Zoe")
        ((first, _),) = spoken_past(since.text, home.words)[since.given["when"]]
        assert first == home.today - timedelta(3)
        assert asked_range(draw, home, "range_list", day, day + timedelta(4)).given["when"]
        assert asked_span(draw, home, "day_list", "next week").given["when"]


def test_rationales_and_answers_have_the_words_of_the_user() -> None:
    days = 0
    for seed in range(150):
        draw = drawn(seed)
        home = draw_home(draw)
        said = asked(draw, home, "day_list", {"d": home.today + timedelta(1)})
        assert said.told["d"] in (said.spelt["d"], f"on {said.spelt['d']}", said.told["d"])
        days += (home.today + timedelta(1)).isoformat() in said.told["d"]
    assert days < 40  # where the user names the date so


def test_without_peoples_words_a_day_is_a_date() -> None:
    draw = Draw(random.Random(1), held_out=False, switches=all_until(Switch.NEED_PHRASED))
    home = draw_home(draw)
    said = asked(draw, home, "day_list", {"d": date(2026, 3, 4)})
    assert "2026" in said.given["d"]
    assert said.told["d"] == "on 2026-03-04"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("tomorrow", "tomorrow"),
        ("Friday", "on Friday"),
        ("the 12th", "on the 12th"),
        ("in a week", "in a week"),
    ],
)
def test_a_day_takes_its_preposition(said: str, told: str) -> None:
    assert in_sentence(said) == told


def test_each_family_has_a_name_of_its_own() -> None:
    names = [family.name for family in (*FAMILIES, *MORE_FAMILIES)]
    assert len(set(names)) == len(names)
