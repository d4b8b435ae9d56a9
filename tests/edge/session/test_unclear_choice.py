"""What a call takes of several things, and whether the user's words tell it from the rest."""

import json
from datetime import UTC, datetime

import pytest

from umi_edge.labelling.text import LabelledEntry, Span, constant
from umi_edge.session.item_evidence import Said, picked, told
from umi_edge.session.pending_question import ASKED_BY_DEVICE
from umi_edge.session.unclear_choice import Turn, choices_of, turns_of
from umi_edge.values.time_words import TimePhrases
from umi_shared.handles import parts_of
from umi_shared.labels import Label, Locality
from umi_shared.transcript import Answer, Call, Clock, Instruction, Observation

NOW = TimePhrases(datetime(2026, 11, 25, 12, 0, tzinfo=UTC), "en_GB")
ANNA = {"name": "Anna Berg", "email": "anna@berg.example", "company": "Nordlys", "phone": "+45 20 12 34 56"}
BERGMANN = {
    "name": "Anna Bergmann",
    "email": "ab@fjord.example",
    "company": "Fjord",
    "note": "friend of Anna Berg",
}
LEE = {"name": "Anna", "email": "anna@lee.example", "company": None}
KEPT = Label.at(Locality.HANDLE)


def said(text: str, beside=()) -> Said:
    return Said(text, NOW, tuple(beside))


def meant(text: str, *items):
    return told(said(text), items)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("tell anna i am late", None),
        ("tell annas boss", None),
        ("tell Anna Berg i am late", 0),
        ("tell anna bergmann i am late", 1),
        ("tell anna from fjord i am late", 1),
        ("tell the anna of Nordlys", 0),
        ("write to ab@fjord.example", 1),
        ("call 20123456", 0),
        ("tell anna that berg is closed", 0),  # what stands beside a name may belong to it
        ("tell them", None),
    ],
)
def test_words_tell_one_of_two_people(text, number):
    assert meant(text, ANNA, BERGMANN) == number


def test_one_who_is_called_just_so_is_meant_before_those_of_whom_it_is_a_part():
    assert meant("tell anna i am late", ANNA, LEE) == 1


MOVES = [
    {"id": "a", "title": "Dentist", "start": "2026-11-27T15:00:00+00:00"},
    {"id": "b", "title": "Standup", "start": "2026-11-27T09:00:00+00:00"},
    {"id": "c", "title": "Dentist", "start": "2026-12-04T15:00:00+00:00"},
    {"id": "d", "title": "Dentist", "start": "2026-11-20T15:00:00+00:00"},
]


@pytest.mark.parametrize(
    ("text", "beside", "number"),
    [
        ("cancel the standup", (), 1),
        ("cancel the dentist", (), None),
        ("cancel the dentist on 4 December", (), 2),
        ("cancel my next dentist", (), 0),
        ("cancel the dentist next week", (), 2),
        ("cancel the dentist of last week", (), 3),
        ("cancel the dentist in December", (), 2),
        ("cancel the last dentist", (), 2),
        ("cancel the first dentist", (), 3),
        ("move the dentist to next Monday", (), None),  # a next Monday is no next dentist
        ("move Friday's dentist to 4 December", ("4 December",), 0),
    ],
)
def test_words_tell_one_of_several_events(text, beside, number):
    assert told(said(text, beside), MOVES) == number


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ("the second", 1),
        ("1", 0),
        ("the last one please", 1),
        ("the fifth", None),
        ("Anna Berg", 0),
        ("the one from Fjord", 1),
        ("Bergmann, please", 1),
        ("ab@fjord.example", 1),
        ("Anna", None),
        ("no, not Bergmann", None),
        ("don't write to Anna Berg", None),
        ("Anna Berg, and tell her to bring the cake", None),
        ("what is the weather in Fjord", None),
        ("", None),
    ],
)
def test_a_reply_picks_one_where_it_says_nothing_else(reply, number):
    assert picked(said(reply), [ANNA, BERGMANN]) == number


def entry(template, value, **kept: str) -> LabelledEntry:
    """A result or a call: `kept` are texts that stay, by the handle's number of an email."""
    spans = []
    for part in parts_of(json.dumps(value)):
        handle = str(part)
        if handle in kept.values():
            clear = next(text for text, one in kept.items() if one == handle)
            spans.append(Span(clear=clear, masked=(part,), label=KEPT, rule="test"))
        else:
            spans.append(constant(str(part)))
    return LabelledEntry(template, tuple(spans))


def found(*items, tool="contacts.search", given=None) -> list[LabelledEntry]:
    return [
        LabelledEntry(Call(tool, ()), (constant(json.dumps(given or {"name": "anna"})),)),
        LabelledEntry(Observation(tool, ()), (constant(json.dumps({"matches": list(items)})),)),
    ]


ONE, TWO = {"id": "p-1", "email": "<email:1>"}, {"id": "p-2", "email": "<email:2>"}


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [
        ({"to": "<email:1>", "body": "hello"}, [{0}]),
        ({"to": ["<email:1>"]}, [{0}]),
        ({"id": "p-2"}, [{1}]),
        ({"to": "Anna <<email:2>>"}, [{1}]),
        ({"to": ["<email:1>", "<email:2>"]}, [{0, 1}]),
        ({"to": "<email:1>, <email:2>"}, [{0, 1}]),
        ({"to": "<email:1>", "id": "p-2"}, []),
        ({"to": "<email:3>"}, []),
        ({"body": "I met p-1 and <email:1>"}, []),
        ({"date": "p-1"}, []),
    ],
)
def test_a_call_takes_what_it_names_by_a_handle_or_by_an_id(arguments, taken):
    choices = choices_of(arguments, found(ONE, TWO), beside=("date",))
    assert [set(choice.taken) for choice in choices] == taken


