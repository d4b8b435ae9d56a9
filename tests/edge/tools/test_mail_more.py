"""Mail's further tools: found by anything, replied to, sent on, with copies."""

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.edge.tools.test_builtin import Home, home_under
from umi_edge.tools.outcome import FailureKind


def put(root: Path, name: str, *, body: str = "Hello", **headers: str) -> None:
    message = EmailMessage()
    for key, value in headers.items():
        message[key.replace("_", "-")] = value
    message.set_content(body)
    if "scan" in name:
        message.add_attachment(b"%PDF-1", maintype="application", subtype="pdf", filename="scan.pdf")
    path = root / "mail" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(message.as_bytes())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    for folder in ("cur", "new", "tmp"):
        (tmp_path / "mail" / folder).mkdir(parents=True)
    put(
        tmp_path, "cur/1600000000.a:2,S", From="Ida Berg <ida@example.org>", To="me@example.org", Subject="Rent",
        Date="Mon, 23 Nov 2026 10:00:00 +0100", Message_ID="<b@x>", References="<a@x> <bad id> <c@x>",
        body="It is 950.",
    )  # fmt: skip
    put(
        tmp_path, "new/1600000001.scan", From="Bo <bo@example.org>", To="us@example.org", Cc="me@example.org",
        Subject="Scan", Date="Tue, 24 Nov 2026 23:30:00 +0000", body="See the file.",
    )  # fmt: skip
    return home_under(tmp_path, more=True)


async def subjects(home: Home, **asked: Any) -> list[str]:
    return [one["subject"] for one in (await home.call("mail.search", **asked))["messages"]]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["Scan", "Rent"]),
        ({"query": "950"}, ["Rent"]),
        ({"sender": "ida"}, ["Rent"]),
        ({"recipient": "us@"}, ["Scan"]),
        ({"recipient": "me@example.org"}, ["Scan", "Rent"]),
        ({"unread": True}, ["Scan"]),
        ({"unread": False}, ["Rent"]),
        ({"attachments": True}, ["Scan"]),
        ({"when": "2026-11-23"}, ["Rent"]),
        ({"when": "2026-11-25"}, ["Scan"]),  # in Paris it is past midnight
        ({"when": "2026-11-20/2026-11-30"}, ["Scan", "Rent"]),
        ({"sender": "ida", "unread": True}, []),
    ],
)
async def test_mail_is_found_by_any_of_these(home: Home, asked: dict[str, Any], found: list[str]) -> None:
    assert await subjects(home, **asked) == found


def sent(home: Home) -> EmailMessage:
    (path,) = (home.config.outbox / "new").iterdir()
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)  # type: ignore[return-value]


async def letter(home: Home, subject: str) -> dict[str, Any]:
    return next(one for one in (await home.call("mail.search"))["messages"] if one["subject"] == subject)


async def test_a_reply_goes_to_the_sender_and_belongs_to_the_conversation(home: Home) -> None:
    rent = await letter(home, "Rent")
    await home.call("mail.reply", id=rent["id"], to=rent["from"], body="I paid.")
    reply = sent(home)
    assert (reply["To"], reply["Subject"]) == ("Ida Berg <ida@example.org>", "Re: Rent")
    assert (reply["In-Reply-To"], reply["References"]) == ("<b@x>", "<a@x> <c@x> <b@x>")
    assert reply.get_content() == "I paid.\n"


@pytest.mark.parametrize("to", ["eve@example.org", "Ida Berg <eve@example.org>", "Ida Berg"])
async def test_a_reply_goes_to_nobody_else(home: Home, to: str) -> None:
    rent = await letter(home, "Rent")
    failed = await home.failure("mail.reply", id=rent["id"], to=to, body="I paid.")
    assert failed.kind is FailureKind.INVALID_ARGUMENTS
    assert not home.config.outbox.exists()


async def test_a_letter_goes_on_with_what_it_says_and_the_files_that_came_with_it(home: Home) -> None:
    scan = await letter(home, "Scan")
    await home.call(
        "mail.forward",
        id=scan["id"],
        subject="Scan",
        to=["a@example.org"],
        cc="b@example.org",
        body="For you",
    )
    onward = sent(home)
    assert (onward["To"], onward["Cc"], onward["Subject"]) == ("a@example.org", "b@example.org", "Fwd: Scan")
    body = onward.get_body(("plain",))
    assert body is not None
    said = body.get_content()
    assert said.startswith("For you\n\n---------- Forwarded message")
    assert "From: Bo <bo@example.org>\n" in said
    assert said.rstrip().endswith("See the file.")
    (file,) = onward.iter_attachments()
    assert (file.get_filename(), file.get_content_type(), file.get_content()) == (
        "scan.pdf", "application/pdf", b"%PDF-1",
    )  # fmt: skip


async def test_only_the_letter_that_the_user_is_told_of_goes_on(home: Home) -> None:
    scan = await letter(home, "Scan")
    failed = await home.failure("mail.forward", id=scan["id"], subject="Rent", to="a@example.org")
    assert failed.kind is FailureKind.INVALID_ARGUMENTS
    assert not home.config.outbox.exists()


