"""Letters as the world's mail programs leave them: where they lie, in what order they come, what they say.

The outside cases (../shared/cases/08 to 11) have the values that are right.
"""

import base64
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.edge.tools.test_documents import pdf
from umi_edge.tools.builtin import HomeConfig, builtin_tools, mail_folders
from umi_edge.tools.builtin import folder as folder_module
from umi_edge.tools.builtin.mail import Mailbox, MailConfig
from umi_edge.tools.builtin.mail_composed import address, compose
from umi_edge.tools.builtin.mail_folders import StoredLetter
from umi_edge.tools.builtin.mail_message import parse
from umi_edge.tools.catalogue import Catalogue
from umi_edge.tools.outcome import ToolFailure
from umi_edge.tools.runner import RunLimits, Succeeded, run_tool

CASES = Path(__file__).parents[4] / "shared" / "cases"
outside = pytest.mark.skipif(not CASES.is_dir(), reason="the outside cases are not here (../shared/cases)")

RENT = b"""From: Ida Berg <ida@example.org>
To: me@example.org
Subject: Rent
Date: Mon, 23 Nov 2026 10:00:00 +0100

The rent is 950 euros.
"""
FLAGS = "!2,S" if os.name == "nt" else ":2,S"


def mailbox(folder: Path) -> Mailbox:
    return Mailbox(MailConfig(folder=folder, outbox=folder / "outbox"))


def put(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def mbox(*letters: bytes, first: bytes = b"From ida@example.org Mon Nov 23 10:00:00 2026\n") -> bytes:
    return b"\n".join(first + letter for letter in letters)


LAYOUTS = {
    "a Maildir": {f"cur/1764000000.1.laptop{FLAGS}": RENT},
    "not yet seen": {"new/1764000000.1.laptop": RENT},
    "Maildir++": {f".Archive.2026/cur/1764000000.1.laptop{FLAGS}": RENT},
    "mbsync, verbatim": {f"Archive/cur/1764000000.1_1.laptop,U=1{FLAGS}": RENT},
    "offlineimap, sep=/": {f"INBOX/Archive/cur/1764000000.1_1.laptop,U=1{FLAGS}": RENT},
    "accounts side by side": {
        f"work/INBOX/cur/1764000000.1.laptop{FLAGS}": RENT,
        "home/INBOX/new/.keep": b"",
    },
    "a folder of a Maildir": {"cur/.keep": b"", f"Archive/cur/1764000000.1.laptop{FLAGS}": RENT},
    "Thunderbird's Maildir": {"ImapMail/example.org/INBOX/cur/1764000000.eml": RENT, "INBOX.msf": b"// <!--"},
    "Thunderbird's mbox": {
        "Mail/Local Folders/Archives.sbd/2026": mbox(RENT, first=b"From - Mon Nov 23 10:00:00 2026\n"),
        "Mail/Local Folders/Archives.msf": b"// <!-- <mdb:mork:z v=1.4/> -->",
    },
    "Google's export": {"All mail.mbox": mbox(RENT, first=b"From 18@xxx Mon Nov 23 10:00:00 +0000 2026\r\n")},
    "letters as files": {"2026/rent.eml": RENT},
}


@pytest.mark.parametrize("files", LAYOUTS.values(), ids=LAYOUTS)
def test_a_letter_is_found_wherever_its_program_puts_it_and_read_by_the_id_that_it_has(tmp_path, files):
    for name, content in files.items():
        put(tmp_path, name, content)
    letters, lost = mailbox(tmp_path).messages()
    assert [letter.body.strip() for letter in letters] == ["The rent is 950 euros."]
    assert lost == ()
    assert mailbox(tmp_path).read(letters[0].id) == (letters[0], False)


def test_letters_of_an_mbox_file_are_told_apart_and_what_was_thrown_away_is_not_shown(tmp_path):
    letters = [
        b"Message-ID: <%d@x>\nX-Mozilla-Status: %s\nSubject: %d\n\nFrom here on\n\nFrom me to you\n"
        % (n, status, n)
        for n, status in enumerate([b"0001", b"0009", b"0000"])
    ]
    put(tmp_path, "INBOX", mbox(*letters))
    found, _ = mailbox(tmp_path).messages()
    assert {letter.subject for letter in found} == {"0", "2"}
    assert all("From me to you" in letter.body for letter in found)
    put(tmp_path, "INBOX", mbox(*letters[1:]))  # tidied up
    assert mailbox(tmp_path).read(found[0].id)[0].subject == "2"


def test_a_letter_in_the_bin_of_a_maildir_is_not_shown(tmp_path):
    put(tmp_path, f"cur/1764000000.1.laptop{FLAGS}T", RENT)
    assert mailbox(tmp_path).messages() == ([], ())


def test_links_and_hidden_folders_are_left_alone(tmp_path):
    put(tmp_path, "elsewhere/cur/1764000000.1.laptop", RENT)
    put(tmp_path, "elsewhere/INBOX", mbox(RENT))
    put(tmp_path, "mail/.notmuch/rent.eml", RENT)
    put(tmp_path, "mail/cur/.keep", b"")
    if os.name != "nt":
        (tmp_path / "mail" / "Archive").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "mail" / "INBOX").symlink_to(tmp_path / "elsewhere" / "INBOX")
        (tmp_path / "mail" / "new").symlink_to(tmp_path / "elsewhere" / "cur")
    assert mailbox(tmp_path / "mail").messages() == ([], ())


