"""Calendars as people have them: one broken entry takes nothing from the others, and what is lost is said."""

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from umi_edge.tools.builtin.calendar_file import CalendarFile
from umi_edge.tools.builtin.calendar_folder import Calendar, CalendarConfig
from umi_edge.tools.builtin.calendar_zones import zone_named
from umi_edge.tools.outcome import FailureKind, ToolFailure

CASES = Path(__file__).parents[4] / "shared" / "cases"
BERLIN = ZoneInfo("Europe/Berlin")
DAY = datetime(2026, 11, 23, tzinfo=UTC).date()

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n"
GOOD = (
    "BEGIN:VEVENT\r\nUID:good\r\nSUMMARY:Dentist\r\nDTSTART:20261123T090000Z\r\n"
    "DTEND:20261123T100000Z\r\nEND:VEVENT\r\n"
)
END = "END:VCALENDAR\r\n"


def calendar_of(folder: Path, zone: tzinfo = UTC, **files: str | bytes) -> Calendar:
    for name, content in files.items():
        (folder / f"{name}.ics").write_bytes(content if isinstance(content, bytes) else content.encode())
    return Calendar(CalendarConfig(folder=folder, zone=zone))


def listed(calendar: Calendar, day: str = "2026-11-23") -> tuple[list[tuple[str, str]], list[str]]:
    """The title and start of a day's events, and why something is missing."""
    found, lost = calendar.on(datetime.fromisoformat(day).date())
    return [(one.title, str(calendar.as_json(one)["start"])) for one in found], [one.why for one in lost]


def event(*lines: str, uid: str = "e", title: str = "Talk") -> str:
    return "\r\n".join(("BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{title}", *lines, "END:VEVENT", ""))


@pytest.mark.skipif(not CASES.is_dir(), reason="the outside cases are not here (../shared/cases)")
@pytest.mark.parametrize(
    ("name", "also", "lost"),
    [
        ("bad-exdate", [("Weekly", "2026-11-23T09:00+00:00")], 1),
        ("latin1", [("Zahnärztin", "2026-11-23T12:00+00:00")], 1),
        ("no-dtstart", [], 1),
        ("two-calendars", [("Gym", "2026-11-23T17:00+00:00")], 0),
    ],
)
def test_the_cases_of_one_bad_event(name: str, also: list[tuple[str, str]], lost: int) -> None:
    folder = CASES / "06-one-bad-event-empties-the-calendar" / name / "calendar"
    titles, why = listed(Calendar(CalendarConfig(folder=folder, zone=UTC)))
    assert titles == [("Dentist", "2026-11-23T09:00+00:00"), *also]
    assert len(why) == lost


@pytest.mark.skipif(not CASES.is_dir(), reason="the outside cases are not here (../shared/cases)")
def test_the_case_of_exchanges_zone_name() -> None:
    folder = CASES / "07-exchange-time-zone-name" / "calendar"
    assert listed(Calendar(CalendarConfig(folder=folder, zone=BERLIN))) == (
        [("Budget review", "2026-11-23T15:00+01:00")],
        [],
    )


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (event("DTSTART:never"), "the event has no start that can be read"),
        (event("DTSTART:20261123T120000Z", "no colon here"), "some lines of the entry cannot be read"),
        (
            event("DTSTART:20261123T120000Z", "RRULE:FREQ=NOW"),
            "some lines of the entry cannot be read",
        ),
        (event("DTSTART:20261123T120000Z", "RRULE:FREQ=SECONDLY"), "it repeats every second or minute"),
        (
            event("DTSTART:20261123T120000Z", "DTEND:20261123T110000Z"),
            "it ends before it starts: its end is left out",
        ),
        (
            event("DTSTART;TZID=Customized Time Zone:20261123T120000"),
            "its time zone is unknown: the times are shown as they are written",
        ),
        ("BEGIN:VEVENT\r\nUID:cut\r\nDTSTART:20261123T120000Z\r\n", "the entry is cut off"),
        ("BEGIN:VEVENT\r\nUID:cut\r\n" + event("DTSTART:20261124T120000Z"), "the entry is cut off"),
    ],
)
def test_a_bad_entry_is_told_and_empties_no_day(tmp_path: Path, bad: str, why: str) -> None:
    titles, reasons = listed(calendar_of(tmp_path, a=HEAD + bad + GOOD + END))
    assert ("Dentist", "2026-11-23T09:00+00:00") in titles
    assert reasons == [why]


