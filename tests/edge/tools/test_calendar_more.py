"""The calendar's further tools: found by words, people and days; moved and changed; free time; what repeats; to-dos."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.edge.tools.test_builtin import TODAY, Home, home_under
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.tools.outcome import FailureKind
from umi_edge.tools.sample_home import make_sample_home

NOON = datetime.combine(TODAY, datetime.min.time(), UTC).replace(hour=12)
MORE = {
    "calendar.search", "calendar.update", "calendar.free", "calendar.repeat", "calendar.todos", "calendar.add_todo",
    "calendar.finish_todo",
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    make_sample_home(tmp_path, TODAY)
    return home_under(tmp_path, more=True, now=lambda: NOON)


def titles(found: dict) -> list[str]:
    return [event["title"] for event in found["events"]]


def test_they_are_offered_on_request_only(tmp_path: Path) -> None:
    plain = HomeConfig.under(tmp_path)
    names = {tool.name for tool in builtin_tools(plain)}
    assert not names & MORE
    added = {tool.name for tool in home_under(tmp_path, more=True).tools} - names
    assert {name for name in added if name.startswith("calendar.")} == MORE


def test_what_they_do_is_said(home: Home) -> None:
    assert {name for name in MORE if home.tools[name].hints.read_only} == {
        "calendar.search", "calendar.free", "calendar.todos",
    }  # fmt: skip
    assert {name for name in MORE if home.tools[name].hints.destructive} == {"calendar.update"}


async def test_an_event_is_found_by_its_words_whatever_the_day(home: Home) -> None:
    [dentist] = (await home.call("calendar.search", query="dentist"))["events"]
    assert dentist == {
        "id": "sample-06@umi.invalid",
        "title": "Dentist",
        "start": "2026-11-25T14:00+01:00",
        "end": "2026-11-25T14:30+01:00",
        "location": "Weiss Dental",
        "attendees": [],
    }
    assert titles(await home.call("calendar.search", query="ST MARKS hall")) == ["Choir"]
    assert titles(await home.call("calendar.search", query="mark's")) == ["Choir"]
    assert titles(await home.call("calendar.search", query="st markz hlal")) == ["Choir"]
    assert titles(await home.call("calendar.search", query="nothing of the kind")) == []


async def test_it_is_found_by_who_comes(home: Home) -> None:
    assert titles(await home.call("calendar.search", person="grace")) == ["Parents' evening"]
    assert titles(await home.call("calendar.search", person="paul.martin@example.com")) == ["Contract review"]
    assert titles(await home.call("calendar.search", person="Alice")) == ["Lunch with Alice"]


async def test_a_person_who_comes_to_nothing_is_words_of_it(home: Home) -> None:
    assert titles(await home.call("calendar.search", person="next dentist")) == ["Dentist"]
    assert titles(await home.call("calendar.search", person="grace", query="parents")) == ["Parents' evening"]
    assert titles(await home.call("calendar.search", person="Zuckermann")) == []


async def test_it_is_found_by_most_of_its_words(home: Home) -> None:
    assert titles(await home.call("calendar.search", query="the dentist's appointment")) == ["Dentist"]
    assert titles(await home.call("calendar.search", query="lunch alice")) == ["Lunch with Alice"]
    later = await home.call("calendar.search", query="choir", when="2026-11-01/..")
    assert len(titles(later)) > 10  # before the first ten of all are taken


async def test_it_is_found_by_its_days(home: Home) -> None:
    assert titles(await home.call("calendar.search", when="2026-11-24")) == ["Boiler service", "Stand-up"]
    week = await home.call("calendar.search", when="2026-11-23/2026-11-29")
    assert titles(week).count("Stand-up") == 7
    assert "Choir" in titles(week)
    assert titles(await home.call("calendar.search", query="stand", when="2026-11-24")) == ["Stand-up"]


async def test_what_is_to_come_is_first_and_a_series_once(home: Home) -> None:
    found = titles(await home.call("calendar.search"))
    assert found[0] == "Lunch with Alice"  # the stand-up of this morning is over
    assert found[-1] == "Project Neptune planning"
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("when", ["2026-11-24/2026-11-23", "2026-01-01/2046-01-01", "2026-02-30", "tomorrow"])
async def test_days_that_are_none_are_refused(home: Home, when: str) -> None:
    assert (await home.failure("calendar.search", when=when)).kind is FailureKind.INVALID_ARGUMENTS


async def test_an_event_is_moved_and_keeps_its_length_and_all_else(home: Home) -> None:
    await home.call("calendar.update", id="sample-03@umi.invalid", date="2026-11-26")
    [moved] = (await home.call("calendar.search", query="contract"))["events"]
    assert (moved["start"], moved["end"]) == ("2026-11-26T10:00+01:00", "2026-11-26T11:00+01:00")
    assert moved["attendees"] == ["paul.martin@example.com", "karim.haddad@example.org"]
    await home.call("calendar.update", id="sample-03@umi.invalid", time="16:30", duration_minutes=90)
    [later] = (await home.call("calendar.search", query="contract"))["events"]
    assert (later["start"], later["end"]) == ("2026-11-26T16:30+01:00", "2026-11-26T18:00+01:00")


async def test_words_place_and_guests_are_changed(home: Home) -> None:
    await home.call(
        "calendar.update", id="sample-03@umi.invalid", title="Contract; final, really", location="Room 9",
        guests=["a@example.org", 'Bob "B" Ross'],
    )  # fmt: skip
    [changed] = (await home.call("calendar.list", date="2026-11-23"))["events"][1:2]
    assert changed["title"] == "Contract; final, really"
    assert changed["location"] == "Room 9"
    assert changed["attendees"] == ["a@example.org", "Bob 'B' Ross"]
    assert changed["start"] == "2026-11-23T10:00+01:00"


async def test_one_time_of_a_series_is_moved_and_the_others_stay(home: Home) -> None:
    [standup, *_] = (await home.call("calendar.list", date="2026-11-24"))["events"][1:]
    await home.call("calendar.update", id=standup["id"], time="11:00", title="Stand-up, late")
    assert titles(await home.call("calendar.list", date="2026-11-24")) == ["Boiler service", "Stand-up, late"]
    moved = (await home.call("calendar.list", date="2026-11-24"))["events"][1]
    assert moved["start"] == "2026-11-24T11:00+01:00"
    await home.call("calendar.update", id=moved["id"], time="12:00")
    assert (await home.call("calendar.list", date="2026-11-24"))["events"][1][
        "start"
    ] == "2026-11-24T12:00+01:00"
    assert "Stand-up" in titles(await home.call("calendar.list", date="2026-11-25"))


async def test_a_whole_series_is_renamed_and_not_moved(home: Home) -> None:
    await home.call("calendar.update", id="sample-00@umi.invalid", title="Daily")
    assert "Daily" in titles(await home.call("calendar.list", date="2026-11-25"))
    failed = await home.failure("calendar.update", id="sample-00@umi.invalid", time="10:00")
    assert failed.kind is FailureKind.INVALID_ARGUMENTS
    assert (await home.call("calendar.list", date="2026-11-25"))["events"][0][
        "start"
    ] == "2026-11-25T09:30+01:00"


async def test_a_whole_day_is_moved_and_gets_an_hour(home: Home) -> None:
    day = await home.call("calendar.repeat", title="Fair", date="2026-12-01")
    await home.call("calendar.update", id=day["id"], date="2026-12-02")
    [fair] = [
        e for e in (await home.call("calendar.list", date="2026-12-02"))["events"] if e["title"] == "Fair"
    ]
    assert (fair["start"], fair["end"]) == ("2026-12-02", "2026-12-03")
    await home.call("calendar.update", id=day["id"], time="18:00")
    [fair] = [
        e for e in (await home.call("calendar.list", date="2026-12-02"))["events"] if e["title"] == "Fair"
    ]
    assert (fair["start"], fair["end"]) == ("2026-12-02T18:00+01:00", "2026-12-02T19:00+01:00")


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"id": "nobody", "title": "x"}, FailureKind.NOT_FOUND),
        ({"id": "sample-03@umi.invalid"}, FailureKind.INVALID_ARGUMENTS),
        ({"id": "sample-03@umi.invalid", "title": "a\nb"}, FailureKind.INVALID_ARGUMENTS),
        ({"id": "sample-03@umi.invalid", "date": "2026-02-30"}, FailureKind.INVALID_ARGUMENTS),
        ({"id": "sample-00@umi.invalid#20261122T110000", "title": "x"}, FailureKind.NOT_FOUND),
    ],
)
async def test_what_cannot_be_changed_is_refused(home: Home, wrong: dict, kind: FailureKind) -> None:
    assert (await home.failure("calendar.update", **wrong)).kind is kind


async def test_free_time_is_what_no_event_takes(home: Home) -> None:
    free = (await home.call("calendar.free", date="2026-11-23", duration_minutes=60, latest="18:00"))["free"]
    assert [(gap["start"][11:16], gap["end"][11:16]) for gap in free] == [
        ("08:00", "09:30"), ("11:00", "16:30"), ("17:00", "18:00"),
    ]  # fmt: skip
    birthday = (await home.call("calendar.free", date="2026-11-27", earliest="10:00"))["free"]
    assert [(gap["start"][11:16], gap["end"][11:16]) for gap in birthday] == [("10:00", "20:00")]


async def test_what_repeats_is_at_that_hour_in_summer_too(home: Home) -> None:
    await home.call(
        "calendar.repeat", title="Yoga", date="2026-11-30", often="weekly", time="19:00", until="2027-07-05"
    )
    found = await home.call("calendar.search", query="yoga", when="2026-11-30/2027-12-31")
    assert [event["start"] for event in found["events"]][:2] == [
        "2026-11-30T19:00+01:00",
        "2026-12-07T19:00+01:00",
    ]
    summer = await home.call("calendar.search", query="yoga", when="2027-06-28/2027-12-31")
    assert [event["start"] for event in summer["events"]] == [
        "2027-06-28T19:00+02:00",
        "2027-07-05T19:00+02:00",
    ]


async def test_to_dos_are_listed_added_and_finished(home: Home) -> None:
    assert await home.call("calendar.todos") == {"todos": []}
    milk = await home.call("calendar.add_todo", title="Buy milk")
    await home.call("calendar.add_todo", title="Call the plumber", date="2026-11-24", time="09:00")
    await home.call("calendar.add_todo", title="Tax", date="2026-11-23")
    listed = (await home.call("calendar.todos"))["todos"]
    assert [(todo["title"], todo["due"]) for todo in listed] == [
        ("Tax", "2026-11-23"), ("Call the plumber", "2026-11-24T09:00+01:00"), ("Buy milk", None),
    ]  # fmt: skip
    await home.call("calendar.finish_todo", id=milk["id"])
    assert [todo["title"] for todo in (await home.call("calendar.todos"))["todos"]] == [
        "Tax",
        "Call the plumber",
    ]
    assert (
        await home.failure("calendar.finish_todo", id="sample-03@umi.invalid")
    ).kind is FailureKind.NOT_FOUND
    assert (
        await home.failure("calendar.add_todo", title="x", time="09:00")
    ).kind is FailureKind.INVALID_ARGUMENTS
    assert "Buy milk" not in titles(await home.call("calendar.search"))


async def test_of_a_series_the_next_one_is_found_and_not_that_of_this_morning(home: Home) -> None:
    [one] = (await home.call("calendar.search", query="stand-up"))["events"]
    assert one["start"][:10] > TODAY.isoformat()