def test_the_newest_letter_comes_first_whatever_its_file_is_called(tmp_path):
    for name, day in {"1764000000.7_9.x": 9, "1764000000.7_10.x": 10, "1764000000.7_11.x": 8}.items():
        put(tmp_path, f"cur/{name}", RENT.replace(b"23 Nov", b"%d Nov" % day))
    put(
        tmp_path, "cur/1763000000.1.x", RENT.replace(b"23 Nov 2026", b"01 Jan 2099")
    )  # nobody's clock is that wrong
    put(tmp_path, "cur/1762000000.1.x", RENT.replace(b"Date", b"X-Date"))
    dates = [letter.date[:10] if letter.date else None for letter in mailbox(tmp_path).messages()[0]]
    assert dates == ["2026-11-10", "2026-11-09", "2026-11-08", "2099-01-01", None]


def text(kind: str, content: bytes, *more: bytes) -> bytes:
    return b"\n".join((b"Content-Type: " + kind.encode(), *more, b"", content))


def several(kind: str, *parts: bytes) -> bytes:
    inside = b"".join(b"--b%d\n" % len(parts) + part + b"\n" for part in parts)
    return text(f'multipart/{kind}; boundary="b{len(parts)}"', inside + b"--b%d--" % len(parts))


SAYS = b"The rent is 950 euros."
PAGE = text("text/html", b"<head><title>x</title></head><body><!-- > --><p>The rent is <b>950</b> euros.</p>")
PDF = text("application/pdf", b"JVBERi0=", b"Content-Disposition: attachment; filename=a.pdf")
INVITATION = b"\r\n".join(
    [
        b"BEGIN:VCALENDAR",
        b"METHOD:REQUEST",
        b"BEGIN:VEVENT",
        b"SUMMARY:Dentist\\, at last",
        b"DTSTART;TZID=Europe/Paris:20261123T100000",
        b'ORGANIZER;CN="Ida: B":mailto:ida@example.org',
        b"END:VEVENT",
        b"END:VCALENDAR",
    ]
)
BODIES = {
    "plain": text("text/plain", SAYS),
    "no content type": b"\n" + SAYS,
    "UTF-8 without a charset": (b"\n" + "Müller kommt. サーバ".encode(), "Müller kommt. サーバ"),
    "UTF-8 called ASCII": (text("text/plain; charset=us-ascii", "Müller".encode()), "Müller"),
    "Windows-1252 called Latin-1": (text("text/plain; charset=iso-8859-1", b"950 \x80"), "950 €"),
    "Chinese": (text("text/plain; charset=gb2312", "鎔基".encode("gb18030")), "鎔基"),
    "a blank text and a page": several("alternative", text("text/plain", b" \n"), PAGE),
    "a text and a page": several("alternative", text("text/plain", SAYS), text("text/html", b"<p>other</p>")),
    "a page only": PAGE,
    "a page whose charset stands in it": (
        text("text/html", b'<meta charset="iso-8859-1"><p>M\xfcller</p>'),
        "Müller",
    ),
    "a page with pictures": several("related", PAGE, text("image/png", b"aaaa")),
    "several texts": (
        several(
            "mixed",
            text("text/plain", b"See the photo:"),
            text("image/png", b"aaaa"),
            text("text/plain", SAYS),
        ),
        "See the photo:\n\nThe rent is 950 euros.",
    ),
    "forwarded": (
        several("mixed", text("text/plain", b"see below"), b"Content-Type: message/rfc822\n\n" + RENT),
        "see below\n\nFrom: Ida Berg <ida@example.org>\nDate: Mon, 23 Nov 2026 10:00:00 +0100\nSubject: Rent\n\n"
        "The rent is 950 euros.",
    ),
    "base64": text("text/plain", base64.encodebytes(SAYS), b"Content-Transfer-Encoding: base64"),
    "quoted-printable": text(
        "text/plain", b"The rent is =\n950 euros.", b"Content-Transfer-Encoding: quoted-printable"
    ),
    "flowed": text("text/plain; format=flowed", b"The rent is \n950 euros."),
    "an unknown encoding": text("text/plain", SAYS, b"Content-Transfer-Encoding: x-none"),
    "a lost boundary": text("multipart/mixed", SAYS),
    "with a file": several("mixed", text("text/plain", SAYS), PDF),
    "a text file beside it": several(
        "mixed",
        text("text/plain", SAYS),
        text("text/plain", b"log", b"Content-Disposition: attachment; filename=log.txt"),
    ),
    "an invitation": (
        text("text/calendar; method=REQUEST", INVITATION),
        "Invitation: Dentist, at last\nStart: 2026-11-23 10:00\nOrganizer: ida@example.org",
    ),
    "a page and an invitation": (
        several("alternative", PAGE, text("text/calendar", INVITATION)),
        "The rent is 950 euros.\n\nInvitation: Dentist, at last\nStart: 2026-11-23 10:00\nOrganizer: ida@example.org",
    ),
    "more parts in parts than anybody writes": (
        b"Content-Type: multipart/mixed; boundary=x\n\n" + b"boundary=x\n" * 600,
        ("boundary=x\n" * 600).strip(),
    ),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"], ids=["unix", "network"])
def test_a_letter_says_what_its_reader_reads(body, ends):
    content, says = body if isinstance(body, tuple) else (body, SAYS.decode())
    if INVITATION not in content:
        content = content.replace(b"\n", ends)
    letter = parse("x", b"From: ida@example.org" + ends + content)
    assert letter is not None
    assert letter.body.strip() == says


def test_attachments_are_named():
    named = text("image/png", b"aaaa", b"Content-Disposition: attachment; filename*=utf-8''M%C3%BCller.png")
    encoded = text(
        "application/msword", b"aaaa", b'Content-Disposition: attachment; filename="=?utf-8?q?B=C3=BC.doc?="'
    )
    letter = parse(
        "x",
        b"From: a\n"
        + several("mixed", text("text/plain", SAYS), named, encoded, PDF, text("image/gif", b"")),
    )
    assert letter is not None
    assert [one.name for one in letter.attachments] == ["Müller.png", "Bü.doc", "a.pdf", "image/gif"]


def test_a_large_letter_is_read_by_its_head_and_its_text(tmp_path):
    file = several(
        "mixed", text("text/plain", SAYS), PDF.replace(b"JVBERi0=", base64.encodebytes(bytes(6_000_000)))
    )
    put(tmp_path, "cur/1764000000.1.x", b"From: ida@example.org\n" + file)
    [letter] = mailbox(tmp_path).messages()[0]
    assert (letter.body, [one.name for one in letter.attachments]) == (SAYS.decode(), ["a.pdf"])


def test_a_file_that_did_not_change_is_not_read_again_and_one_that_did_is(tmp_path, monkeypatch):
    put(tmp_path, "cur/1764000000.1.x", RENT)
    put(tmp_path, "INBOX", mbox(RENT, RENT.replace(b"950", b"940")))
    box = mailbox(tmp_path)
    monkeypatch.setattr(folder_module, "_SETTLED_SECONDS", -1)
    assert len(box.messages()[0]) == 3
    looked: list[Path] = []
    monkeypatch.setattr(StoredLetter, "head", lambda one, limit: looked.append(one.path) or (b"", False))
    monkeypatch.setattr(mail_folders, "_mbox", lambda *_: pytest.fail("looked through again"))
    assert len(box.messages()[0]) == 3
    assert looked == []
    monkeypatch.undo()
    monkeypatch.setattr(folder_module, "_SETTLED_SECONDS", -1)
    put(tmp_path, "cur/1764000000.1.x", RENT.replace(b"Rent", b"Loan"))
    put(tmp_path, "INBOX", mbox(RENT))
    assert {one.subject for one in box.messages()[0]} == {"Loan", "Rent"}


def test_a_file_that_has_just_been_written_is_read_again(tmp_path):
    put(tmp_path, "INBOX", mbox(RENT))
    box = mailbox(tmp_path)
    assert "950" in box.messages()[0][0].body
    put(tmp_path, "INBOX", mbox(RENT.replace(b"950", b"940")))  # within the clock's tick, of the same size
    assert "940" in box.messages()[0][0].body


def test_what_is_kept_of_letters_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_module, "_SETTLED_SECONDS", -1)
    for n in range(3):
        put(tmp_path, f"cur/176400000{n}.1.x", RENT)
    box = Mailbox(MailConfig(folder=tmp_path, outbox=tmp_path, max_kept_characters=60))
    looked: list[str] = []
    read = StoredLetter.head
    monkeypatch.setattr(StoredLetter, "head", lambda one, limit: looked.append(one.id) or read(one, limit))
    assert len(box.messages()[0]) == len(box.messages()[0]) == 3
    assert looked[:3] == ["1764000002.1.x", "1764000001.1.x", "1764000000.1.x"]
    assert looked[3:] == ["1764000000.1.x"]