@pytest.mark.parametrize("content", [b"", b"hello", bytes(range(256)), b"BEGIN:VCARD\r\nEND:VCARD\r\n"])
def test_a_file_that_is_no_calendar_is_told(tmp_path: Path, content: bytes) -> None:
    assert listed(calendar_of(tmp_path, a=content, b=HEAD + GOOD + END)) == (
        [("Dentist", "2026-11-23T09:00+00:00")],
        ["it is no calendar"],
    )


@pytest.mark.parametrize(
    "content",
    [
        (HEAD + GOOD + END).encode("utf-16"),
        b"\xef\xbb\xbf" + (HEAD + GOOD + END).encode(),
        (HEAD + GOOD + END).replace("\r\n", "\n").encode(),
        (HEAD + GOOD + END).replace("\r\n", "\r").encode(),
        GOOD.encode(),
        (HEAD + GOOD + END).replace("Dentist", "Den\r\n tist").encode(),
        (HEAD + GOOD).encode(),
        (HEAD + GOOD + END).rstrip().encode(),
        (HEAD + GOOD + END)
        .replace("BEGIN", "begin")
        .replace("END", "end")
        .replace("SUMMARY", "Summary")
        .encode(),
    ],
    ids=["utf-16", "bom", "lf", "cr", "no calendar around it", "fold", "no end", "no last break", "small"],
)
def test_calendars_are_read_however_they_are_written(tmp_path: Path, content: bytes) -> None:
    assert listed(calendar_of(tmp_path, a=content)) == ([("Dentist", "2026-11-23T09:00+00:00")], [])


def test_a_letter_that_a_fold_cuts_is_whole_again(tmp_path: Path) -> None:
    content = (
        (HEAD + GOOD + END).replace("Dentist", "Zahnärztin").encode().replace(b"\xc3\xa4", b"\xc3\r\n \xa4")
    )
    assert listed(calendar_of(tmp_path, a=content)) == ([("Zahnärztin", "2026-11-23T09:00+00:00")], [])


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("(UTC-05:00) Eastern Time (US & Canada)", "2026-11-23T15:00+01:00"),
        ("(GMT+01.00) Amsterdam / Berlin / Bern / Rome / Stockholm / Vienna", "2026-11-23T09:00+01:00"),
        ("(UTC) Dublin, Edinburgh, Lisbon, London", "2026-11-23T10:00+01:00"),
        ("Eastern Standard Time", "2026-11-23T15:00+01:00"),
        ("W. Europe Standard Time", "2026-11-23T09:00+01:00"),
        ("/freeassociation.sourceforge.net/Europe/London", "2026-11-23T10:00+01:00"),
        ("tzone://Microsoft/Utc", "2026-11-23T10:00+01:00"),
        ("GMT+02:00", "2026-11-23T08:00+01:00"),
        ("UTC-3", "2026-11-23T13:00+01:00"),
        ("GMT -0500", "2026-11-23T15:00+01:00"),
        ("Etc/GMT-1", "2026-11-23T09:00+01:00"),
    ],
)
def test_zones_are_known_by_the_names_that_calendars_use(tmp_path: Path, name: str, moment: str) -> None:
    talk = event(f'DTSTART;TZID="{name}":20261123T090000')
    assert listed(calendar_of(tmp_path, BERLIN, a=HEAD + talk + END)) == ([("Talk", moment)], [])


