"""The built-in tools work on real folders in open formats, broken files among them."""

import asyncio
import email
import email.policy
import errno
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from umi_edge.tools.builtin import HomeConfig, SmtpConfig, builtin_tools
from umi_edge.tools.catalogue import Catalogue
from umi_edge.tools.runner import Failed, FailureKind, RunLimits, Succeeded, run_tool
from umi_edge.tools.sample_home import make_sample_home

TODAY = date(2026, 11, 22)
PARIS = ZoneInfo("Europe/Paris")

BROKEN = {
    "empty": b"",
    "binary": bytes(range(256)) * 4,
    "latin1": "Élodie à Genève".encode("latin-1"),
    "nul": b"BEGIN:VCARD\x00\x00",
    "cut": b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Half",
    "cut-calendar": b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:never\r\n",
}


class Home:
    """The tools over one home, called by name."""

    def __init__(self, config: HomeConfig) -> None:
        self.config = config
        self.tools = Catalogue(builtin_tools(config))

    async def call(self, tool: str, /, **arguments: Any) -> Any:
        outcome = await run_tool(self.tools[tool], arguments, RunLimits(call_seconds=10))
        assert isinstance(outcome, Succeeded), outcome
        return outcome.value

    async def failure(self, tool: str, /, **arguments: Any) -> Failed:
        outcome = await run_tool(self.tools[tool], arguments, RunLimits(call_seconds=10))
        assert isinstance(outcome, Failed), outcome
        return outcome


def home_under(root: Path, **changes: Any) -> Home:
    plain = HomeConfig.under(root)
    fields = {name: getattr(plain, name) for name in HomeConfig.__dataclass_fields__}
    return Home(HomeConfig(**{**fields, "zone": PARIS, **changes}))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    make_sample_home(tmp_path, TODAY)
    return home_under(tmp_path)


def test_the_sample_home_is_the_same_every_time(tmp_path):
    for name in ("a", "b"):
        make_sample_home(tmp_path / name, TODAY)
    first, second = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*.*")
            if path.is_file()
        }
        for name in ("a", "b")
    )
    assert first == second
    assert len(first) > 35


def test_only_reading_tools_say_so_and_the_irreversible_ones_are_destructive(tmp_path):
    tools = home_under(tmp_path).tools
    assert {tool.name for tool in tools if tool.hints.destructive} == {"mail.send", "calendar.cancel"}
    assert {tool.name for tool in tools if not tool.hints.read_only} == {
        "contacts.add",
        "calendar.create",
        "calendar.cancel",
        "mail.send",
        "notes.create",
    }
    assert not any(tool.hints.open_world for tool in tools)


async def test_folders_that_do_not_exist_are_empty(tmp_path):
    home = home_under(tmp_path / "nowhere")
    assert await home.call("contacts.search", name="x") == {"matches": [], "skipped": 1}
    assert await home.call("contacts.list") == []
    assert await home.call("calendar.list", date="2026-11-22") == {"events": []}
    assert await home.call("mail.search", query="x") == {"messages": []}
    assert await home.call("notes.search", query="x") == {"notes": []}
    assert await home.call("files.search", query="x") == {"files": []}
    assert await home.call("search.everywhere", query="x") == {"hits": []}
    assert not (tmp_path / "nowhere").exists()


async def test_a_contact_is_found_without_accents_and_in_any_order(home):
    [match] = (await home.call("contacts.search", name="nguyen  ELODIE"))["matches"]
    assert match == {
        "name": "Élodie Nguyễn",
        "email": "elodie@example.org",
        "phone": "+33 6 39 98 30 18",
        "company": "Clinique des Tilleuls",
    }
    assert len((await home.call("contacts.search", name="Martin"))["matches"]) == 2
    assert (await home.call("contacts.search", name="Alice Martin")) == {"matches": []}


async def test_an_added_contact_is_found_again_and_overwrites_none(home):
    before = len(await home.call("contacts.list"))
    for _ in range(2):
        await home.call("contacts.add", name="Zoé D'Arc; Ltd", email="zoe@example.org", company="A, B; C")
    found = (await home.call("contacts.search", name="zoe"))["matches"]
    assert len(found) == 2
    assert found[0] == {
        "name": "Zoé D'Arc; Ltd",
        "email": "zoe@example.org",
        "phone": None,
        "company": "A, B; C",
    }
    assert len(await home.call("contacts.list")) == before + 2