def test_what_is_not_read_is_told(tmp_path):
    put(tmp_path, "cur/1764000001.1.x", b"\x00")
    for n in range(3):
        put(tmp_path, f"cur/176400000{n + 2}.1.x", RENT)
    box = Mailbox(MailConfig(folder=tmp_path, outbox=tmp_path, max_files=2))
    assert [str(one) for one in box.messages()[1]] == [
        f"{tmp_path.name}: only the newest 2 of its 4 letters are searched"
    ]
    assert [str(one) for one in mailbox(tmp_path).messages()[1]] == [
        "cur/1764000001.1.x: it is no e-mail, or cannot be read"
    ]


async def test_what_is_attached_is_read_by_the_converter_of_files_and_what_is_not_is_told(tmp_path):
    def file(kind: str, name: str, content: bytes) -> bytes:
        head = b"Content-Disposition: attachment; filename=" + name.encode()
        return text(kind, base64.encodebytes(content), b"Content-Transfer-Encoding: base64", head)

    letter = several(
        "mixed",
        text("text/plain", SAYS),
        file("application/octet-stream", "lease.pdf", pdf("The deposit is 1,900 euros")),
        file("text/csv", "rooms.csv", b"room,euros\nkitchen,40\n"),
        file("image/png", "house.png", b"\x89PNG\x00"),
        file("application/zip", "all.zip", b"PK\x03\x04nothing"),
        file("text/plain", "long.txt", b"x" * 200_000),
    )
    put(tmp_path, "cur/1764000000.1.x", b"From: ida@example.org\n" + letter)
    read = Catalogue(builtin_tools(replace_home(tmp_path)))["mail.read"]
    outcome = await run_tool(read, {"id": "1764000000.1.x"}, RunLimits(call_seconds=60))
    assert isinstance(outcome, Succeeded)
    attached = {one["name"]: one.get("text", "") for one in outcome.value["attachments"]}
    assert list(attached) == ["lease.pdf", "rooms.csv", "house.png", "all.zip", "long.txt"]
    assert attached["lease.pdf"].strip() == "The deposit is 1,900 euros"
    assert attached["rooms.csv"] == "room,euros\nkitchen,40\n"
    assert attached["house.png"] == attached["all.zip"] == ""
    assert len(attached["long.txt"]) < 100_000
    assert [one.where for one in outcome.lost] == ["all.zip", "long.txt"]


