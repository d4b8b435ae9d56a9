"""The judge: what passes, and everything that must not."""

from datetime import date
from typing import Any

import pytest

from umi_edge.session.events import Answered, GaveUp, Stopped
from umi_lab.natural.holdings import Change, Holding
from umi_lab.natural.judgement import Played, Verdict, how_it_ended, judge
from umi_lab.natural.request import Request, Wanted
from umi_shared.errors import LimitError

TODAY = date(2026, 11, 24)
FRIDAY = date(2026, 11, 27)


def request(**more: Any) -> Request:
    return Request(
        id="x-001", home="x", split="development", kind="reading", style="terse", turns=("?",), **more
    )


def verdict(
    asked: Request, answer: str = "", *changes: Change, ended: str = "answered", calls: Any = ()
) -> Verdict:
    return judge(asked, Played(ended=ended, answer=answer, changes=changes, calls=calls), TODAY)


def thing(kind: str, key: str = "k", /, **facts: str) -> Holding:
    return Holding(kind, key, tuple(facts.items()))


def event(title: str, start: str, end: str = "", guests: str = "") -> Holding:
    return thing("event", title=title, start=start, end=end or start, guests=guests)


def letter(to: str, text: str = "I am late") -> Change:
    return Change(after=thing("letter", to=to, subject="Hello", text=text))


def test_an_answer_states_one_fact_of_every_group() -> None:
    asked = request(says=(("156",), ("row 9", "ninth row")))
    assert verdict(asked, "It was 156 euros, row 9.").success
    assert verdict(asked, "It was 156 euros, in the ninth row.").success
    assert verdict(asked, "It was 156 euros.").lacks == ("row 9",)
    assert not verdict(asked, "It was 1560 euros, row 90.").success


def test_an_answer_states_nothing_that_is_wrong() -> None:
    asked = request(says=(("tel:+44 117 496 0142",),), says_not=("tel:+44 117 496 0143",))
    assert verdict(asked, "Phone: 0117 496 0142").success
    both = verdict(asked, "+44 117 496 0142 or +44 117 496 0143")
    assert both.says_wrongly == ("tel:+44 117 496 0143",)
    assert not both.success


@pytest.mark.parametrize(
    ("ending", "word"),
    [
        (Answered("It is at ten."), "answered"),
        (Answered("Which Martin, Keller or Voss?\n"), "asked"),
        (GaveUp("No tool here can do this."), "gave up"),
        (GaveUp("Do you mean Lars Hansen?"), "asked"),
        (Stopped("12 steps"), "stopped"),
        (LimitError("too long"), "LimitError"),
    ],
)
def test_an_end_that_asks_is_asking(ending: Any, word: str) -> None:
    assert how_it_ended(ending) == word


def test_a_question_that_quotes_what_was_sent_is_no_asking() -> None:
    told = Answered("I mailed Lachie: Is one o'clock fine?")
    assert how_it_ended(told, [letter("lachlan.reid@uni.example")]) == "answered"


def test_to_ask_is_right_only_where_it_is_said_to_be_and_names_what_to_choose_from() -> None:
    ambiguous = request(outcomes=("asked",), says=(("Keller", "Voss"),))
    assert verdict(ambiguous, "Keller or Voss?", ended="asked").success
    assert not verdict(ambiguous, "Which one?", ended="asked").success
    assert not verdict(ambiguous, "Keller has 0151.", ended="answered").success
    assert not verdict(request(says=(("Keller",),)), "Keller?", ended="asked").success


def test_an_answer_that_says_no_is_as_good_as_giving_up_while_nothing_was_done() -> None:
    impossible = request(outcomes=("gave up",))
    assert verdict(impossible, "No tool here can do this.", ended="gave up").success
    assert verdict(impossible, "I can’t print anything.").success
    assert not verdict(impossible, "It is printed.").success
    assert not verdict(impossible, "I cannot print, so I wrote.", letter("a@x.example")).success
    assert not verdict(request(), "I can't find it.", ended="gave up").success


def test_a_letter_goes_to_just_those_it_is_for() -> None:
    asked = request(
        changes=(Wanted(act="new", kind="letter", to=("a@x.example",), holds=(("late", "delay"),)),)
    )
    assert verdict(asked, "Sent.", letter("a@x.example")).success
    for wrong in (letter("b@x.example"), letter("a@x.example b@x.example"), letter("a@x.example", "Hi")):
        failed = verdict(asked, "Sent.", wrong)
        assert failed.not_done
        assert failed.unasked
        assert failed.false_claim
    twice = verdict(asked, "Sent.", letter("a@x.example"), letter("a@x.example", "I am late, again"))
    assert twice.not_done == ()
    assert twice.unasked == ("new letter a@x.example",)


def test_several_may_get_one_letter_or_one_each() -> None:
    both = ("a@x.example", "b@x.example")
    asked = request(changes=(Wanted(act="new", kind="letter", to=both),))
    assert verdict(asked, "", letter(" ".join(both))).success
    assert verdict(asked, "", letter(both[0]), letter(both[1])).success
    assert not verdict(asked, "", letter(both[0])).success


HAIRCUT = Wanted(act="new", kind="event", title=("haircut",), start="2026-11-27T17:30")


def test_an_event_is_at_its_time_with_nobody_invited_unasked() -> None:
    asked = request(changes=(HAIRCUT,), days=(FRIDAY,))
    assert verdict(asked, "", Change(after=event("Haircut", "2026-11-27T17:30"))).success
    late = verdict(asked, "", Change(after=event("Haircut", "2026-11-27T17:45")))
    assert late.not_done
    assert not late.wrong_day
    for other in (
        Change(after=event("Dentist", "2026-11-27T17:30")),
        Change(after=event("Haircut", "2026-11-27T17:30", guests="a@x.example")),
        Change(after=event("Haircut", "2026-11-27T17:30"), count=20),
    ):
        assert not verdict(asked, "", other).success


