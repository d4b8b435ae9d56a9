"""Days, times and lengths as people say them, at half past two on Wednesday 25 November 2026 in Berlin."""

import csv
import itertools
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.spoken import spoken_days, spoken_lengths, spoken_times
from umi_edge.values.time_words.vocabulary import LANGUAGES, vocabulary

NOW = datetime(2026, 11, 25, 14, 30, tzinfo=ZoneInfo("Europe/Berlin"))
LOCALES = {"en": "en_GB", "en-US": "en_US", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "": ""}
TABLE = Path(__file__).parent / "data" / "time_phrases.tsv"
ROWS = list(csv.DictReader(TABLE.read_text("utf-8").splitlines(), delimiter="\t"))


def read(phrase: str, kind: str, locale: str) -> list[str]:
    words = TimePhrases(NOW, locale)
    match kind:
        case "date":
            return [day.isoformat() for day in words.days(phrase)]
        case "time":
            return [clock.strftime("%H:%M") for clock in words.times(phrase)]
    return [str(minutes) for minutes in words.minutes(phrase)]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['language']} {row['phrase']}" for row in ROWS])
def test_a_phrase_means_what_the_table_says(row: dict[str, str]) -> None:
    want = [] if row["means"] == "-" else row["means"].split(" | ")
    assert sorted(read(row["phrase"], row["kind"], LOCALES[row["language"]])) == sorted(want)


def test_the_table_is_large_and_has_four_languages() -> None:
    assert len(ROWS) > 250
    assert {row["language"][:2] for row in ROWS} == {"en", "de", "fr", "es", ""}


@pytest.mark.parametrize("locale", ["", "en_GB", "en_US", "de_DE", "it_IT", "nonsense", "xx_YY"])
@pytest.mark.parametrize(
    "phrase",
    ["", " ", "the", "of the", "Alice", "May", "99/99", "0", "-3", "1e9", "in", "next", "at", "in a", "9" * 30, "\x00",
     "31 February", "in 99999999 years", "the 45th", "week", "morning"],
)  # fmt: skip
def test_what_is_no_day_is_none(phrase: str, locale: str) -> None:
    assert read(phrase, "date", locale) == []


@pytest.mark.parametrize("phrase", ["", "25:61", "Alice", "99", "24", "half", "to", "1:2:3", "am"])
def test_what_is_no_time_is_none(phrase: str) -> None:
    assert read(phrase, "time", "en_GB") == []


@pytest.mark.parametrize("today", [datetime(2026, 11, day, 9, tzinfo=NOW.tzinfo) for day in range(23, 30)])
def test_next_is_clear_or_both_on_every_day_of_the_week(today: datetime) -> None:
    """Nobody means today by it; the nearer of two readings is never more than a week ahead of the other."""
    words = TimePhrases(today, "en_GB")
    for name in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"):
        found = words.days(f"next {name}")
        assert found
        assert all(f"{day:%A}" == name and 1 <= (day - today.date()).days <= 14 for day in found), found
        assert len(found) == 1 or (found[1] - found[0]).days == 7


