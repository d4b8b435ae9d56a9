"""A question is answered out of what the user has: by words of a text, which are sure or said not to be."""

from datetime import datetime
from pathlib import Path

import pytest

from tests.edge.tools.test_builtin import PARIS, Home, home_under


@pytest.fixture
def home(tmp_path: Path) -> Home:
    for folder in ("notes", "files", "mail", "contacts", "calendar"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notes/heating.md").write_text(
        "# Heating\n\nThe pressure is 1.4 bar.\n\nBleed it in autumn.\n"
    )
    (tmp_path / "files/car-rental.txt").write_text("Licence plate AB 123.\nTyres 2.4 bar.\n")
    head = "From: Ute Vogel <ute@example.org>\nTo: me@example.org\nSubject: Concert\nMessage-ID: <a@x>"
    (tmp_path / "mail/a.eml").write_text(
        f"{head}\nDate: Tue, 03 Nov 2026 10:00:00 +0000\n\nSeats 14 and 15, 60 euros.\n"
    )
    return home_under(tmp_path, more=True, now=lambda: datetime(2026, 11, 22, 9, tzinfo=PARIS))


async def test_a_question_finds_the_text_and_the_words_that_answer(home: Home) -> None:
    (found,) = (await home.call("search.answer", question="What pressure must the heating have?"))["answers"]
    assert (found["kind"], found["title"], found["sure"]) == ("note", "Heating", True)
    assert found["text"] == "The pressure is 1.4 bar."


@pytest.mark.parametrize("question", ["licence plate of the rented car?", "licnece plate"])
async def test_words_of_a_files_name_and_mistyped_words_are_found(home: Home, question: str) -> None:
    found = (await home.call("search.answer", question=question))["answers"][0]
    assert found["kind"] == "file"
    assert "AB 123" in found["text"]


async def test_what_stands_near_is_told_as_no_answer(home: Home) -> None:
    found = (await home.call("search.answer", question="who plays at the concert"))["answers"][0]
    assert (found["kind"], found["title"], found["sure"]) == ("mail", "Concert", False)
    assert found["text"] == "Seats 14 and 15, 60 euros."


async def test_people_and_events_are_found_by_what_they_are_and_told_whole(home: Home) -> None:
    await home.call("contacts.add", name="Bo Ek", phone="+46 8 1", company="Ek Roofs")
    await home.call("calendar.create", title="Roof inspection", date="2026-12-03", time="10:00")
    person = (await home.call("search.answer", question="phone number of the roof people"))["answers"][0]
    assert (person["kind"], person["title"], person["text"]) == (
        "contact",
        "Bo Ek",
        "Ek Roofs, +46 8 1 (other)",
    )
    event = (await home.call("search.answer", question="when is the roof inspection"))["answers"][0]
    assert event["kind"] == "event"
    assert "Thursday 2026-12-03T10:00+01:00" in event["text"]


async def test_whose_number_is_asked_for_is_told_by_what_they_wrote_and_no_fax(home: Home) -> None:
    (home.config.contacts / "ute.vcf").write_text(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Ute Vogel\nEMAIL:ute@example.org\nTEL;TYPE=fax:+49 1\nTEL;TYPE=cell:+49 2\n"
        "END:VCARD\n"
    )
    card = (await home.call("search.answer", question="phone number of the concert lady"))["answers"][0]
    assert (card["kind"], card["title"], card["text"]) == (
        "contact",
        "Ute Vogel",
        "+49 2 (cell), ute@example.org (other)",
    )


async def test_two_questions_in_one_get_what_is_around(home: Home) -> None:
    asked = "What pressure must the heating have and when do I bleed it?"
    found = (await home.call("search.answer", question=asked))["answers"][0]
    assert found["text"] == "The pressure is 1.4 bar.\n\nBleed it in autumn."


async def test_nothing_that_tells_of_it_is_no_answer(home: Home) -> None:
    assert await home.call("search.answer", question="zebra crossing?") == {"answers": []}


async def test_without_more_tools_there_is_no_such_tool(tmp_path: Path) -> None:
    assert "search.answer" not in {tool.name for tool in home_under(tmp_path).tools}