@pytest.mark.parametrize("name", ["", "America", "Customized Time Zone", "GMT+99", "5", "Mars/Base"])
def test_a_zone_that_nobody_knows_is_none(name: str) -> None:
    assert zone_named(name, {}) is None


def test_a_zone_that_a_file_defines_is_its_own_even_where_another_file_has_the_same_name(
    tmp_path: Path,
) -> None:
    def defined(offset: str) -> str:
        zone = (
            "BEGIN:VTIMEZONE\r\nTZID:Custom\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n"
            f"TZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
        )
        return HEAD + zone + event("DTSTART;TZID=Custom:20261123T090000", title=f"at {offset}") + END

    calendar = calendar_of(tmp_path, a=defined("+0300"), b=defined("-0200"))
    assert listed(calendar) == (
        [("at +0300", "2026-11-23T06:00+00:00"), ("at -0200", "2026-11-23T11:00+00:00")],
        [],
    )


def test_the_zone_of_a_calendar_holds_for_times_without_one_and_for_how_events_repeat(tmp_path: Path) -> None:
    floating = event("DTSTART:20261123T090000", uid="f", title="Floating")
    weekly = event("DTSTART:20260706T070000Z", "RRULE:FREQ=WEEKLY", uid="w", title="At nine in summer, too")
    content = HEAD + "X-WR-TIMEZONE:Europe/Berlin\r\n" + floating + weekly + END
    assert listed(calendar_of(tmp_path, a=content)) == (
        [("At nine in summer, too", "2026-11-23T08:00+00:00"), ("Floating", "2026-11-23T08:00+00:00")],
        [],
    )


def test_series_have_their_exceptions_and_overrides(tmp_path: Path) -> None:
    series = event(
        "DTSTART;TZID=Europe/Berlin:20261102T090000",
        "DTEND;TZID=Europe/Berlin:20261102T100000",
        "RRULE:FREQ=WEEKLY;COUNT=5",
        "EXDATE;TZID=Europe/Berlin:20261109T090000,20261116T090000",
        "RDATE;TZID=Europe/Berlin:20261125T110000",
    )
    moved = event(
        "RECURRENCE-ID;TZID=Europe/Berlin:20261123T090000",
        "DTSTART;TZID=Europe/Berlin:20261124T150000",
        "DTEND;TZID=Europe/Berlin:20261124T160000",
        title="Talk, moved",
    )
    calendar = calendar_of(tmp_path, BERLIN, a=HEAD + series + moved + END)
    days = {day: listed(calendar, f"2026-11-{day:02}")[0] for day in range(1, 31)}
    assert {day: found for day, found in days.items() if found} == {
        2: [("Talk", "2026-11-02T09:00+01:00")],
        24: [("Talk, moved", "2026-11-24T15:00+01:00")],
        25: [("Talk", "2026-11-25T11:00+01:00")],
        30: [("Talk", "2026-11-30T09:00+01:00")],
    }


def test_a_whole_day_is_the_local_one_and_ends_before_the_next(tmp_path: Path) -> None:
    holiday = event("DTSTART;VALUE=DATE:20261123", "DTEND;VALUE=DATE:20261125", title="Fair")
    calendar = calendar_of(tmp_path, ZoneInfo("Pacific/Auckland"), a=HEAD + holiday + END)
    found = {day: listed(calendar, f"2026-11-{day}")[0] for day in range(22, 26)}
    assert found == {22: [], 23: [("Fair", "2026-11-23")], 24: [("Fair", "2026-11-23")], 25: []}


def test_to_dos_and_journals_are_no_events_and_spoil_none(tmp_path: Path) -> None:
    others = (
        "BEGIN:VTODO\r\nUID:t\r\nSUMMARY:Buy milk\r\nDUE:nonsense\r\nEND:VTODO\r\n"
        "BEGIN:VJOURNAL\r\nUID:j\r\nSUMMARY:Diary\r\nDTSTART;VALUE=DATE:20261123\r\nEND:VJOURNAL\r\n"
    )
    content = HEAD + others + GOOD + END
    kinds = {series.kind for series in CalendarFile.parsed(content.encode()).series}
    assert kinds == {"VEVENT", "VTODO", "VJOURNAL"}
    assert listed(calendar_of(tmp_path, a=content)) == (
        [("Dentist", "2026-11-23T09:00+00:00")],
        ["some lines of the entry cannot be read"],
    )