async def test_a_contact_with_a_line_break_is_refused(home):
    failed = await home.failure("contacts.add", name="Eve\r\nEND:VCARD")
    assert failed.kind is FailureKind.INVALID_ARGUMENTS


async def test_the_preferred_address_of_a_vcard_is_taken(tmp_path):
    home = home_under(tmp_path)
    home.config.contacts.mkdir()
    (home.config.contacts / "a.vcf").write_text(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\nEMAIL;TYPE=HOME:one@example.org\r\n"
        "EMAIL;TYPE=WORK,PREF:two@example.org\r\nORG:Acme;Sales\r\nEND:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Bob\r\nTEL;VALUE=uri;PREF=1:tel:+44-7700-900142\r\nEND:VCARD\r\n"
    )
    assert await home.call("contacts.list") == [
        {
            "name": "Ann",
            "email": "two@example.org",
            "phone": None,
            "company": "Acme",
            "emails": [
                {"kind": "work", "address": "two@example.org"},
                {"kind": "home", "address": "one@example.org"},
            ],
            "department": "Sales",
        },
        {"name": "Bob", "email": None, "phone": "+44-7700-900142", "company": None},
    ]


async def test_broken_files_are_skipped_and_counted(home):
    for name, content in BROKEN.items():
        (home.config.contacts / f"{name}.vcf").write_bytes(content)
        (home.config.calendar / f"{name}.ics").write_bytes(content)
        (home.config.mail / "cur" / f"1.{name}.x").write_bytes(content)
    for name in ("empty", "binary"):
        (home.config.notes / f"{name}.md").write_bytes(BROKEN[name])
    count = len(BROKEN)
    assert (await home.call("contacts.search", name="Alice"))["skipped"] == count
    assert (await home.call("calendar.list", date="2026-11-22"))["skipped"] == count
    assert len((await home.call("calendar.list", date="2026-11-22"))["events"]) == 3
    assert (await home.call("mail.search", query="boiler"))["skipped"] == count
    assert (await home.call("notes.search", query="boiler"))["skipped"] == 1  # a blank note is none
    assert len(await home.call("contacts.list")) == 13  # the card that is cut off counts as far as it goes


@pytest.mark.skipif(os.name == "nt", reason="no links and pipes to make")
async def test_links_and_pipes_in_a_folder_are_not_opened(home, tmp_path):
    (tmp_path / "outside.md").write_text("# Outside secret")
    (home.config.notes / "link.md").symlink_to(tmp_path / "outside.md")
    os.mkfifo(home.config.notes / "pipe.md")
    assert await home.call("notes.search", query="outside") == {"notes": [], "skipped": 2}


async def test_a_day_has_its_events_with_repeated_ones_expanded(home):
    events = (await home.call("calendar.list", date="2026-11-22"))["events"]
    assert [event["title"] for event in events] == ["Stand-up", "Lunch with Alice", "Physio"]
    assert events[1] == {
        "id": "sample-01@umi.invalid",
        "title": "Lunch with Alice",
        "start": "2026-11-22T12:30+01:00",
        "end": "2026-11-22T13:30+01:00",
        "location": "Chez Panisse Bis",
        "attendees": ["alice.moreau@example.org"],
    }
    later = (await home.call("calendar.list", date="2027-11-27"))["events"]
    assert [event["title"] for event in later] == ["Sophie's birthday"]


async def test_a_created_event_is_on_its_local_day_across_summer_time(home):
    for day, offset in (("2026-07-01", "+02:00"), ("2026-12-01", "+01:00")):
        created = await home.call(
            "calendar.create", title="Tea; with, Ann", date=day, time="00:15", guests=["a@example.org", "Bob"]
        )
        [event] = [
            event
            for event in (await home.call("calendar.list", date=day))["events"]
            if event["id"] == created["id"]
        ]
        assert event["title"] == "Tea; with, Ann"
        assert event["start"] == f"{day}T00:15{offset}"
        assert event["end"] == f"{day}T01:15{offset}"
        assert event["attendees"] == ["a@example.org", "Bob"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"date": "2026-02-30", "time": "10:00"},
        {"date": "2026-02-03", "time": "25:00"},
        {"date": "tomorrow", "time": "10:00"},
        {"date": "0001-01-01", "time": "10:00"},
        {"date": "9999-12-31", "time": "23:59"},
        {"date": "2026-02-03\n", "time": "10:00"},
        {"date": "2026-02-03", "time": "10:00", "duration_minutes": 0},
        {"date": "2026-02-03", "time": "10:00", "guests": ["a@b.c\r\nATTENDEE:mailto:eve@example.org"]},
    ],
)
async def test_an_event_that_cannot_be_is_refused(home, wrong):
    before = sorted(home.config.calendar.iterdir())
    failed = await home.failure("calendar.create", **{"title": "x", **wrong})
    assert failed.kind is FailureKind.INVALID_ARGUMENTS
    assert sorted(home.config.calendar.iterdir()) == before


