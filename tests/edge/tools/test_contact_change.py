"""Contacts are found by whatever is known of them, and changed line by line: all else in the file stays as it was."""

from pathlib import Path

import pytest

from tests.edge.tools.test_builtin import Home, home_under
from umi_edge.tools.outcome import FailureKind

CARDS = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann Berg\r\nN:Berg;Ann;;;\r\nUID:ann\r\nNICKNAME:Nan\r\n"
    "EMAIL;TYPE=HOME:ann@example.org\r\nEMAIL;TYPE=WORK;PREF=1:ann@work.example\r\n"
    "TEL;TYPE=FAX:+1 555 0100\r\nitem1.TEL;TYPE=CELL:+1 555\r\n  0101\r\nitem1.X-ABLabel:mine\r\n"
    "ORG:Nordlys\\, Ltd;Roofs\r\nTITLE:Roofer\r\nADR;TYPE=HOME:;;12 Elm Row;Leith;;;\r\nX-OWN:kept\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;Uwe\r\n"
    "TEL;CELL:0151 1\r\nTITLE:Notary\r\nEND:VCARD\r\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "contacts").mkdir()
    (tmp_path / "contacts" / "all.vcf").write_bytes(CARDS.encode())
    return home_under(tmp_path, more=True)


def text(home: Home) -> str:
    return (home.config.contacts / "all.vcf").read_bytes().decode()


async def found(home: Home, query: str) -> list[str]:
    return [match["name"] for match in (await home.call("contacts.search", name=query))["matches"]]


@pytest.mark.parametrize(
    "query", ["Nan", "nordlys", "roofer", "0101", "elm row", "ann roofer", "ann@work.example", "Roofs"]
)
async def test_a_person_is_found_by_any_field(home: Home, query: str) -> None:
    assert await found(home, query) == ["Ann Berg"]


async def test_a_name_counts_more_than_what_else_is_known(home: Home) -> None:
    home.config.contacts.joinpath("b.vcf").write_text(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Bo Roofer\nN:Roofer;Bo\nEND:VCARD\n"
    )
    assert await found(home, "roofer") == ["Bo Roofer"]


async def test_without_more_tools_a_search_is_as_before(home: Home) -> None:
    plain = home_under(home.config.contacts.parent)
    assert await found(plain, "roofer") == []
    (match,) = (await plain.call("contacts.search", name="Ann"))["matches"]
    assert "id" not in match


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ({"phone": "+44 20 1"}, "item1.TEL;", "TEL:+44 20 1\r\nitem1.TEL;"),
        ({"email": "a@b.example"}, "EMAIL;TYPE=WORK", "EMAIL;PREF=1:a@b.example\r\nEMAIL;TYPE=WORK"),
        ({"company": "Berg; Söhne"}, "ORG:Nordlys\\, Ltd;Roofs", "ORG:Berg\\; Söhne;Roofs"),
        ({"role": "Painter"}, "TITLE:Roofer", "TITLE:Painter"),
    ],
)
async def test_a_change_writes_its_own_line_and_no_other(
    home: Home, change: dict[str, str], before: str, after: str
) -> None:
    (ann,) = (await home.call("contacts.search", name="Ann"))["matches"]
    assert ann["id"] == "ann"
    assert await home.call("contacts.change", id="ann", **change) == {"updated": True}
    assert text(home) == CARDS.replace(before, after, 1)


@pytest.mark.parametrize(
    "used",
    [
        "TEL;TYPE=HOME,PREF:+1 555 0101",
        "TEL;TYPE=PREF,HOME:+1 555 0101",
        "TEL;PREF=3;TYPE=home:+1 555 0101",
        "TEL;HOME;PREF:+1 555 0101",
        "TEL:+1 555 0101",
    ],
)
async def test_a_number_comes_before_those_that_are_there_and_none_is_lost(home: Home, used: str) -> None:
    cards = f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bo Ek\r\nUID:bo\r\nTEL:+1 555 0199\r\n{used}\r\nEND:VCARD\r\n"
    home.config.contacts.joinpath("bo.vcf").write_text(cards, newline="")
    (before,) = (await home.call("contacts.search", name="Bo Ek"))["matches"]
    await home.call("contacts.change", id="bo", phone="0151 2")
    (after,) = (await home.call("contacts.search", name="Bo Ek"))["matches"]
    assert after["phone"] == "0151 2"
    assert [one for one in after["phones"] if one["number"] != "0151 2"] == before["phones"]
    written = home.config.contacts.joinpath("bo.vcf").read_bytes().decode().splitlines()
    assert [line for line in written if not line.endswith("0151 2")] == cards.splitlines()