def test_cancelling_leaves_every_other_byte_of_the_file(tmp_path: Path) -> None:
    broken = event("DTSTART:20261123T120000Z", "nonsense", "X-OWN;A=b:c", uid="b").encode()
    alarm = b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\n"
    mine = GOOD.encode().replace(b"END:VEVENT", alarm + b"END:VEVENT")
    head = HEAD.encode()
    content = head + broken + mine + b"X-TAIL:\xe4\r\n" + END.encode()
    calendar = calendar_of(tmp_path, a=content)
    calendar.cancel("good")
    now = (tmp_path / "a.ics").read_bytes()
    start = len(head + broken)
    assert now[:start] == content[:start]
    assert now.endswith(b"X-TAIL:\xe4\r\n" + END.encode())
    assert b"STATUS:CANCELLED" in now[start:]
    assert alarm in now
    assert listed(calendar)[0] == [("Talk", "2026-11-23T12:00+00:00")]


def test_nothing_is_changed_by_an_id_that_two_events_have(tmp_path: Path) -> None:
    """Whoever sends an invitation chooses its id."""
    talk = event("DTSTART:20261123T120000Z", uid="good")
    calendar = calendar_of(tmp_path, a=HEAD + GOOD + END, b=HEAD + talk + END)
    before = [one.read_bytes() for one in sorted(tmp_path.iterdir())]
    with pytest.raises(ToolFailure) as failed:
        calendar.cancel("good")
    assert failed.value.kind is FailureKind.NOT_FOUND
    assert [one.read_bytes() for one in sorted(tmp_path.iterdir())] == before


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("due", ["99991231T235959Z", "00010101T000000Z", "00010101"])
def test_a_to_do_of_the_ends_of_time_takes_nothing_from_the_others(
    tmp_path: Path, zone: str, due: str
) -> None:
    todo = f"BEGIN:VTODO\r\nUID:t\r\nSUMMARY:Pay\r\nDUE:{due}\r\nEND:VTODO\r\n"
    calendar = calendar_of(tmp_path, ZoneInfo(zone), a=HEAD + todo + todo.replace("UID:t", "UID:u") + END)
    found, _ = calendar.todos()
    assert [one.title for one in found if one.due is None or calendar.moment(one.due)] == ["Pay", "Pay"]


def test_one_occurrence_is_cancelled_in_the_zone_that_its_series_is_written_in(tmp_path: Path) -> None:
    zone = '"(UTC-05:00) Eastern Time (US & Canada)"'
    series = event(f"DTSTART;TZID={zone}:20261116T090000", "DURATION:PT30M", "RRULE:FREQ=WEEKLY")
    calendar = calendar_of(tmp_path, BERLIN, a=HEAD + series + END)
    [second] = calendar.on(DAY)[0]
    calendar.cancel(second.id)
    assert [listed(calendar, day)[0] for day in ("2026-11-16", "2026-11-23", "2026-11-30")] == [
        [("Talk", "2026-11-16T15:00+01:00")],
        [],
        [("Talk", "2026-11-30T15:00+01:00")],
    ]
    with pytest.raises(ToolFailure) as failed:
        calendar.cancel("e#20261124")
    assert failed.value.kind is FailureKind.NOT_FOUND


def test_events_without_an_id_can_be_cancelled_all_the_same(tmp_path: Path) -> None:
    calendar = calendar_of(tmp_path, a=HEAD + GOOD.replace("UID:good\r\n", "") + END)
    [only] = calendar.on(DAY)[0]
    calendar.cancel(only.id)
    assert calendar.on(DAY)[0] == []