async def test_cancelling_one_occurrence_leaves_the_others(home):
    listed = (await home.call("calendar.list", date="2026-11-23"))["events"]
    await home.call("calendar.cancel", id=listed[0]["id"])
    titles = [e["title"] for e in (await home.call("calendar.list", date="2026-11-23"))["events"]]
    assert titles == ["Contract review", "Parents' evening"]
    assert (await home.call("calendar.list", date="2026-11-24"))["events"][0]["title"] == "Boiler service"
    assert "Stand-up" in [e["title"] for e in (await home.call("calendar.list", date="2026-11-24"))["events"]]


async def test_cancelling_an_event_keeps_it_in_its_file_marked_as_cancelled(home):
    await home.call("calendar.cancel", id="sample-01@umi.invalid")
    titles = [event["title"] for event in (await home.call("calendar.list", date="2026-11-22"))["events"]]
    assert titles == ["Stand-up", "Physio"]
    text = (home.config.calendar / "01.ics").read_text()
    assert "STATUS:CANCELLED" in text
    assert "Lunch with Alice" in text


async def test_cancelling_what_is_not_there_is_not_found(home):
    for identity in ("nobody", "sample-01@umi.invalid#20261122", "../../etc/passwd"):
        assert (await home.failure("calendar.cancel", id=identity)).kind is FailureKind.NOT_FOUND


async def test_a_rule_that_repeats_every_second_is_not_expanded(home):
    (home.config.calendar / "bomb.ics").write_text(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:bomb\r\n"
        "DTSTART:19700101T000000Z\r\nRRULE:FREQ=SECONDLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    listed = await home.call("calendar.list", date="2026-11-22")
    assert listed["skipped"] == 1
    assert len(listed["events"]) == 3


async def test_mail_is_found_by_its_words_and_its_sender_newest_first(home):
    found = (await home.call("mail.search", query="the"))["messages"]
    assert [m["date"] for m in found] == sorted((m["date"] for m in found), reverse=True)
    [contract] = (await home.call("mail.search", query="contract", sender="PAUL martin"))["messages"]
    assert contract["from"] == "Paul Martin <paul.martin@example.com>"
    assert contract["subject"] == "Contract, second draft"
    read = await home.call("mail.read", id=contract["id"])
    assert read["body"].startswith("The second draft")
    assert read["to"] == "me@example.org"


async def test_an_id_of_mail_or_notes_is_never_a_path(home, tmp_path):
    (tmp_path / "secret.md").write_text("# Secret")
    for identity in ("../secret", "../new/x", str(tmp_path / "secret"), "..\\secret"):
        assert (await home.failure("notes.read", id=identity)).kind is FailureKind.NOT_FOUND
        assert (await home.failure("mail.read", id=identity)).kind is FailureKind.NOT_FOUND


async def test_mail_in_html_and_in_a_charset_that_does_not_exist_is_read_as_text(home):
    new = home.config.mail / "new"
    (new / "9.html").write_bytes(
        b"From: a@example.org\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        b"<style>p{}</style><p>Hello <b>you</b></p><script>x()</script>"
    )
    (new / "9.odd").write_bytes(
        b"From: \xff\xfe <a@example.org>\r\nSubject: odd\r\nContent-Type: text/plain; charset=x-none\r\n\r\nbody \xe9"
    )
    html = await home.call("mail.read", id="9.html")
    assert (html["subject"], html["body"]) == ("café", "Hello you")
    assert (await home.call("mail.read", id="9.odd"))["body"].startswith("body")


HOSTILE = {
    "tags": b"Content-Type: text/html\r\n\r\n" + b"<a " * 700_000,
    "scripts": b"Content-Type: text/html\r\n\r\n" + b"<script>" * 300_000,
    "recipients": b"To: " + b"a@example.org, " * 100_000 + b"\r\n\r\nx",
    "brackets": b"To: " + b"(" * 50_000 + b"\r\n\r\nx",
    "parts": b"".join(
        b"Content-Type: multipart/mixed; boundary=a%d\r\n\r\n--a%d\r\n" % (i, i) for i in range(2000)
    ),
}


async def test_mail_made_to_keep_a_parser_busy_does_not_stop_the_search(home):
    for name, content in HOSTILE.items():
        (home.config.mail / "new" / f"9.{name}").write_bytes(b"From: eve@example.org\r\n" + content)
    found = await home.call("mail.search", query="contract")
    assert "Contract, second draft" in [message["subject"] for message in found["messages"]]


async def sent(home: Home) -> list[email.message.EmailMessage]:
    return [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in sorted((home.config.outbox / "new").iterdir())
    ]


async def test_sent_mail_waits_whole_in_the_outbox(home):
    status = await home.call(
        "mail.send",
        to=["Alice Moreau <alice.moreau@example.org>", "bob@exämple.org"],
        subject="Grüße",
        body="Line one\n.\nLine två " + "x" * 2000,
    )
    assert status == {"status": "queued"}
    [message] = await sent(home)
    assert message["To"] == "Alice Moreau <alice.moreau@example.org>, bob@xn--exmple-cua.org"
    assert message["Subject"] == "Grüße"
    assert message.get_content().startswith("Line one\n.\nLine två")
    assert not list((home.config.outbox / "tmp").iterdir())


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "a@example.org\r\nBcc: eve@example.org"},
        {"to": "a@example.org\nBcc: eve@example.org"},
        {"to": "Ann\r\nBcc: eve@example.org <a@example.org>"},
        {"to": "a@example.org, eve@example.org"},
        {"to": "a@example.org eve@example.org"},
        {"to": "a@example.org;eve@example.org"},
        {"to": "Ann <a@example.org> <eve@example.org>"},
        {"to": "Ann <a@example.org"},
        {"to": "Alice"},
        {"to": "<email:1>"},
        {"to": "@example.org"},
        {"to": []},
        {"to": ["a@example.org", "b"]},
        {"subject": "x\r\nBcc: eve@example.org"},
        {"subject": "x\nBcc: eve@example.org"},
        {"subject": "x\u2028Bcc: eve@example.org"},
        {"subject": "x\x0b\x0cy"},
    ],
)
async def test_mail_that_could_reach_another_reader_is_refused(home, wrong):
    failed = await home.failure("mail.send", **{"to": "a@example.org", "subject": "x", "body": "y", **wrong})
    assert failed.kind is FailureKind.INVALID_ARGUMENTS
    assert not (home.config.outbox / "new").exists()


