"""What is found everywhere, and among all notes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.edge.tools.test_builtin import TODAY, Home, home_under
from umi_edge.tools.sample_home import make_sample_home

NOON = datetime.combine(TODAY, datetime.min.time(), UTC).replace(hour=12)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    make_sample_home(tmp_path, TODAY)
    return home_under(tmp_path, more=True, now=lambda: NOON)


async def test_a_query_of_days_only_finds_what_there_is_on_them(home: Home) -> None:
    found = (await home.call("search.everywhere", query="tomorrow"))["hits"]
    there = (await home.call("calendar.list", date=(TODAY + timedelta(1)).isoformat()))["events"]
    assert [one["title"] for one in found if one["kind"] == "event"] == [one["title"] for one in there[:5]]


async def test_all_notes_are_found_where_notes_are_asked_for_and_no_more_is_said(home: Home) -> None:
    every = (await home.call("notes.search", query="list of my notes"))["notes"]
    assert len(every) > 1
    assert (await home.call("notes.search", query="notes about zeppelins"))["notes"] == []
