"""Marks: what is the same text to a store has the same marks."""

import pytest

from umi_edge.records.marks import marks_of

KEY = bytes(32)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Eve Évil", "eve E\u0301VIL"),
        ("+33 6 39 98 00 00", "+33639980000"),
        ("a.b@x.org", "A.B@X.ORG"),
        ("ﬁne", "fine"),
        ("🙂 🙃", "🙂🙃"),
        ("one\ntwo", "one two"),
        ("日本 語", "日本語"),
    ],
)
def test_spellings_of_one_text_share_a_mark(one, other):
    assert marks_of([one], KEY).keys() & marks_of([other], KEY).keys()


def test_other_texts_and_other_keys_share_none():
    assert not marks_of(["Call Eve"], KEY).keys() & marks_of(["Call Bob"], KEY).keys()
    assert not marks_of(["Call Eve"], KEY).keys() & marks_of(["Call Eve"], bytes(31) + b"x").keys()


def test_each_line_of_several_is_marked_but_for_short_ones():
    text = "# Title of it\n\nok\nCall Eve tomorrow"
    assert sorted(marks_of([text], KEY).values()) == [9, 15, 26]


@pytest.mark.parametrize("text", ["", "   ", "2026-11-27", "15:00", "2026-11-27T15:00+01:00"])
def test_blanks_dates_and_times_have_no_marks(text):
    assert marks_of([text], KEY) == {}


def test_a_mark_tells_nothing_of_its_text():
    assert not any("eve" in mark for mark in marks_of(["eve"], KEY))
