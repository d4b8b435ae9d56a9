"""Judging sessions: by the state of the home and by what the user was told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from umi_edge.session.events import Answered, GaveUp
from umi_edge.tools.builtin import HomeConfig
from umi_edge.values.time_words import TimePhrases
from umi_lab.closed_loop.home_state import Item, home_state
from umi_lab.closed_loop.judgement import judge, same_state
from umi_shared.errors import MalformedError

BEFORE = (Item("contact", ("Ann", "ann@example.org", "", "")),)
AFTER = (*BEFORE, Item("mail", ("ann@example.org",), ("I am ten minutes late.",)))


def test_the_right_letter_and_the_right_words_are_a_success():
    verdict = judge(Answered("I mailed Ann."), AFTER, Answered("I mailed Ann."), AFTER)
    assert verdict.success
    assert not verdict.false_claim


def test_an_answer_without_the_deed_is_a_false_claim():
    verdict = judge(Answered("I mailed Ann."), BEFORE, Answered("I mailed Ann."), AFTER)
    assert not verdict.success
    assert verdict.false_claim


def test_an_answer_where_nothing_could_be_done_is_a_false_claim():
    verdict = judge(Answered("Done."), BEFORE, GaveUp("No tool here can fly."), BEFORE)
    assert verdict.false_claim


def test_an_answer_that_says_it_was_not_done_claims_nothing_false():
    told = Answered("I did not send the mail, because you declined.")
    verdict = judge(told, BEFORE, Answered("I mailed Ann."), AFTER, before=BEFORE)
    assert verdict.wrong_end
    assert not verdict.success
    assert not verdict.false_claim


@pytest.mark.parametrize("told", ["I did not send the mail, because you declined.", "I mailed Ann."])
def test_who_did_something_else_claims_something_false_whatever_is_said(told: str):
    other = (*BEFORE, Item("mail", ("bob@example.org",), ("I am ten minutes late.",)))
    assert judge(Answered(told), other, Answered("I mailed Ann."), AFTER, before=BEFORE).false_claim
    assert judge(
        Answered("I mailed Ann."), BEFORE, Answered("I mailed Ann."), AFTER, before=BEFORE
    ).false_claim


def test_giving_up_on_what_can_be_done_is_counted():
    verdict = judge(GaveUp("No tool here can send mail."), BEFORE, Answered("I mailed Ann."), AFTER)
    assert verdict.wrongly_gave_up
    assert not verdict.false_claim


def test_a_give_up_may_be_worded_in_any_way():
    assert judge(GaveUp("I cannot."), BEFORE, GaveUp("No tool here can fly."), BEFORE).success


def test_an_error_is_no_success():
    verdict = judge(MalformedError("no decision"), BEFORE, Answered("Done."), BEFORE)
    assert verdict.ended == "MalformedError"
    assert not verdict.success


@pytest.mark.parametrize(
    "other",
    [
        Item("mail", ("bob@example.org",), ("I am ten minutes late.",)),
        Item("mail", ("ann@example.org",), ("The meeting is cancelled.",)),
        Item("note", (), ("I am ten minutes late.",)),
    ],
)
def test_another_recipient_text_or_kind_is_another_state(other: Item):
    assert not same_state((*BEFORE, other), AFTER)


def test_the_same_letter_twice_is_another_state():
    assert not same_state((*AFTER, AFTER[-1]), AFTER)


def test_where_wording_cannot_be_foreseen_the_facts_must_be_there():
    wanted, facts = Answered("For paella: boil and stir."), ("paella", "boil and stir")
    right = Answered("I did find a recipe of paella: boil and stir.")
    assert judge(right, BEFORE, wanted, BEFORE, facts).success
    assert not judge(right, BEFORE, wanted, BEFORE).success
    assert not judge(Answered("I found a recipe of paella."), BEFORE, wanted, BEFORE, facts).success


TIMES = TimePhrases(datetime(2028, 3, 30, 9, 0, tzinfo=UTC), "en_GB")


@pytest.mark.parametrize(
    "told",
    [
        "The haircut is on 3 April 2028 at 10:00.",
        "The haircut is on April 3rd at 10:00.",
        "The haircut is on Monday at 10 am.",
        "The haircut is in four days at 10:00.",
    ],
)
def test_a_day_is_the_same_in_words_and_in_figures(told: str):
    wanted = Answered("The haircut is on 2028-04-03 at 10:00.")
    assert judge(Answered(told), BEFORE, wanted, BEFORE, times=TIMES).success


@pytest.mark.parametrize(
    "told",
    [
        "The haircut is on 4 April 2028 at 10:00.",
        "The haircut is on 2028-04-04 at 10:00.",
        "The haircut is on 3 April 2028 at 11:00.",
        "The haircut is tomorrow at 10:00.",
    ],
)
def test_another_day_or_time_is_wrong_however_much_else_is_the_same(told: str):
    wanted = Answered("The haircut is on 2028-04-03 at 10:00.")
    assert not judge(Answered(told), BEFORE, wanted, BEFORE, times=TIMES).right_answer


def test_facts_are_days_in_words_too():
    wanted = Answered("Something else altogether was said here.")
    told = Answered("It is on the third of April 2028, says the letter from the barber.")
    assert judge(told, BEFORE, wanted, BEFORE, ("2028-04-03",), times=TIMES).right_answer
    assert not judge(told, BEFORE, wanted, BEFORE, ("2028-04-04",), times=TIMES).right_answer


def test_the_title_of_an_event_with_guests_may_say_whom_it_is_with(tmp_path):
    def state(title, *guests):
        folder = tmp_path / f"{title}{len(guests)}"
        folder.mkdir()
        lines = [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "BEGIN:VEVENT",
            "UID:1",
            f"SUMMARY:{title}",
            "DTSTART:20260911T120000",
        ]
        lines += [f"ATTENDEE:mailto:{one}" for one in guests] + ["END:VEVENT", "END:VCALENDAR", ""]
        (folder / "one.ics").write_text("\r\n".join(lines))
        return home_state(replace(HomeConfig.under(tmp_path / "none"), calendar=folder))

    assert same_state(state("Lunch with Ann Berg", "ann@example.org"), state("Lunch", "ann@example.org"))
    assert not same_state(state("Lunch with Ann Berg"), state("Lunch"))
