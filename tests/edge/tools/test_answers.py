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
    assert found["text"].endswith(": Seats 14 and 15, 60 euros.")


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


@pytest.mark.parametrize(
    "question",
    [
        "what does tomorrow look like, am I in court?",
        "do i have something on the twenty third",
        "monday?",
        "anything from 9 to 5 on Monday?",
    ],
)
async def test_what_there_is_on_a_day_is_told_of_the_calendar_of_that_day(home: Home, question: str) -> None:
    (home.config.mail / "b.eml").write_text(
        "From: Ute Vogel <ute@example.org>\nSubject: Tomorrow\nDate: Tue, 03 Nov 2026 10:00:00 +0000\n\n"
        "Tomorrow the court has something for you.\n"
    )
    for title, day in (("Dentist", "2026-11-23"), ("Choir", "2026-11-23"), ("Court hearing", "2026-11-24")):
        await home.call("calendar.create", title=title, date=day, time="18:00")
    found = (await home.call("search.answer", question=question))["answers"]
    assert [one["title"] for one in found] == ["Choir", "Dentist"]
    assert all("Monday 2026-11-23" in one["text"] for one in found)


async def test_a_day_without_events_is_no_day_of_anothers(home: Home) -> None:
    await home.call("calendar.create", title="Choir", date="2026-11-24", time="18:00")
    (home.config.notes / "free.md").write_text("# Free\n\nI am free tomorrow, wrote Ann.\n")
    assert (await home.call("search.answer", question="am I free tomorrow"))["answers"] == []


async def test_the_second_of_two_questions_is_answered_beside_the_day(home: Home) -> None:
    await home.call("calendar.create", title="Choir", date="2026-11-23", time="18:00")
    asked = "which seats do I have for the concert, and is there anything in the calendar tomorrow?"
    found = (await home.call("search.answer", question=asked))["answers"]
    assert [one["title"] for one in found] == ["Choir", "Concert"]


async def test_where_an_event_is_finds_it(home: Home) -> None:
    await home.call("calendar.create", title="Tasting", date="2026-12-03", time="10:00", location="Fleurie")
    (home.config.notes / "fleurie.md").write_text("# Fleurie 2024\n\nThe wine of Fleurie is good.\n")
    found = (await home.call("search.answer", question="When I am in Fleurie?"))["answers"]
    assert found[0]["title"] == "Tasting"


async def test_a_row_of_a_table_is_told_with_the_names_of_its_columns(home: Home) -> None:
    (home.config.files[0] / "marks.csv").write_text("course,work,mark\nN2,lab report 1,15/20\nN2,exam,61\n")
    (found,) = (await home.call("search.answer", question="mark of lab report 1"))["answers"]
    assert found["text"] == "course: N2, work: lab report 1, mark: 15/20"


async def test_a_table_of_many_quotation_marks_holds_nobody_up(home: Home) -> None:
    (home.config.files[0] / "marks.csv").write_text('course,"work",mark\n' + '"' * 3000 + "x\nN2,exam,61\n")
    assert (await home.call("search.answer", question="mark of exam"))["answers"]