async def test_the_number_that_is_used_already_is_not_written_twice(home: Home) -> None:
    await home.call("contacts.change", id="ann", phone="+1 555 0101", role="Painter")
    assert text(home) == CARDS.replace("TITLE:Roofer", "TITLE:Painter", 1)


async def test_a_name_changes_in_both_its_lines(home: Home) -> None:
    await home.call("contacts.change", id="ann", name="Ann Ek")
    assert "FN:Ann Ek\r\nN:Ek;Ann;;;\r\n" in text(home)
    assert await found(home, "Ann Ek") == ["Ann Ek"]


async def test_what_a_card_does_not_have_yet_is_added(home: Home) -> None:
    (uwe,) = (await home.call("contacts.search", name="Uwe"))["matches"]
    assert uwe["id"] == "all.vcf#18"
    await home.call("contacts.change", id=uwe["id"], email="uwe@example.org", company="Bäder")
    (after,) = (await home.call("contacts.search", name="Uwe"))["matches"]
    assert (after["name"], after["email"], after["company"]) == ("Uwe Müller", "uwe@example.org", "Bäder")
    assert after["id"].startswith("urn:uuid:")  # so that it is known again
    assert text(home).startswith(CARDS[: CARDS.index("BEGIN:VCARD", 9)])
    assert "ORG;CHARSET=UTF-8:Bäder\r\n" in text(home)


async def test_nobody_else_is_changed(home: Home) -> None:
    for identity in ("nobody", "all.vcf#1", ""):
        failed = await home.failure("contacts.change", id=identity, phone="1")
        assert failed.kind in (FailureKind.NOT_FOUND, FailureKind.INVALID_ARGUMENTS)
    assert text(home) == CARDS


@pytest.mark.parametrize("wrong", [{}, {"phone": "1\r\nEND:VCARD"}, {"name": " "}])
async def test_a_part_is_one_line(home: Home, wrong: dict[str, str]) -> None:
    failed = await home.failure("contacts.change", id="ann", **wrong)
    assert failed.kind is FailureKind.INVALID_ARGUMENTS
    assert text(home) == CARDS


async def test_two_cards_with_one_id_are_not_told_apart_so_none_is_changed(home: Home) -> None:
    (home.config.contacts / "copy.vcf").write_bytes(CARDS.encode())
    assert (await home.failure("contacts.change", id="ann", phone="1")).kind is FailureKind.NOT_FOUND


async def test_what_cannot_be_written_safely_is_refused(home: Home) -> None:
    path = home.config.contacts / "all.vcf"
    path.write_bytes(CARDS.encode("utf-16"))
    assert (await home.failure("contacts.change", id="ann", phone="1")).kind is FailureKind.ERROR
    assert path.read_bytes() == CARDS.encode("utf-16")


@pytest.mark.parametrize(
    "given", [{"email": "<EMAIL>"}, {"phone": "<PHONE>"}, {"email": "ann", "phone": "1"}]
)
async def test_what_reaches_nobody_gets_onto_no_card(home: Home, given: dict[str, str]) -> None:
    for tool, who in (("contacts.add", {"name": "Bo Ek"}), ("contacts.change", {"id": "ann"})):
        failed = await home.failure(tool, **who, **given)
        assert failed.kind is FailureKind.INVALID_ARGUMENTS
    assert text(home) == CARDS
    assert not await found(home, "Bo Ek")
