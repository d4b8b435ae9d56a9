"""Spans that end with a day or a feast: `before Friday`, `until Easter`."""

from datetime import UTC, date, datetime

import pytest

from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.spoken import spoken_part, spoken_spans

TUESDAY = TimePhrases(datetime(2026, 11, 24, 9, 12, tzinfo=UTC), "en_GB")
TODAY = TUESDAY.today


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("what is on before Friday?", date(2026, 11, 26)),
        ("what is on until Friday?", date(2026, 11, 27)),
        ("what do I have before christmas", date(2026, 12, 24)),
        ("was habe ich vor Weihnachten", date(2026, 12, 24)),
        ("rien avant Noël ?", date(2026, 12, 24)),
        ("until new year's eve", date(2026, 12, 31)),
        ("anything before Easter?", date(2027, 3, 27)),
    ],
)
def test_what_is_before_a_day_is_from_today_on(text, last):
    assert ((TODAY, last),) in spoken_spans(text, TUESDAY).values()


@pytest.mark.parametrize("text", ["when is the christmas party", "before Christmas dinner", "christmas"])
def test_a_feast_alone_is_no_day_and_names_other_things(text):
    assert not spoken_spans(text, TUESDAY)


def test_a_part_of_a_day_is_named_with_its_day_or_alone():
    assert spoken_part("what's on thursday afternoon", TUESDAY) == "afternoon"
    assert spoken_part("anything in the evening?", TUESDAY) == "evening"
    assert spoken_part("was ist morgen Nachmittag?", TUESDAY) == "afternoon"
    assert spoken_part("what's on thursday", TUESDAY) == ""
