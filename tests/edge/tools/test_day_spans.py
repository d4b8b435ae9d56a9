"""Spans of days: one, several, without an end; and what the tools that read make of them."""

from datetime import UTC, date, datetime

import pytest

from tests.edge.tools.test_builtin import Home, home_under
from umi_edge.tools.builtin.day_spans import Span, spans_of
from umi_edge.tools.outcome import FailureKind, ToolFailure

EVENT = "BEGIN:VEVENT\nUID:{0}\nSUMMARY:{0}\nDTSTART;VALUE=DATE:{1}\nTRANSP:OPAQUE\nEND:VEVENT\n"
DAYS = {"Old": "20261120", "Rowing": "20261123", "Court": "20261127", "Fair": "20261204", "Later": "20271001"}


@pytest.fixture
def home(tmp_path) -> Home:
    (tmp_path / "calendar").mkdir()
    events = "".join(EVENT.format(name, day) for name, day in DAYS.items())
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{events}END:VCALENDAR\n"
    (tmp_path / "calendar" / "all.ics").write_text(text.replace("\n", "\r\n"))
    return home_under(tmp_path, more=True, now=lambda: datetime(2026, 11, 25, 9, tzinfo=UTC))


def test_spans_are_read_in_their_order() -> None:
    assert spans_of("2026-12-04,2026-11-27/2026-11-28,2026-11-25/..") == (
        Span(date(2026, 12, 4), date(2026, 12, 4)),
        Span(date(2026, 11, 27), date(2026, 11, 28)),
        Span(date(2026, 11, 25), None),
    )


@pytest.mark.parametrize("wrong", ["2026-11-28/2026-11-27", "2026-02-30", "2026-01-01/2036-01-01"])
def test_a_span_that_ends_before_it_begins_or_years_later_is_none(wrong: str) -> None:
    with pytest.raises(ToolFailure):
        spans_of(wrong)


@pytest.mark.parametrize(
    ("days", "titles"),
    [
        ("2026-11-27", ["Court"]),
        ("2026-11-23/2026-11-29", ["Rowing", "Court"]),
        ("2026-12-04,2026-11-27", ["Court", "Fair"]),
        ("2026-11-27/2026-11-28,2026-11-27", ["Court"]),  # and none twice
        ("2026-11-25/..", ["Court", "Fair", "Later"]),
        ("2026-12-24", []),
    ],
)
async def test_the_events_of_some_days_are_listed(home: Home, days: str, titles: list[str]) -> None:
    told = await home.call("calendar.list", date=days)
    assert [one["title"] for one in told["events"]] == titles


async def test_a_list_that_is_cut_off_says_so(home: Home) -> None:
    daily = EVENT.replace("TRANSP:OPAQUE", "RRULE:FREQ=DAILY").format("Daily", "20260101")
    path = home.config.calendar / "daily.ics"
    path.write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{daily}END:VCALENDAR\n")
    told = await home.call("calendar.list", date="2026-01-01/2026-06-30")
    assert (len(told["events"]), told["skipped"]) == (100, 1)


def test_a_caller_is_held_to_them(home: Home) -> None:
    for tool, argument in (("calendar.list", "date"), ("calendar.search", "when"), ("mail.search", "when")):
        assert "pattern" in home.tools[tool].input_schema["properties"][argument]


async def test_days_are_nothing_else(home: Home) -> None:
    for wrong in ("tomorrow", "2026-11-27,", "../2026-11-27", ",".join(["2026-11-27"] * 13)):
        assert (await home.failure("calendar.list", date=wrong)).kind is FailureKind.INVALID_ARGUMENTS


@pytest.mark.parametrize(
    ("days", "free"),
    [
        ("2026-11-27", []),
        ("2026-11-23/2026-11-29", ["25", "26", "28", "29"]),  # what is left of a week
        ("2026-11-25/..", ["25", "26", "28", "29", "30", "01"]),  # a week
        ("2026-11-20/2026-11-21", ["21"]),
    ],
)
async def test_free_time_is_told_of_several_days(home: Home, days: str, free: list[str]) -> None:
    told = await home.call("calendar.free", date=days)
    assert [one["start"][8:10] for one in told["free"]] == free