def test_each_list_that_something_is_taken_of_is_a_choice_of_its_own():
    entries = [*found(ONE, TWO), *found({"id": "m-1"}, {"id": "m-2"}, {"id": "m-3"}, tool="mail.search")]
    choices = choices_of({"id": "m-3", "to": "<email:2>"}, entries)
    assert sorted((choice.listed_at, set(choice.taken)) for choice in choices) == [(1, {1}), (3, {2})]


def test_what_was_found_alone_by_the_users_words_is_no_choice():
    entries = [*found(ONE, TWO), *found(ONE, given={"name": "anna berg"})]
    assert choices_of({"to": "<email:1>"}, entries) == []


def test_what_was_found_alone_by_an_id_of_several_is_that_choice():
    entries = [*found(ONE, TWO), *found(ONE, given={"id": "p-1"})]
    [choice] = choices_of({"to": "<email:1>"}, entries)
    assert choice.listed_at == 1


def test_a_result_without_a_shape_and_a_failure_offer_nothing():
    whole = LabelledEntry(Observation("data.get", ()), (constant('"<data:1>"'),))
    failed = LabelledEntry(
        Observation("data.get", (), "not-found"), (constant('[{"id":"p-1"},{"id":"p-2"}]'),)
    )
    assert choices_of({"id": "p-1", "to": "<data:1>"}, [whole, failed]) == []


def test_another_item_takes_the_place_of_all_that_one_gave():
    [choice] = choices_of({"to": "<email:1>"}, found(ONE, TWO))
    arguments = {"to": ["<email:1>"], "id": "p-1", "body": "Is <email:1> right?", "n": 1}
    assert choice.with_item(arguments, 1) == {
        "to": ["<email:2>"], "id": "p-2", "body": "Is <email:2> right?", "n": 1,
    }  # fmt: skip
    assert choice.with_item(arguments, 0) == arguments


def test_an_item_that_lacks_what_is_needed_takes_no_place():
    [choice] = choices_of({"to": "<email:1>"}, found(ONE, {"id": "p-2", "email": None}))
    assert choice.with_item({"to": "<email:1>"}, 1) is None


def test_turns_are_a_request_and_the_replies_to_its_questions():
    def typed(text):
        return LabelledEntry(Instruction(()), (constant(text),))

    def answered(text, rule="written by a model"):
        return LabelledEntry(Answer(()), (constant(text, rule),))

    entries = [typed("a"), answered("Which?", ASKED_BY_DEVICE), typed("b"), answered("Done."), typed("c")]
    assert turns_of(entries, ["a", "b", "c"]) == [Turn(("a", "b"), 1), Turn(("c",))]


def test_a_clock_that_ticks_between_a_question_and_its_reply_changes_nothing():
    asked = LabelledEntry(Answer(()), (constant("Which one do you mean?", ASKED_BY_DEVICE),))
    entries = [
        LabelledEntry(Instruction(()), (constant("tell anna"),)),
        asked,
        LabelledEntry(Clock(()), (constant("12:01"),)),
        LabelledEntry(Instruction(()), (constant("the second"),)),
    ]
    assert [turn.said for turn in turns_of(entries, ["tell anna", "the second"])] == [
        ("tell anna", "the second")
    ]


def test_another_item_changes_nothing_that_only_reads_the_same():
    one = {"id": "t-1", "title": "Tax", "due": "2026-12-01", "role": "Friend"}
    other = {"id": "t-2", "title": "Taxi", "due": "2026-12-09", "role": "Boss"}
    arguments = {"id": "t-1", "due": "2026-12-01", "text": "Friend"}
    [choice] = choices_of(arguments, found(one, other))
    assert choice.with_item(arguments, 1) == {"id": "t-2", "due": "2026-12-01", "text": "Friend"}


SEVERAL = {"to": ["<email:1>", "<email:2>"], "body": "I will be late."}


def test_one_is_left_of_several_that_one_argument_takes():
    [choice] = choices_of(SEVERAL, found(ONE, TWO))
    assert choice.with_item(SEVERAL, 1) == {"to": ["<email:2>"], "body": "I will be late."}
    assert choice.with_item({"to": "<email:1>, <email:2>"}, 0) == {"to": "<email:1>"}


def test_another_of_three_takes_the_place_of_two():
    three = {"id": "p-3", "email": "<email:3>"}
    [choice] = choices_of(SEVERAL, found(ONE, TWO, three))
    assert choice.with_item(SEVERAL, 2) == {"to": ["<email:3>"], "body": "I will be late."}


def test_a_message_that_speaks_of_one_who_is_left_out_is_not_sent_as_it_is():
    arguments = {**SEVERAL, "body": "Dear <person:1> and <person:2>"}
    one, two = {**ONE, "name": "<person:1>"}, {**TWO, "name": "<person:2>"}
    [choice] = choices_of(arguments, found(one, two))
    assert choice.with_item(arguments, 0) is None


def test_one_address_that_two_cards_have_is_one():
    assert choices_of({"to": ["<email:1>"]}, found(ONE, {"id": "p-2", "email": "<email:1>"})) == []


def test_the_question_about_several_offers_both():
    [choice] = choices_of(SEVERAL, found({**ONE, "name": "Bea"}, {**TWO, "name": "Doug"}))
    assert choice.question((0, 1)) == "Which one do you mean: Bea (<email:1>) or Doug (<email:2>), or both?"