async def test_a_body_cannot_become_headers(home):
    await home.call("mail.send", to="a@example.org", subject="s", body="\r\nBcc: eve@example.org\r\n\r\nx")
    [message] = await sent(home)
    assert message["Bcc"] is None
    assert sorted(message.keys()) == sorted(
        ["To", "Subject", "Date", "Message-ID", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"]
    )


async def serve_smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: list[str]) -> None:
    """Enough of RFC 5321 to take one letter."""
    writer.write(b"220 test\r\n")
    data = False
    while line := (await reader.readline()).decode().rstrip("\r\n"):
        log.append(line)
        if data:
            data = line != "."
            if not data:
                writer.write(b"250 taken\r\n")
            continue
        verb = line.partition(" ")[0].upper()
        data = verb == "DATA"
        writer.write({"DATA": b"354 go\r\n", "QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n"))
        if verb == "QUIT":
            break
    writer.close()


async def test_mail_goes_through_the_smtp_server_when_there_is_one(tmp_path):
    log: list[str] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A blank line separates a letter's headers from its body: it must not end the loop.
        await serve_smtp(_Filled(reader), writer, log)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    smtp = SmtpConfig(host="127.0.0.1", port=port, starttls=False, sender="me@example.org")
    home = home_under(tmp_path, smtp=smtp)
    assert home.tools["mail.send"].hints.open_world
    assert await home.call("mail.send", to="a@example.org", subject="s", body="hello") == {"status": "sent"}
    server.close()
    await server.wait_closed()
    assert "rcpt TO:<a@example.org>" in log
    assert "From: me@example.org" in log
    assert not home.config.outbox.exists()


class _Filled(asyncio.StreamReader):
    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__()
        self._inner = reader

    async def readline(self) -> bytes:
        line = await self._inner.readline()
        return b" \r\n" if line == b"\r\n" else line