def replace_home(folder: Path) -> HomeConfig:
    return replace(HomeConfig.under(folder / "nowhere"), mail=folder)


async def test_what_stands_behind_the_limit_of_a_search_is_read_with_the_letter(tmp_path):
    padding = PDF.replace(b"JVBERi0=", base64.encodebytes(bytes(5_000_000)))
    note = text("text/plain", b"behind it", b"Content-Disposition: attachment; filename=n.txt")
    put(tmp_path, "cur/1764000000.1.x", b"From: a@example.org\n" + several("mixed", padding, note))
    letter, is_cut = mailbox(tmp_path).read("1764000000.1.x")
    assert not is_cut
    assert letter.attachments[-1].content == b"behind it"
    small = Mailbox(MailConfig(folder=tmp_path, outbox=tmp_path, max_read_bytes=1 << 20))
    letter, is_cut = small.read("1764000000.1.x")
    assert is_cut
    assert [one.name for one in letter.attachments] == ["a.pdf"]


SENDERS = {
    b'"Berg, Ida" <ida@example.org>': '"Berg, Ida" <ida@example.org>',
    b"Dr. Ida Berg <ida@example.org>": '"Dr. Ida Berg" <ida@example.org>',
    b"=?utf-8?Q?M=C3=BCller=2C_Uwe?= <ida@example.org>": '"Müller, Uwe" <ida@example.org>',
    b'"=?utf-8?Q?M=C3=BCller?=" <ida@example.org>': "Müller <ida@example.org>",
    b'"ida@example.org" <ida@example.org>': "ida@example.org",
    b'"eve@example.org" <ida@example.org>': '"eve@example.org" <ida@example.org>',
    b"ida@example.org (Ida)": "Ida <ida@example.org>",
    b'"Ida \\"Idi\\" Berg" <ida@example.org>': '"Ida \\"Idi\\" Berg" <ida@example.org>',
    "Müller <ida@example.org>".encode(): "Müller <ida@example.org>",
    b"M\xfcller <ida@example.org>": "Müller <ida@example.org>",
    b"=?x-none?Q?M=C3=BCller?= <ida@example.org>": "Müller <ida@example.org>",
}


