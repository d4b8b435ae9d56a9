"""Address books as people have them: every card is read, and what cannot be is said."""

import os
import time
from pathlib import Path

import pytest

from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import Scanner, default_policy
from umi_edge.tools import Catalogue, Succeeded, run_tool
from umi_edge.tools.builtin.contact import Contact
from umi_edge.tools.builtin.contacts import AddressBook, ContactsConfig, Contents, tools
from umi_edge.tools.runner import RunLimits

CASES = Path(__file__).parents[3].parent / "shared" / "cases"
links = pytest.mark.skipif(os.name == "nt", reason="links take a privilege on Windows")


def card(*lines: str, version: str = "3.0", end: str = "\r\n") -> str:
    return end.join(("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""))


def book(folder: Path, **files: bytes | str) -> Contents:
    """What is in an address book of these files."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / f"{name}.vcf").write_bytes(data)
    return AddressBook(ContactsConfig(folder=folder)).read()


def one(folder: Path, content: bytes | str) -> Contact:
    """The one contact of a file that is read whole."""
    contents = book(folder, a=content)
    assert not contents.lost
    (contact,) = contents.contacts
    return contact


def names(contents: Contents) -> list[str]:
    return [contact.name for contact in contents.contacts]


def case(number: str) -> Path:
    found = next(CASES.glob(f"{number}-*"), None) if CASES.is_dir() else None
    if found is None:
        pytest.skip("the cases of ../shared are not here")
    return found


async def found(folder: Path, query: str) -> list[str]:
    search = tools(AddressBook(ContactsConfig(folder=folder)))[0]
    outcome = await run_tool(search, {"name": query}, RunLimits())
    assert isinstance(outcome, Succeeded)
    return [match["name"] for match in outcome.value["matches"]]


# Letters.


@pytest.mark.parametrize(
    "content",
    [
        card("FN:Uwe Müller").encode(),
        card("FN:Uwe Müller").encode("latin-1"),
        card("FN;CHARSET=ISO-8859-1:Uwe Müller", version="2.1").encode("latin-1"),
        card("FN;CHARSET=UTF-8:Uwe Müller", version="2.1").encode("latin-1"),
        card("FN;CHARSET=NO-SUCH-THING:Uwe Müller", version="2.1").encode(),
        b"\xef\xbb\xbf" + card("FN:Uwe Müller").encode(),
        card("FN:Uwe Müller").encode("utf-16"),
        card("FN:Uwe Müller").encode("utf-16-le"),
        card("FN:Uwe Müller").encode("utf-16-be"),
        card("FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Uwe M=C3=BCller", version="2.1").encode(),
        card("FN;QUOTED-PRINTABLE:Uwe M=FCller", version="2.1").encode(),
        card("FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Uwe M=C3=", "=BCller", version="2.1").encode(),
        card("FN;ENCODING=B:VXdlIE3DvGxsZXI=").encode(),
        card("FN:Uwe Müller").encode().replace(b"\xc3", b"\xc3\r\n "),
        card("FN:Uwe Mü", " ller").encode(),
        card("FN:Uwe Mu\u0308ller").encode(),
        card("FN:Uwe Müller", end="\n").encode(),
        card("FN:Uwe Müller", end="\r").encode(),
        card("item1.FN:Uwe Müller").encode(),
        card("fn:Uwe\u0000 Müller").encode(),
        card("FN:Uwe Müller").replace("BEGIN:VCARD", "begin:vcard").encode(),
    ],
)
def test_a_name_is_the_same_in_every_encoding_and_with_every_line_end(tmp_path, content):
    assert one(tmp_path, content).name == "Uwe Müller"


def test_letters_that_may_be_of_two_encodings_give_a_name_in_each(tmp_path):
    contact = one(tmp_path, card("FN:Jan Dvořák").encode("cp1250"))
    assert "Jan Dvořák" in contact.known_by()


def test_a_name_that_was_read_as_windows_1252_once_is_known_as_it_was_before(tmp_path):
    assert "Uwe Müller" in one(tmp_path, card("FN:Uwe Müller".encode().decode("cp1252"))).known_by()


@pytest.mark.parametrize(
    "content",
    [
        card("FN:Zoé Smith", "NOTE:é").encode().replace(b"Zo\xc3\xa9", b"Zo\xc3"),
        card("FN:Zo\ufffd Smith").encode(),
        card("FN:Иван Петров").encode("cp1251"),
        card("FN;ENCODING=B:VXdlIE3DvGxsZXI").encode(),
        card("FN:Zo", "Smith").encode(),
        card("FN:Ann", "NOTE:" + "x" * (2 << 20)).encode(),
        card("FN:Ann").encode("utf-16")[:-1],
    ],
)
def test_a_name_that_can_only_be_guessed_is_lost_and_the_other_cards_are_not(tmp_path, content):
    contents = book(tmp_path, a=content, b=card("FN:Bo Good"))
    assert "Bo Good" in names(contents)
    assert contents.lost
    assert all("a.vcf, line " in lost.where and lost.fix for lost in contents.lost)


def test_a_damaged_card_costs_its_name_alone(tmp_path):
    content = card("FN:Ann One") + card("FN:\ufffd Two") + card("FN:Cem Three")
    contents = book(tmp_path, a=content)
    assert {"Ann One", "Cem Three"} <= set(names(contents))
    assert [lost.where for lost in contents.lost] == [f"{tmp_path / 'a.vcf'}, line 5"]


# Cards.


def test_a_card_without_its_end_is_whole_where_another_one_follows(tmp_path):
    contents = book(tmp_path, a=card("FN:Ann One").replace("END:VCARD\r\n", "") + card("FN:Bo Two"))
    assert names(contents) == ["Ann One", "Bo Two"]
    assert not contents.lost


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n\r\n",
        b"name;address\r\nAnn;x\r\n",
        card("FN:Ann One").encode()[:-15],
        b"EGIN:VCARD\r\nFN:Ann\r\nEND:VCARD\r\n",
        bytes(range(256)),
    ],
)
def test_a_file_that_is_cut_off_or_holds_no_card_is_lost(tmp_path, content):
    assert book(tmp_path, a=content).lost


def test_a_card_inside_a_card_is_a_contact_of_its_own(tmp_path):
    inner = card("FN:Bo Agent", version="2.1")
    content = card("FN:Ann One", "AGENT:\r\n" + inner + "TEL:+47 900 00 001", version="2.1")
    contents = book(tmp_path, a=content)
    assert names(contents) == ["Ann One", "Bo Agent"]
    assert contents.contacts[0].phone == "+47 900 00 001"


def test_a_picture_of_any_size_costs_nothing(tmp_path):
    folded = "PHOTO;ENCODING=BASE64;JPEG:\r\n " + "\r\n ".join("A" * 76 for _ in range(40_000)) + "\r\n"
    content = (
        card("FN:Ann One", folded, "EMAIL:ann@example.org", version="2.1")
        + card("FN:Bo Two", "PHOTO:data:image/jpeg;base64," + "A" * (3 << 20), "TEL:1234567", version="4.0")
        + card("FN:Cem Three", "PHOTO;ENCODING=b;TYPE=png:data:image/png;base64,iVBORw0KGgo=")
    )
    contents = book(tmp_path, a=content)
    assert not contents.lost
    assert [(one.email, one.phone) for one in contents.contacts] == [
        ("ann@example.org", None),
        (None, "1234567"),
        (None, None),
    ]


def test_an_export_of_thousands_of_cards_is_read_whole(tmp_path):
    content = "".join(card(f"FN:Kari Nordmann{n}", f"NOTE:{'x' * 700}") for n in range(3000))
    contents = book(tmp_path, all=content)
    assert len(contents.contacts) == 3000
    assert not contents.lost


def test_a_line_that_lost_its_blank_belongs_to_the_text_before_it(tmp_path):
    contact = one(tmp_path, card("FN:Bo Broken", "NOTE:first", "a second line", "TEL:1234567"))
    assert (contact.name, contact.note, contact.phone) == ("Bo Broken", "first\na second line", "1234567")


# What a card says.


def test_several_numbers_and_addresses_keep_their_kinds_and_a_fax_is_never_the_number(tmp_path):
    contact = one(
        tmp_path,
        card(
            "FN:Ida Berg",
            "TEL;TYPE=WORK,FAX,PREF:1",
            "item1.TEL:2",
            "item1.X-ABLabel:_$!<HomeFAX>!$_",
            "TEL;TYPE=PAGER:3",
            "TEL;TYPE=HOME:4",
            "TEL;TYPE=CELL;PREF=1:5",
            "EMAIL;TYPE=HOME:home@example.org",
            "item2.EMAIL;TYPE=WORK;type=pref:MAILTO:work@example.org",
            "ADR;TYPE=WORK:;;Main Street 1\\, left;Bergen;;5003;Norway",
        ),
    )
    assert (contact.phone, contact.email) == ("5", "work@example.org")
    assert contact.as_found()["phones"] == [
        {"kind": "fax", "number": "1"},
        {"kind": "cell", "number": "5"},
        {"kind": "fax", "number": "2"},
        {"kind": "pager", "number": "3"},
        {"kind": "home", "number": "4"},
    ]
    assert contact.as_found()["addresses"] == [
        {"kind": "work", "address": "Main Street 1, left, Bergen, 5003, Norway"}
    ]


def test_a_fax_alone_is_no_number_to_call(tmp_path):
    found = one(tmp_path, card("FN:Ida Berg", "TEL;FAX:1", version="2.1")).as_found()
    assert found["phone"] is None
    assert found["phones"] == [{"kind": "fax", "number": "1"}]


def test_the_rest_of_a_card_is_told_where_there_is_any(tmp_path):
    contact = one(
        tmp_path,
        card(
            "FN:Dr. Ida Berg",
            "N:Berg;Ida;Maria;Dr.;",
            "NICKNAME:Ike,Mike",
            "X-ANDROID-CUSTOM:vnd.android.cursor.item/nickname;Idchen;1;;",
            "ORG:Acme\\, Inc.;Sales;North",
            "TITLE:Head\\; interim",
            "BDAY:19900412",
            "CATEGORIES:Friends,Choir",
            "NOTE:likes\\ntea",
        ),
    )
    assert contact.as_found() == {
        "name": "Dr. Ida Berg",
        "email": None,
        "phone": None,
        "company": "Acme, Inc.",
        "nicknames": ["Ike", "Mike", "Idchen"],
        "other_names": ["Ida Berg", "Ida Maria Berg"],
        "department": "Sales, North",
        "role": "Head; interim",
        "birthday": "1990-04-12",
        "categories": ["Friends", "Choir"],
        "note": "likes\ntea",
    }


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("BDAY:1990-04-12", "1990-04-12"),
        ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12", "--04-12"),
        ("BDAY;VALUE=date;X-APPLE-OMIT-YEAR=1604:1990-04-12", "1990-04-12"),
        ("BDAY:--0412", "--04-12"),
        ("BDAY:--04-12", "--04-12"),
        ("BDAY:1990-04-12T00:00:00Z", "1990-04-12T00:00:00Z"),
    ],
)
def test_a_birthday_without_a_year_is_told_without_one(tmp_path, line, day):
    assert one(tmp_path, card("FN:Ida Berg", line)).birthday == day


def test_a_plain_card_has_its_four_members_and_no_more(tmp_path):
    content = card("FN:Ann Lee", "N:Lee;Ann;;;", "EMAIL:ann@example.org", "TEL:1234567", "ORG:Acme")
    contact = one(tmp_path, content)
    assert contact.as_found() == contact.as_listed()
    assert list(contact.as_found()) == ["name", "email", "phone", "company"]


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["N:Berg;Ida;;;"], "Ida Berg"),
        (["FN:", "N:Berg;;;;"], "Berg"),
        (["ORG:Acme;Sales"], "Acme"),
        (["NICKNAME:Mike", "EMAIL:mike@example.org"], "Mike"),
        (["EMAIL:mike@example.org"], "mike@example.org"),
        (["TEL:+47 900"], "+47 900"),
        (["FN:Ida Berg", "FN:Ida Dahl"], "Ida Berg"),
    ],
)
def test_a_card_without_a_name_is_called_by_what_it_has(tmp_path, lines, name):
    assert one(tmp_path, card(*lines)).name == name


def test_every_name_on_a_card_is_one_that_it_is_known_by(tmp_path):
    contact = one(tmp_path, card("FN:Ida Berg", "FN:Ida Dahl", "SORT-STRING:Berg", "X-MAIDENNAME:Holm"))
    assert set(contact.known_by()) == {"Ida Berg", "Ida Dahl", "Berg", "Holm"}


@pytest.mark.parametrize(
    ("line", "related"),
    [
        ("RELATED;TYPE=spouse;VALUE=text:Pia Blum", ["Pia Blum"]),
        ("RELATED;TYPE=spouse;VALUE=text:Pia:Blum", ["Pia:Blum"]),
        ("RELATED;TYPE=spouse:Pia Blum", ["Pia Blum"]),
        ("RELATED;TYPE=friend:urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af", []),
        ("item1.X-ABRELATEDNAMES;type=pref:Pia Blum", ["Pia Blum"]),
        ("X-SPOUSE:Pia Blum", ["Pia Blum"]),
        ("X-MS-SPOUSE;CHARSET=Windows-1252:Pia Blum", ["Pia Blum"]),
        ("X-ASSISTANT:Pia Blum", ["Pia Blum"]),
        ("X-MS-MANAGER;ENCODING=QUOTED-PRINTABLE:Pia=20Bl=C3=BCm", ["Pia Blüm"]),
        ("X-EVOLUTION-SPOUSE:Pia Blum", ["Pia Blum"]),
        ("X-KADDRESSBOOK-X-SpouseName:Pia Blum", ["Pia Blum"]),
        ("X-CHILDREN:Pia,Tom", ["Pia,Tom", "Pia", "Tom"]),
        ("X-ANDROID-CUSTOM:vnd.android.cursor.item/relation;Pia Blum;14;;;", ["Pia Blum"]),
        ("X-ASSISTANT-TEL:+47 900", []),
    ],
)
def test_whom_a_card_names_beside_is_told_and_is_no_name_of_the_card(tmp_path, line, related):
    contact = one(tmp_path, card("FN:Ida Berg", line))
    assert contact.as_listed().get("related", []) == related
    assert list(contact.known_by()) == ["Ida Berg"]


def test_a_related_name_that_can_only_be_guessed_is_lost(tmp_path):
    assert book(tmp_path, a=card("FN:Ida Müller").encode() + b"").lost == ()
    damaged = card("FN:Ida Müller", "X-SPOUSE:@").encode().replace(b"@", b"Bl\xfcm")
    assert len(book(tmp_path, a=damaged).lost) == 1


async def test_the_default_policy_keeps_the_name_of_a_spouse(tmp_path):
    (tmp_path / "a.vcf").write_text(card("FN:Ida Berg", "X-MS-SPOUSE:Pia Blum"))
    catalogue = Catalogue(tools(AddressBook(ContactsConfig(folder=tmp_path))))
    policy = default_policy()
    scanner = Scanner.of(policy, (await load_gazetteers(policy, catalogue)).values)
    text = "Send it to Pia Blum, and to Pia"
    assert [text[one.start : one.end] for one in scanner.scan(text)] == ["Pia Blum", "Pia"]


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["KIND:group"], "group"),
        (["X-ADDRESSBOOKSERVER-KIND:group"], "group"),
        (["X-ABShowAs:COMPANY"], "org"),
        (["KIND:org"], "org"),
        (["KIND:individual"], ""),
        ([], ""),
    ],
)
def test_groups_and_companies_say_so(tmp_path, lines, kind):
    assert one(tmp_path, card("FN:Choir", *lines)).kind == kind


# Folders.


def test_a_folder_that_is_not_there_is_lost_and_one_that_is_empty_is_not(tmp_path):
    missing = AddressBook(ContactsConfig(folder=tmp_path / "nowhere")).read()
    assert [(lost.where, lost.why) for lost in missing.lost] == [
        (str(tmp_path / "nowhere"), "the folder is not there")
    ]
    assert book(tmp_path / "empty") == Contents((), ())


def test_a_folder_with_files_of_another_kind_alone_is_lost(tmp_path):
    (tmp_path / "contacts.csv").write_text("Ann Lee,ann@example.org")
    assert len(book(tmp_path).lost) == 1


def test_a_file_in_place_of_the_folder_is_lost(tmp_path):
    (tmp_path / "all.vcf").write_text(card("FN:Ann Lee"))
    assert AddressBook(ContactsConfig(folder=tmp_path / "all.vcf")).read().lost


def test_vcard_is_an_ending_too(tmp_path):
    (tmp_path / "a.VCARD").write_text(card("FN:Ann Lee"))
    assert names(book(tmp_path)) == ["Ann Lee"]


@links
def test_links_are_followed_inside_the_folder_and_said_where_they_lead_out(tmp_path):
    folder, outside = tmp_path / "contacts", tmp_path / "outside"
    for place in (folder / ".store", outside):
        place.mkdir(parents=True)
    (folder / ".store" / "ann").write_text(card("FN:Ann Inside"))
    (outside / "bo.vcf").write_text(card("FN:Bo Outside"))
    (folder / "cem.vcf").write_text(card("FN:Cem Here"))
    (folder / "ann.vcf").symlink_to(folder / ".store" / "ann")
    (folder / "again.vcf").symlink_to(folder / "cem.vcf")
    (folder / "bo.vcf").symlink_to(outside / "bo.vcf")
    (folder / "gone.vcf").symlink_to(outside / "nobody.vcf")
    (folder / "more").symlink_to(outside, target_is_directory=True)
    contents = book(folder)
    assert names(contents) == ["Ann Inside", "Cem Here"]
    assert {Path(lost.where).name for lost in contents.lost} == {"bo.vcf", "gone.vcf", "more"}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_may_not_be_read_is_lost(tmp_path):
    (tmp_path / "a.vcf").write_text(card("FN:Ann Lee"))
    (tmp_path / "a.vcf").chmod(0)
    assert book(tmp_path).lost


def test_more_files_and_larger_ones_than_the_limits_are_lost(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.vcf").write_text(card(f"FN:Ann {number}"))
    few = AddressBook(ContactsConfig(folder=tmp_path, max_files=2)).read()
    assert (len(few.contacts), len(few.lost)) == (2, 1)
    small = AddressBook(ContactsConfig(folder=tmp_path, max_file_bytes=10)).read()
    assert (len(small.contacts), len(small.lost)) == (0, 3)


def test_a_file_that_changed_is_read_again_and_one_that_did_not_is_not(tmp_path):
    file = tmp_path / "a.vcf"
    file.write_text(card("FN:Ann Lee"))
    contacts = AddressBook(ContactsConfig(folder=tmp_path))
    assert names(contacts.read()) == ["Ann Lee"]
    file.write_text(card("FN:Bea Lee"))
    assert names(contacts.read()) == ["Bea Lee"]
    old = time.time() - 100
    os.utime(file, (old, old))
    first, second = contacts.read(), contacts.read()
    assert first == second
    file.write_text(card("FN:Cem Lee"))
    assert names(contacts.read()) == ["Cem Lee"]


# Finding.


async def test_a_word_that_equals_beats_one_that_begins_and_one_that_contains(tmp_path):
    book(
        tmp_path,
        a=card("FN:Brian Abel") + card("FN:Ian Cox") + card("FN:Christina Ek") + card("FN:Tina Zorn"),
    )
    assert await found(tmp_path, "Ian") == ["Ian Cox"]
    assert await found(tmp_path, "Tina") == ["Tina Zorn"]
    assert await found(tmp_path, "Chris") == ["Christina Ek"]
    assert await found(tmp_path, "rian") == ["Brian Abel"]


async def test_somebody_is_found_by_nickname_address_number_and_company(tmp_path):
    content = card(
        "FN:Michael Smith", "NICKNAME:Ike,Mike", "EMAIL:ms@acme.example", "TEL:+33 6 39 98", "ORG:Acme"
    )
    book(tmp_path, a=content + card("FN:Ann Lee"))
    for query in ("Mike", "ike", "ms@acme.example", "0639 98"[1:], "Acme"):
        assert await found(tmp_path, query) == ["Michael Smith"], query
    assert await found(tmp_path, "nobody") == []


async def test_somebody_is_found_by_a_name_with_an_ending(tmp_path):
    people = ("Lena Marsh", "Paweł Nowak", "Matti Heikkinen", "Leo Marlow")
    book(tmp_path, a="".join(card(f"FN:{name}") for name in people))
    for query, name in (
        ("lenas", "Lena Marsh"),
        ("Pawłem", "Paweł Nowak"),
        ("heikkiseltä", "Matti Heikkinen"),
    ):
        assert await found(tmp_path, query) == [name], query


# The cases that others found.


def test_case_01_every_card_is_read():
    contents = AddressBook(ContactsConfig(folder=case("01") / "contacts")).read()
    assert {"Max Muster", "Uwe Müller", "Kari Nordmann", "Bo Broken", "Eva Holm"} <= set(names(contents))


def test_case_02_the_nickname_is_known():
    (contact,) = AddressBook(ContactsConfig(folder=case("02") / "contacts")).read().contacts
    assert contact.nicknames == ("Mike",)


def test_case_12_the_fax_is_no_phone_and_both_addresses_are_told():
    (contact,) = AddressBook(ContactsConfig(folder=case("12") / "contacts")).read().contacts
    assert contact.phone == "+47 900 00 002"
    assert [one.value for one in contact.emails] == ["ida.home@example.org", "ida.work@example.org"]


async def test_case_13_the_name_that_equals_is_found_first():
    folder = case("13") / ("contacts" if (case("13") / "contacts").is_dir() else "")
    assert await found(folder, "Ian") == ["Ian Cox"]
    assert await found(folder, "Tina") == ["Tina Zorn"]