@pytest.mark.parametrize(
    ("request_", "days", "times", "lengths"),
    [
        ("Put a haircut in my calendar for tomorrow at 5pm", {"tomorrow": "2026-11-26"}, {"5pm": "17:00"}, {}),
        ("haircut fri 17:30", {"fri": "2026-11-27"}, {"17:30": "17:30"}, {}),
        ("Book an hour tomorrow at eleven thirty, please", {"tomorrow": "2026-11-26"}, {"eleven thirty": "11:30"},
         {"an hour": "60"}),
        ("dinner tonight at eight", {"tonight": "2026-11-25"}, {"eight": "20:00"}, {}),
        ("move dinner to eight o'clock", {}, {"eight o'clock": "08:00 20:00"}, {}),
        ("hairdresser sat 28th 9am", {"sat 28th": "2026-11-28"}, {"9am": "09:00"}, {}),
        ("Call Sam about the second draft of room 4, so do it", {}, {}, {}),
        ("do I have anything on the eighteenth", {"eighteenth": "2026-12-18"}, {}, {}),
        ("meet Paul on 2026-06-02 at 15:00.", {"2026-06-02": "2026-06-02"}, {"15:00": "15:00"}, {}),
        ("Trage übermorgen um halb zehn den Zahnarzt ein, eine halbe Stunde", {"übermorgen": "2026-11-27"},
         {"halb zehn": "09:30"}, {"eine halbe Stunde": "30"}),
        ("band practice on Friday at 4 please", {"Friday": "2026-11-27"}, {"4": "16:00"}, {}),  # the 4th is one, too
        ("cancel Friday's dentist", {"Friday's": "2026-11-27"}, {}, {}),
        ("tomorrow's lunch", {"tomorrow's": "2026-11-26"}, {}, {}),
        ("lunch Friday 4 pm", {"Friday": "2026-11-27"}, {"4 pm": "16:00"}, {}),
        ("Freitag um 4 Uhr", {"Freitag": "2026-11-27"}, {"4 Uhr": "16:00"}, {}),
        ("dinner Friday 4 at 6 pm", {"Friday 4": "2026-12-04"}, {"6 pm": "18:00"}, {}),
        ("wake me tomorrow at 7 am", {"tomorrow": "2026-11-26"}, {"7 am": "07:00"}, {}),
        ("next friday?", {"next friday": "2026-11-27 2026-12-04"}, {}, {}),
        ("one of the three letters of May", {}, {}, {}),
        ("What is the number of Paul Martin?", {}, {}, {}),
    ],
)  # fmt: skip
def test_a_request_has_its_phrases_and_no_others(request_, days, times, lengths) -> None:
    words = TimePhrases(NOW, "en_GB")
    assert {
        phrase: " ".join(map(str, found)) for phrase, found in spoken_days(request_, words).items()
    } == days
    clocks = {
        phrase: " ".join(f"{t:%H:%M}" for t in found)
        for phrase, found in spoken_times(request_, words).items()
    }
    assert clocks == times
    assert {p: " ".join(map(str, found)) for p, found in spoken_lengths(request_, words).items()} == lengths


def test_short_names_of_days_count_in_the_users_own_language_only() -> None:
    assert spoken_days("do so with Sam", TimePhrases(NOW, "en_GB")) == {}
    assert spoken_days("rdv sam", TimePhrases(NOW, "fr_FR")) == {"sam": (date(2026, 11, 28),)}


@pytest.mark.parametrize(
    ("phrase", "first", "last"),
    [
        ("tomorrow", "2026-11-26", "2026-11-26"),
        ("this week", "2026-11-23", "2026-11-29"),
        ("next week", "2026-11-30", "2026-12-06"),
        ("nächste Woche", "2026-11-30", "2026-12-06"),
        ("la semaine prochaine", "2026-11-30", "2026-12-06"),
        ("la próxima semana", "2026-11-30", "2026-12-06"),
        ("this weekend", "2026-11-28", "2026-11-29"),
        ("next month", "2026-12-01", "2026-12-31"),
        ("in December", "2026-12-01", "2026-12-31"),
        ("March 2027", "2027-03-01", "2027-03-31"),
        ("next 7 days", "2026-11-25", "2026-12-02"),
    ],
)
def test_a_span_has_its_first_and_last_day(phrase: str, first: str, last: str) -> None:
    assert TimePhrases(NOW, "en_GB").span(phrase) == ((date.fromisoformat(first), date.fromisoformat(last)),)


def test_a_week_begins_when_the_locale_says() -> None:
    assert TimePhrases(NOW, "en_US").span("this week") == ((date(2026, 11, 22), date(2026, 11, 28)),)


def test_a_long_text_costs_little() -> None:
    text = "next Friday at half past nine and then " * 2000
    assert spoken_days(text, TimePhrases(NOW, "en_GB"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_names_of_days_and_months_are_those_of_babel(language: str) -> None:
    locale, words = Locale(language), vocabulary(language)
    for form, width in itertools.product(("format", "stand-alone"), ("wide", "abbreviated")):
        for day, name in locale.days[form][width].items():
            if width == "wide" or len(name.rstrip(".")) > 2:
                assert (("weekday", day),) in words.readings(name), name
        for month, name in locale.months[form][width].items():
            assert (("month", month),) in words.readings(name), name