async def test_copies_are_sent_and_checked_as_recipients_are(home: Home) -> None:
    said = {"to": "a@example.org", "subject": "Hi", "body": "x"}
    assert (await home.failure("mail.send", **said, cc="b\r\nBcc: c@example.org")).kind
    await home.call("mail.send", **said, cc=["b@example.org", "C D <c@example.org>"])
    assert sent(home)["Cc"] == "b@example.org, C D <c@example.org>"


async def test_a_reply_to_a_letter_without_an_id_has_no_thread_and_one_mark(
    home: Home, tmp_path: Path
) -> None:
    put(tmp_path, "new/1700000000.x", From="Bo <bo@example.org>", Subject="RE: Tea")
    tea = await letter(home, "RE: Tea")
    await home.call("mail.reply", id=tea["id"], to="bo@example.org", body="Yes")
    assert (sent(home)["Subject"], sent(home)["References"]) == ("RE: Tea", None)


CARDS = """BEGIN:VCARD
VERSION:3.0
FN:Rosa Diaz
NICKNAME:Rosi
EMAIL:rosa@example.org
NOTE:mother
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:Lars Olsen
TITLE:landlord
EMAIL:lo@example.org
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:Emil Berg
END:VCARD
"""


@pytest.fixture
def known(tmp_path: Path, home: Home) -> Home:
    (tmp_path / "contacts").mkdir()
    (tmp_path / "contacts" / "all.vcf").write_text(CARDS)
    put(
        tmp_path,
        "cur/1600000002.c:2,S",
        From="R. D. <Rosa@example.org>",
        To="lo@example.org",
        Subject="Sunday",
    )
    put(
        tmp_path,
        "cur/1600000003.d:2,S",
        From='"Emil Berg" <e@example.net>',
        To="me@example.org",
        Subject="Hi",
    )
    put(
        tmp_path,
        "cur/1600000004.e:2,S",
        From="Rosamund <x@example.net>",
        To="me@example.org",
        Subject="Other",
    )
    return home_under(tmp_path, more=True)


@pytest.mark.parametrize(
    ("asked", "found", "taken_for"),
    [
        ({"sender": "mum"}, ["Sunday"], ["Rosa Diaz"]),
        ({"sender": "Rosi"}, ["Sunday"], ["Rosa Diaz"]),
        ({"recipient": "the landlord"}, ["Sunday"], ["Lars Olsen"]),
        ({"sender": "mum", "recipient": "the landlord"}, ["Sunday"], ["Rosa Diaz", "Lars Olsen"]),
        ({"sender": "the landlord"}, [], ["Lars Olsen"]),  # he wrote nothing
        ({"sender": "Emil"}, ["Hi"], None),  # a letter has the name itself
        ({"sender": "rosa"}, ["Sunday"], None),  # and where one has it whole, no longer name is meant
        ({"sender": "my brother"}, [], None),
    ],
)
async def test_people_are_found_as_the_user_calls_them(
    known: Home, asked: dict[str, str], found: list[str], taken_for: list[str] | None
) -> None:
    told = await known.call("mail.search", **asked)
    assert [one["subject"] for one in told["messages"]] == found
    assert told.get("taken_for") == taken_for


@pytest.mark.parametrize(
    ("query", "found", "taken_for"),
    [
        ("mum", ["Sunday"], ["Rosa Diaz"]),  # no letter has the word: whom it means has written
        ("rent 950", ["Rent"], None),
        ("the latest about the rent", ["Rent"], None),
        ("rent 950 Lisbon", ["Rent"], None),  # more than half of the words
        ("rent Lisbon", [], None),
        ("Lisbon", [], None),
        ("the landlord", [], None),  # he wrote nothing
    ],
)
async def test_words_that_no_letter_has_mean_who_wrote_or_the_most_of_them(
    known: Home, query: str, found: list[str], taken_for: list[str] | None
) -> None:
    told = await known.call("mail.search", query=query)
    assert [one["subject"] for one in told["messages"]] == found
    assert told.get("taken_for") == taken_for


STRANGER = '"Mum" <mum@stranger.example>'


@pytest.mark.parametrize("asked", [{"sender": "mum"}, {"query": "mum"}, {"sender": "Rosi"}])
async def test_who_calls_themselves_so_does_not_hide_whom_the_user_calls_so(
    tmp_path: Path, known: Home, asked: dict[str, str]
) -> None:
    name = STRANGER.replace("Mum", "Rosi") if asked == {"sender": "Rosi"} else STRANGER
    put(tmp_path, "cur/1700000001.m:2,S", From=name, To="me@example.org", Subject="Send money")
    told = await known.call("mail.search", **asked)
    assert [one["subject"] for one in told["messages"]] == ["Sunday", "Send money"]
    assert told["taken_for"] == ["Rosa Diaz"]


async def test_a_name_that_a_stranger_has_taken_is_behind_the_contacts_own_address(
    tmp_path: Path, known: Home
) -> None:
    put(tmp_path, "cur/1500000001.m:2,S", From="Rosa Diaz <rosa@example.org>", Subject="Old")
    put(tmp_path, "cur/1700000001.m:2,S", From="Rosa Diaz <rosa@stranger.example>", Subject="Send money")
    told = await known.call("mail.search", sender="Rosa Diaz")
    assert [one["subject"] for one in told["messages"]] == ["Sunday", "Old", "Send money"]


async def test_without_an_address_book_people_have_the_names_that_letters_give_them(home: Home) -> None:
    assert await home.call("mail.search", sender="mum") == {"messages": []}
