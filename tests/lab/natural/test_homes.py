"""The homes: everything in them is found by the tools that people have."""

from datetime import datetime, timedelta
from pathlib import Path

import icalendar
import pytest

from umi_edge.tools.builtin import ContactsConfig, FilesConfig, MailConfig, NotesConfig
from umi_edge.tools.builtin.calendar_folder import Calendar, CalendarConfig
from umi_edge.tools.builtin.contacts import AddressBook
from umi_edge.tools.builtin.files import FileShelf
from umi_edge.tools.builtin.mail import Mailbox
from umi_edge.tools.builtin.notes import Notebook
from umi_lab.natural.holdings import holdings
from umi_lab.natural.home import Home, homes

HOMES = homes()
SMALL = 150 << 10


def named(home: Home) -> str:
    return home.name


@pytest.mark.parametrize("home", HOMES, ids=named)
def test_the_tools_find_every_contact_letter_note_and_file(home: Home, tmp_path: Path) -> None:
    config = home.copy_to(tmp_path)
    book = AddressBook(ContactsConfig(folder=config.contacts)).read()
    contacts, bad_cards = book.contacts, len(book.lost)
    letters, bad_letters = Mailbox(MailConfig(folder=config.mail, outbox=config.outbox)).messages()
    notes, bad_notes = Notebook(NotesConfig(folder=config.notes)).notes()
    shelf = FileShelf(FilesConfig(roots=config.files))
    files = [path for path in config.files[0].rglob("*") if path.is_file()]
    for path in files:
        assert shelf.read(path.relative_to(config.files[0]).as_posix()).text
    assert (bad_cards, bad_letters, bad_notes) == (0, (), ())
    assert home.counts["contacts"] == len(contacts)
    assert home.counts["letters"] == len(letters)
    assert home.counts["notes"] == len(notes)
    assert home.counts["files"] == len(files)
    assert all(letter.date and letter.body.strip() for letter in letters)


@pytest.mark.parametrize("home", HOMES, ids=named)
def test_the_calendar_tool_reads_every_day_around_now(home: Home, tmp_path: Path) -> None:
    config = home.copy_to(tmp_path)
    calendar = Calendar(CalendarConfig(folder=config.calendar, zone=home.zone))
    unread, listed = 0, set()
    for days in range(-7, 40):
        found, bad = calendar.on(home.now.date() + timedelta(days))
        unread += len(bad)
        listed |= {(event["title"], event["start"][:16]) for event in map(calendar.as_json, found)}
    assert unread == 0
    first, last = home.now - timedelta(days=6), home.now + timedelta(days=38)
    ours = {
        (one.fact("title"), one.fact("start"))
        for one in holdings(config, home.now)
        if one.kind == "event"
        and first.date().isoformat() <= one.fact("start")[:10] <= last.date().isoformat()
    }
    assert ours
    assert ours <= listed


@pytest.mark.parametrize("home", HOMES, ids=named)
def test_events_and_to_dos_are_as_many_as_the_manifest_says(home: Home) -> None:
    parts = [
        part.name
        for path in home.folder.glob("calendar/*.ics")
        for part in icalendar.Calendar.from_ical(path.read_bytes()).walk()
    ]
    assert (parts.count("VEVENT"), parts.count("VTODO")) == (home.counts["events"], home.counts["todos"])


@pytest.mark.parametrize("home", HOMES, ids=named)
def test_a_home_is_small_and_its_letters_are_older_than_now(home: Home, tmp_path: Path) -> None:
    paths = [path for path in home.folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in paths) < SMALL
    assert all(":" not in path.name for path in paths)  # Windows could not check them out
    config = home.copy_to(tmp_path)
    letters, _ = Mailbox(MailConfig(folder=config.mail, outbox=config.outbox)).messages()
    assert max(datetime.fromisoformat(letter.date or "") for letter in letters) < home.now


def test_letters_that_were_read_are_marked_so_in_a_copy(tmp_path: Path) -> None:
    config = HOMES[0].copy_to(tmp_path)
    assert {path.name[-2:] for path in config.mail.glob("cur/*")} == {",S"}
    assert not any(path.name.endswith(",S") for path in config.mail.glob("new/*"))