async def test_a_guest_with_a_name_of_any_length_holds_nobody_up(home: Home) -> None:
    guest = f"ATTENDEE;CN={'a' * 200_000}:mailto:a@example.org"
    (home.config.calendar / "exam.ics").write_text(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1@x\nSUMMARY:Exam\nDTSTART:20261203T090000Z\n"
        f"{guest}\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    assert (await home.call("search.answer", question="when is the exam"))["answers"]


async def test_what_is_not_read_is_counted_once(home: Home) -> None:
    (home.config.calendar / "broken.ics").write_text("no calendar")
    assert (await home.call("search.answer", question="do I have anything on 2026-12-03?"))["skipped"] == 1


async def test_who_wrote_a_letter_is_told_where_it_is_asked_for_a_person(home: Home) -> None:
    found = (await home.call("search.answer", question="who got seats for the concert"))["answers"][0]
    assert found["text"] == "Ute Vogel <ute@example.org>: Seats 14 and 15, 60 euros."


async def test_a_text_without_half_of_the_words_is_not_sure_and_the_next_is_told_beside_it(
    home: Home,
) -> None:
    (home.config.notes / "wifi.md").write_text("# Wi-Fi password\n\nThe Wi-Fi password is torte-8.\n")
    (home.config.notes / "trip.md").write_text("# Trip\n\nA tent in Xanadu.\n")
    found = (await home.call("search.answer", question="wifi password of the tent in Xanadu"))["answers"]
    assert [(one["title"], one["sure"]) for one in found] == [("Wi-Fi password", False), ("Trip", False)]
    (found,) = (await home.call("search.answer", question="wifi password"))["answers"]
    assert found["sure"]


async def test_a_month_is_found_in_the_figures_of_a_table(home: Home) -> None:
    (home.config.files[0] / "time.csv").write_text(
        "day,client,hours\n2026-08-05,Okada,3.5\n2026-09-03,Okada,5.5\n"
    )
    (found,) = (await home.call("search.answer", question="hours on okada in september"))["answers"]
    assert found["text"] == "day: 2026-09-03, client: Okada, hours: 5.5"


async def test_nothing_that_tells_of_it_is_no_answer(home: Home) -> None:
    assert await home.call("search.answer", question="zebra crossing?") == {"answers": []}


async def test_without_more_tools_there_is_no_such_tool(tmp_path: Path) -> None:
    assert "search.answer" not in {tool.name for tool in home_under(tmp_path).tools}


async def test_the_inside_of_a_text_is_asked_for_and_a_card_of_the_same_word_is_no_answer(home: Home) -> None:
    await home.call(
        "contacts.add", name="Lea Fontaine", company="Piano school Fontaine", phone="+44 7700 900034"
    )
    (home.config.notes / "exams.md").write_text("# Exams\n\nThe fee for piano grade 3 is 52 pounds.\n")
    (found,) = (await home.call("search.answer", question="piano exam fee"))["answers"]
    assert (found["kind"], found["title"]) == ("note", "Exams")


async def test_words_with_a_short_beginning_are_found_with_a_hyphen_and_without(home: Home) -> None:
    (home.config.notes / "wifi.md").write_text("# Wi-Fi at home\n\nkabeljau-52\n")
    (home.config.notes / "bank.md").write_text("# Password of the bank\n\nIs in the safe.\n")
    found = (await home.call("search.answer", question="wifi password"))["answers"]
    assert "Wi-Fi at home" in {one["title"] for one in found}


async def test_all_who_are_at_a_place_are_told_where_it_is_asked_who_is(home: Home) -> None:
    for name in ("Emi Sato", "Kenji Mori", "Ada Bell"):
        await home.call("contacts.add", name=name, company="Okada Robotics")
    found = (await home.call("search.answer", question="which of my contacts are with Okada?"))["answers"]
    assert {one["title"] for one in found} == {"Emi Sato", "Kenji Mori", "Ada Bell"}


async def test_the_number_of_the_place_of_an_event_is_told(home: Home) -> None:
    await home.call("contacts.add", name="a", phone="+49 1")
    await home.call("contacts.add", name="Werft Hansen", phone="+49 4122 555031")
    await home.call(
        "calendar.create",
        title="Boat to winter storage",
        date="2026-12-03",
        time="10:00",
        location="Werft Hansen, Hamburg",
    )
    asked = "the yard that takes our boat, what's their phone number?"
    found = (await home.call("search.answer", question=asked))["answers"][0]
    assert (found["kind"], found["title"]) == ("contact", "Werft Hansen")


async def test_each_of_two_questions_is_answered_by_its_own(home: Home) -> None:
    await home.call("contacts.add", name="Marty Gray", phone="+44 7700 900331")
    await home.call("contacts.add", name="Martin Price", phone="+44 7700 900332")
    (home.config.notes / "fair.md").write_text(
        "# Fair\n\nStalls at the fair. Tombola: Marty. Cakes: Claire.\n"
    )
    found = (await home.call("search.answer", question="marty's number and his stall at the fair"))["answers"]
    assert {one["title"] for one in found} >= {"Marty Gray", "Fair"}
    assert found[0]["title"] == "Marty Gray"


@pytest.mark.parametrize(
    ("question", "days"),
    [
        ("is there band practice tomorrow or not?", []),
        ("is band practice on Tuesday?", ["Tuesday 2026-11-24"]),
        ("what time is band practice on the 24th", ["Tuesday 2026-11-24"]),
        ("what time is band practice next week", ["Tuesday 2026-11-24"]),
    ],
)
async def test_whether_and_when_a_thing_is_on_a_day_is_told_of_that_day(
    home: Home, question: str, days: list[str]
) -> None:
    for title, day in (
        ("Band practice", "2026-11-24"),
        ("Dentist", "2026-11-23"),
        ("Band practice", "2026-12-08"),
    ):
        await home.call("calendar.create", title=title, date=day, time="18:00")
    found = (await home.call("search.answer", question=question))["answers"]
    assert [one["text"][: len("Tuesday 2026-11-24")] for one in found] == days
    assert all(one["title"] == "Band practice" for one in found)


async def test_a_thing_that_no_event_is_called_by_is_looked_for_in_texts_on_any_day(home: Home) -> None:
    await home.call("calendar.create", title="Dentist", date="2026-11-23", time="18:00")
    (home.config.notes / "water.md").write_text("# Water\n\nThe water is off tomorrow from 9 to 12.\n")
    found = (await home.call("search.answer", question="is the water off tomorrow?"))["answers"]
    assert [one["title"] for one in found] == ["Water"]


async def test_something_from_somebody_about_a_day_is_a_letter_and_no_event_of_the_day(home: Home) -> None:
    (home.config.mail / "c.eml").write_text(
        "From: Mairie <marches@example.org>\nSubject: 14 juillet\nDate: Tue, 03 Nov 2026 10:00:00 +0000\n\n"
        "Le marche est annule.\n"
    )
    await home.call("calendar.create", title="Elise is away", date="2027-07-14", time="10:00")
    asked = "is there something from the town hall about the fourteenth of july market"
    assert (await home.call("search.answer", question=asked))["answers"][0]["title"] == "14 juillet"


@pytest.mark.parametrize(
    ("question", "titles"),
    [
        ("bond number?", {"Oliver Bond", "bond-receipt.txt"}),
        ("bond number? it's on that receipt", {"bond-receipt.txt"}),
        ("the number of Oliver Bond", {"Oliver Bond"}),
    ],
)
async def test_a_number_may_be_a_things_and_is_looked_for_where_it_is_said_to_stand(
    home: Home, question: str, titles: set[str]
) -> None:
    await home.call("contacts.add", name="Oliver Bond", phone="+61 491 572 549")
    (home.config.files[0] / "bond-receipt.txt").write_text(
        "Bond lodged 2,190 dollars, number B-2025-88104.\n"
    )
    found = (await home.call("search.answer", question=question))["answers"]
    assert {one["title"] for one in found} == titles


async def test_a_second_thing_stands_in_place_of_the_first_and_is_told_before_it(home: Home) -> None:
    for title, day in (("STAT20029 exam", "2026-12-16"), ("NEUR20004 exam", "2026-12-12")):
        await home.call("calendar.create", title=title, date=day, time="09:00")
    (home.config.notes / "neuro.md").write_text("# Sheet\n\nNeuro: axons and the exam of 2024.\n")
    found = (await home.call("search.answer", question="when's the stats exam and neuro?"))["answers"]
    assert [one["title"] for one in found][:2] == ["NEUR20004 exam", "STAT20029 exam"]


async def test_everybody_of_a_company_is_told_whatever_else_their_cards_say_of_work(home: Home) -> None:
    (home.config.contacts / "per.vcf").write_text(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Per Lind\nORG:Nordvatten\nTITLE:Works manager\nEND:VCARD\n"
    )
    await home.call("contacts.add", name="Priya Raman", phone="+46 2", company="Nordvatten")
    asked = "Who is from my contacts working by Nordvatten?"
    found = (await home.call("search.answer", question=asked))["answers"]
    assert {one["title"] for one in found} == {"Per Lind", "Priya Raman"}


async def test_what_a_note_says_of_itself_is_no_part_of_an_answer(home: Home) -> None:
    (home.config.notes / "party.md").write_text(
        "---\ntitle: Party\ncreated: 2026-02-15\ntags: [party]\n---\n\nGuests: Mai, Leo.\nCake: Bloom.\n"
    )
    (found,) = (await home.call("search.answer", question="which colour has the party?"))["answers"]
    assert "created" not in found["text"]
    assert "Guests: Mai, Leo." in found["text"]


async def test_a_short_text_with_the_words_that_is_told_whole_is_sure(home: Home) -> None:
    (home.config.notes / "p40.md").write_text(
        "# P40 impeller\n\nSeven blades, 184 mm diameter. Duplex steel.\n"
    )
    (found,) = (await home.call("search.answer", question="what is the diameter of the P40 impeller"))[
        "answers"
    ]
    assert found["sure"]
    long = "\n\n".join(f"Part {n} is a part of {n} things that are not said here." for n in range(20))
    (home.config.notes / "p40.md").write_text(f"# P40 impeller\n\nSeven blades, diameter open.\n\n{long}\n")
    found = (await home.call("search.answer", question="which steel is the P40 impeller of"))["answers"][0]
    assert not found["sure"]