@pytest.mark.parametrize(("raw", "shown"), SENDERS.items(), ids=SENDERS.values())
def test_a_reply_to_a_sender_as_it_is_shown_goes_to_that_one_address(raw, shown):
    letter = parse("x", b"From: " + raw + b"\nSubject: Rent\n\nx")
    assert letter is not None
    assert letter.sender == shown
    assert address(letter.sender).addr_spec == "ida@example.org"
    reply = compose(to=[letter.sender], subject="x", body="y", sender="")
    assert [one.addr_spec for one in reply["To"].addresses] == ["ida@example.org"]


@given(
    st.lists(
        st.sampled_from(['"', "\\", "<", ">", "@", ",", ";", " ", "a", "b.org", "a@b.org", "(", ":"]),
        max_size=9,
    )
)
def test_what_is_taken_for_one_address_goes_to_one_address(pieces):
    text = "".join(pieces)
    try:
        taken = address(text)
    except ToolFailure:
        return
    letter = compose(to=[text], subject="x", body="y", sender="")
    assert [one.addr_spec for one in letter["To"].addresses] == [taken.addr_spec]
    bare = text.strip().rpartition("<")[2].removesuffix(">")
    assert taken.addr_spec == bare


HOSTILE = {
    "nested comments": b"From: " + b"(" * 60_000 + b"\n\nx",
    "encoded words": b"From: a\nSubject: " + b"=?utf-8?q?a?= " * 4_000 + b"\n\nx",
    "comments that never end": b"From: a\nContent-Type: text/html\n\n" + b"<!--" * 900_000,
    "flowed": b"From: a\nContent-Type: text/plain; format=flowed\n\n" + b"a \n" * 1_200_000,
    "letters in letters": b"From: a\n" + b"Content-Type: message/rfc822\n\n" * 50_000,
    "events": b"From: a\nContent-Type: text/calendar\n\n" + b"BEGIN:VEVENT\n" * 300_000,
    "parameters": b"From: a\nContent-Type: text/calendar\n\nBEGIN:VEVENT\n" + b";a" * 500_000,
    "parts": b"From: a\n"
    + b"".join(b"Content-Type: multipart/mixed; boundary=a%d\n\n--a%d\n" % (i, i) for i in range(50_000)),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_letter_made_to_keep_a_parser_busy_does_not(content):
    begun = time.process_time()
    parse("x", content[: 4 << 20])
    assert time.process_time() - begun < 10  # minutes, where a step is quadratic


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"From: a\n", b"Content-Type: multipart/mixed; boundary=a\n"]),
)
def test_any_bytes_are_a_letter_or_none(content, before):
    letter = parse("x", before + content)
    if letter is not None:
        shown = [
            letter.sender,
            letter.to,
            letter.cc,
            letter.subject,
            letter.body,
            *(a.name for a in letter.attachments),
        ]
        "".join(shown).encode()