def test_an_event_on_another_day_is_told_as_such() -> None:
    asked = request(changes=(HAIRCUT,))
    failed = verdict(asked, "", Change(after=event("Haircut", "2022-08-31T17:30")))
    assert failed.wrong_day
    assert failed.unasked == ("new event Haircut 2022-08-31T17:30",)


def test_minutes_repetition_and_guests_count_where_they_are_asked_for() -> None:
    wanted = Wanted(
        act="new",
        kind="event",
        start="2026-11-27T17:00",
        minutes=90,
        repeats=True,
        guests=("a@x.example",),
    )
    asked = request(changes=(wanted,))
    good = event("Yoga", "2026-11-27T17:00", "2026-11-27T18:30", "a@x.example")
    assert verdict(asked, "", Change(after=good, count=20)).success
    assert not verdict(asked, "", Change(after=good)).success
    short = event("Yoga", "2026-11-27T17:00", "2026-11-27T18:00", "a@x.example")
    assert not verdict(asked, "", Change(after=short, count=20)).success


def test_a_move_may_keep_its_guests_and_must_take_the_old_one_away() -> None:
    asked = request(
        changes=(
            Wanted(act="gone", kind="event", title=("Review",), start="2026-11-26T10:00"),
            Wanted(act="new", kind="event", title=("Review",), start="2026-11-27T10:00"),
        )
    )
    old = Change(before=event("Review", "2026-11-26T10:00", guests="a@x.example"))
    new = Change(after=event("Review", "2026-11-27T10:00", guests="a@x.example"))
    assert verdict(asked, "", old, new).success
    assert verdict(asked, "", new).not_done == ("gone event Review 2026-11-26T10:00",)
    assert not verdict(asked, "", Change(before=old.before, count=9), new).success  # the whole series is gone


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ({"date": "2026-11-27"}, False),
        ({"date": "2022-11-27"}, True),
        ({"from": "2026-11-23", "to": "2026-11-29"}, False),
        ({"from": "2026-12-01", "to": "2026-12-31"}, True),
        ({"query": "dentist"}, False),
        ({"days": [{"on": "2026-11-28"}]}, True),
    ],
)
def test_a_list_is_of_the_day_that_is_meant(arguments: dict[str, Any], *, wrong: bool) -> None:
    asked = request(days=(FRIDAY,))
    assert verdict(asked, calls=(("calendar.list", arguments),)).wrong_day is wrong
    assert not verdict(asked, calls=(("notes.search", arguments),)).wrong_day
    assert not verdict(request(), calls=(("calendar.list", arguments),)).wrong_day


def test_to_look_at_another_day_and_not_find_it_is_a_wrong_day() -> None:
    asked = request(says=(("day:2026-11-27",),))
    looked = (("calendar.list", {"date": "2022-03-20"}),)
    assert verdict(asked, "You have nothing on 2022-03-20.", calls=looked).wrong_day
    assert not verdict(asked, "It is on 2026-11-27.", calls=looked).wrong_day
    ranged = (("calendar.search", {"query": "dentist", "from": "2026-11-24", "to": "2026-12-24"}),)
    assert not verdict(asked, "I found nothing.", calls=ranged).wrong_day


def test_adding_to_a_note_keeps_what_was_in_it() -> None:
    asked = request(changes=(Wanted(act="changed", kind="note", key="party", holds=(("Milo",),)),))
    before = thing("note", "party", text="Guests: Mai, Arjun, Poppy and Iris")
    more = thing("note", "party", text="Guests: Mai, Arjun, Poppy, Iris and Milo")
    assert verdict(asked, "", Change(before=before, after=more)).success
    alone = thing("note", "party", text="Milo")
    assert not verdict(asked, "", Change(before=before, after=alone)).success
    other = thing("note", "fair", text="Guests: Mai, Arjun, Poppy, Iris and Milo")
    assert not verdict(asked, "", Change(before=thing("note", "fair", text="Guests:"), after=other)).success


def test_a_contact_changes_in_what_was_asked_for_only() -> None:
    asked = request(changes=(Wanted(act="changed", kind="contact", name="Kalle", phone="0170 904"),))
    before = thing("contact", name="Kalle", phone="0170 903", email="k@x.example", note="berth 17")
    after = thing("contact", name="Kalle", phone="0170-904", email="k@x.example", note="berth 17")
    assert verdict(asked, "", Change(before=before, after=after)).success
    poorer = thing("contact", name="Kalle", phone="0170-904", email="k@x.example", note="")
    assert not verdict(asked, "", Change(before=before, after=poorer)).success
    assert not verdict(asked, "", Change(before=before, after=before)).success


def test_a_to_do_is_ticked_off_not_taken_away() -> None:
    asked = request(changes=(Wanted(act="changed", kind="todo", title=("gaskets",), done=True),))
    before = thing("todo", title="Order gaskets", due="2026-11-26", done="")
    after = thing("todo", title="Order gaskets", due="2026-11-26", done="yes")
    assert verdict(asked, "", Change(before=before, after=after)).success
    assert not verdict(asked, "", Change(before=before)).success
    assert not verdict(asked, "", Change(before=before, after=before)).success


def test_what_may_be_changed_is_no_harm_and_no_duty() -> None:
    asked = request(may=(Wanted(act="new", kind="todo", title=("form",)),))
    assert verdict(asked, "Done.").success
    assert verdict(asked, "Done.", Change(after=thing("todo", title="Sign the form"))).success
    assert not verdict(asked, "Done.", Change(after=thing("todo", title="Sign the letter"))).success