async def test_a_mail_server_that_is_gone_or_silent_is_a_plain_failure(tmp_path, unused_tcp_port):
    gone = SmtpConfig(host="127.0.0.1", port=unused_tcp_port, sender="me@example.org", password="hunter2")
    assert "hunter2" not in repr(gone)
    failed = await home_under(tmp_path, smtp=gone).failure("mail.send", to="a@b.org", subject="s", body="b")
    assert failed.kind is FailureKind.UNAVAILABLE
    done = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    slow = SmtpConfig(host="127.0.0.1", port=port, sender="me@example.org", timeout_seconds=0.1)
    failed = await home_under(tmp_path, smtp=slow).failure("mail.send", to="a@b.org", subject="s", body="b")
    assert failed.kind is FailureKind.TIMEOUT
    done.set()
    server.close()
    await server.wait_closed()


async def test_a_password_never_travels_without_tls(tmp_path):
    smtp = SmtpConfig(host="127.0.0.1", starttls=False, sender="me@example.org", user="me", password="x")
    failed = await home_under(tmp_path, smtp=smtp).failure("mail.send", to="a@b.org", subject="s", body="b")
    assert "starttls" in failed.detail


async def test_a_note_is_created_under_a_safe_name_and_overwrites_none(home):
    first = await home.call("notes.create", title="../Été: CON?", text="one")
    second = await home.call("notes.create", title="../Été: CON?", text="two")
    assert (first["id"], second["id"]) == ("ete-con", "ete-con-2")
    assert (await home.call("notes.create", title="NUL", text="x"))["id"] == "note-nul"
    assert (await home.call("notes.read", id="ete-con"))["text"] == "# ../Été: CON?\n\none\n"
    assert not list(home.config.notes.rglob(".*"))


async def test_a_long_note_is_cut_around_the_words_in_a_search_and_whole_when_read(home):
    text = "a " * 5000 + "needle " + "b " * 5000
    identity = (await home.call("notes.create", title="Long", text=text))["id"]
    [found] = (await home.call("notes.search", query="needle"))["notes"]
    assert "needle" in found["text"]
    assert len(found["text"]) <= 2002
    assert len((await home.call("notes.read", id=identity))["text"]) > 20_000


async def test_one_search_finds_notes_files_and_mail_at_once(home):
    hits = (await home.call("search.everywhere", query="boiler"))["hits"]
    assert {hit["kind"] for hit in hits} == {"note", "file"}
    assert "7395" in hits[0]["snippet"]
    assert [h["kind"] for h in (await home.call("search.everywhere", query="invoice"))["hits"]] == ["mail"]


WRITES = [
    ("contacts.add", {"name": "Ann"}),
    ("calendar.create", {"title": "x", "date": "2026-11-22", "time": "10:00"}),
    ("calendar.cancel", {"id": "sample-01@umi.invalid"}),
    ("mail.send", {"to": "a@example.org", "subject": "s", "body": "b"}),
    ("notes.create", {"title": "x", "text": "y"}),
]


@pytest.mark.parametrize(("name", "arguments"), WRITES)
async def test_a_full_disk_is_said_plainly_and_leaves_everything_as_it_was(
    home, name, arguments, monkeypatch, tmp_path
):
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = files()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    # Not a real full disk: that takes a file system of its own, which a test run may not mount.
    monkeypatch.setattr(os, "fsync", full)
    failed = await home.failure(name, **arguments)
    assert failed.kind is FailureKind.ERROR
    assert "is full" in failed.detail
    assert files() == before


async def test_a_file_system_without_hard_links_still_never_overwrites(home, monkeypatch):
    def refused(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    ids = [(await home.call("notes.create", title="Twice", text=text))["id"] for text in ("one", "two")]
    assert ids == ["twice", "twice-2"]
    assert (await home.call("notes.read", id="twice"))["text"].endswith("one\n")


async def test_concurrent_writers_lose_nothing(home):
    created = await asyncio.gather(
        *(home.call("notes.create", title="Same", text=str(number)) for number in range(20))
    )
    texts = [(await home.call("notes.read", id=one["id"]))["text"].split()[-1] for one in created]
    assert sorted(texts, key=int) == [str(number) for number in range(20)]


async def test_the_laptops_own_zone_counts_when_none_is_configured(home):
    local = Home(HomeConfig.under(home.config.notes.parent))
    created = await local.call("calendar.create", title="Now", date="2026-12-05", time="09:00")
    events = (await local.call("calendar.list", date="2026-12-05"))["events"]
    [event] = [event for event in events if event["id"] == created["id"]]
    expected = datetime(2026, 12, 5, 9).astimezone(UTC)
    assert datetime.fromisoformat(event["start"]) == expected
