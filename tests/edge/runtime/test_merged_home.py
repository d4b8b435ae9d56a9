"""A home of folders and accounts of one kind: both are read, each thing with its source, and the folder is written."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import default_policy
from umi_edge.runtime.config import DavSettings, HomeSettings, ImapSettings, SyncSettings
from umi_edge.runtime.installed_tools import home_inventory, home_tools
from umi_edge.tools import Catalogue, Failed, FailureKind, RunLimits, Succeeded, run_tool
from umi_edge.tools.builtin.copied_folder import STATUS, CopyStatus
from umi_shared.errors import PrivacyError

CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{0}\r\nFN:{1}\r\nEMAIL:{0}@example.org\r\nEND:VCARD\r\n"
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:{kind}\r\nUID:{uid}\r\nSUMMARY:{title}\r\n"
    "DTSTART:20260302T{hour}0000Z\r\nEND:{kind}\r\nEND:VCALENDAR\r\n"
)
LETTER = b"From: Ida <ida@example.org>\r\nSubject: %s rent\r\nDate: Mon, 2 Mar 2026 %d:00:00 +0000\r\n\r\nhello\r\n"


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def home(tmp_path: Path) -> HomeSettings:
    mine, work = tmp_path / "mine", tmp_path / "sync"
    write(mine / "contacts" / "ann.vcf", CARD.format("ann", "Ann Lee"))
    write(work / "contacts" / "work" / "friends" / "bo.vcf", CARD.format("bo", "Bo Muller"))
    write(mine / "calendar" / "a.ics", EVENT.format(kind="VEVENT", uid="dentist", title="Dentist", hour="09"))
    write(mine / "calendar" / "t.ics", EVENT.format(kind="VTODO", uid="milk", title="Milk", hour="09"))
    there = work / "calendar" / "work"
    write(there / "b.ics", EVENT.format(kind="VEVENT", uid="review", title="Review", hour="11"))
    write(there / "t.ics", EVENT.format(kind="VTODO", uid="report", title="Report", hour="09"))
    write(mine / "mail" / "cur" / "1:2,S", LETTER % (b"the", 9))
    write(work / "mail" / "work" / "INBOX" / "cur" / "2:2,", LETTER % (b"more", 11))
    now = datetime.now(UTC)
    for store in ("contacts", "calendar", "mail"):
        write(work / store / "work" / STATUS, CopyStatus(fetched=now, tried=now).as_text())
    dav = {"work": DavSettings(url="https://127.0.0.1:9/", user="ida", password_env="P")}
    imap = {"work": ImapSettings(url="imaps://127.0.0.1:9", user="ida", password_env="P")}
    return HomeSettings(
        contacts=str(mine / "contacts"),
        calendar=str(mine / "calendar"),
        mail=str(mine / "mail"),
        outbox=str(mine / "outbox"),
        more_tools=True,
        sync=SyncSettings(contacts=dav, calendar=dav, mail=imap, folder=str(work)),
    )


async def called(home: HomeSettings, name: str, /, **arguments: object) -> object:
    outcome = await run_tool(Catalogue(home_tools(home, {}))[name], arguments, RunLimits())
    return outcome.value if isinstance(outcome, Succeeded) else outcome


async def test_both_are_read_and_each_thing_tells_its_source(home):
    listed = await called(home, "contacts.list")
    assert [(one["name"], one["source"]) for one in listed] == [
        ("Ann Lee", "this device"),
        ("Bo Muller", "work"),
    ]
    day = await called(home, "calendar.list", date="2026-03-02")
    assert [(one["id"], one["source"]) for one in day["events"]] == [
        ("dentist", "this device"),
        ("review", "work"),
    ]
    todos = await called(home, "calendar.todos")
    assert {(one["id"], one["source"]) for one in todos["todos"]} == {
        ("milk", "this device"),
        ("report", "work"),
    }
    letters = (await called(home, "mail.search", query="rent"))["messages"]
    assert [(one["subject"], one["source"]) for one in letters] == [
        ("more rent", "work"),
        ("the rent", "this device"),
    ]
    read = [await called(home, "mail.read", id=one["id"]) for one in letters]
    assert [(one["subject"], one["source"]) for one in read] == [
        ("more rent", "work"),
        ("the rent", "this device"),
    ]


async def test_ids_and_names_are_those_of_either_alone(home, tmp_path):
    """A saved session, a record and a rule for a folder go on holding."""
    both = {one["id"] for one in (await called(home, "mail.search", query="rent"))["messages"]}
    alone = HomeSettings(mail=home.mail, more_tools=True)
    copied = HomeSettings(more_tools=True, sync=SyncSettings(mail=home.sync.mail, folder=home.sync.folder))
    found = [await called(one, "mail.search", query="rent") for one in (alone, copied)]
    assert {one["id"] for each in found for one in each["messages"]} == both == {"1", "work/INBOX/2"}
    assert not any("source" in one for each in found for one in each["messages"])


async def test_what_is_written_goes_into_the_folder_and_nothing_into_a_copy(home, tmp_path):
    def copied() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (tmp_path / "sync").rglob("*") if path.is_file()}

    before = copied()
    await called(home, "contacts.add", name="Cy Ng")
    await called(home, "calendar.create", title="Tea", date="2026-03-02", time="15:00")
    assert await called(home, "contacts.change", id="ann", phone="+41 44 668 18 00") == {"updated": True}
    assert await called(home, "calendar.cancel", id="dentist") == {"cancelled": True}
    assert copied() == before
    assert len(list((tmp_path / "mine" / "contacts").iterdir())) == 2
    for name, arguments in {
        "contacts.change": {"id": "bo", "phone": "1"},
        "calendar.cancel": {"id": "review"},
        "calendar.finish_todo": {"id": "report"},
    }.items():
        refused = await called(home, name, **arguments)
        assert isinstance(refused, Failed)
        assert refused.kind is FailureKind.UNAVAILABLE
        assert refused.detail == "umi does not write to work: change it there"
    assert copied() == before


async def test_of_a_card_that_both_have_the_one_in_the_folder_is_changed(home, tmp_path):
    write(tmp_path / "mine" / "contacts" / "bo.vcf", CARD.format("bo", "Bo Muller"))
    assert await called(home, "contacts.change", id="bo", role="plumber") == {"updated": True}
    assert b"plumber" in (tmp_path / "mine" / "contacts" / "bo.vcf").read_bytes()
    assert b"plumber" not in (tmp_path / "sync/contacts/work/friends/bo.vcf").read_bytes()


async def test_the_detectors_know_the_names_of_both(home):
    gazetteers = await load_gazetteers(default_policy(), Catalogue(home_tools(home, {})))
    names = {name for values in gazetteers.values.values() for name in values}
    assert {"Ann Lee", "Bo Muller"} <= names


@pytest.mark.parametrize("lost", ["mine/contacts", "sync/contacts/work"])
async def test_no_session_starts_without_either(home, tmp_path, lost):
    shutil.rmtree(tmp_path / lost)
    with pytest.raises(PrivacyError, match="nothing was sent"):
        await load_gazetteers(default_policy(), Catalogue(home_tools(home, {})))


def test_the_inventory_says_where_things_are_from_and_where_what_is_written_goes(home):
    told = {one.store: str(one) for one in home_inventory(home)}
    ends = " of this device and work; what umi writes goes into the folder of this device"
    assert told["contacts"] == f"2 contacts{ends}"
    assert told["calendar"] == f"2 events, 2 to-dos{ends}"
    assert told["mail"] == f"2 letters in 2 folders{ends}"