@outside
@pytest.mark.parametrize("layout", ["verbatim", "mbox"])
def test_the_outside_layouts_are_read(layout, tmp_path):
    shutil.copytree(CASES / "08-mail-folder-layouts" / layout / "mail", tmp_path / "mail")
    [letter] = mailbox(tmp_path / "mail").messages()[0]
    assert "950 euros" in letter.body


@outside
def test_the_outside_letters_come_in_order_and_say_what_they_say():
    newest = mailbox(CASES / "10-newest-letter" / "mail").messages()[0][0]
    assert "910 euros" in newest.body
    bodies = CASES / "11-letter-bodies"
    plain, empty = (
        parse("x", (bodies / f"{name}.eml").read_bytes()) for name in ("utf8-no-charset", "empty-plain")
    )
    assert plain is not None
    assert plain.body.strip() == "Müller kommt. サーバ"
    assert empty is not None
    assert empty.body == "The rent is 950 euros."
    run = subprocess.run([sys.executable, bodies / "large-attachment.py"], capture_output=True, check=True)
    large = parse("x", run.stdout[: 4 << 20])
    assert large is not None
    assert large.body.strip() == "The rent is 950 euros."


@outside
def test_a_reply_reaches_each_of_the_outside_senders():
    for sender in (CASES / "09-reply-to-quoted-name" / "senders.txt").read_text("utf-8").splitlines():
        letter = parse("x", f"From: {sender}\n\nx".encode())
        assert letter is not None
        assert address(letter.sender).addr_spec in ("ida@example.org", "uwe@example.org")
