"""Who asks for people is told all whom a search found."""

import json

import pytest

from umi_edge.labelling.text import LabelledEntry, constant
from umi_edge.session.listed_people import asks_for_people, is_undecided, list_of_people, person_meant
from umi_edge.session.narrowed_search import Request
from umi_shared.transcript import Call, Instruction, Observation


@pytest.mark.parametrize(
    "request_",
    [
        "What people I have from the company Okada Robotics?",
        "Who is from my contacts working by Nordvatten?",
        "and who works at <company:1>",
        "tell me who I know at <company:1>",
        "which of my contacts are with Nordvatten",
        "list the people at Nordvatten",
        "the phones of everyone at Nordvatten",
        "wer arbeitet bei Nordvatten",
        "Welche Kontakte habe ich bei Nordvatten?",
        "qui travaille chez Nordvatten",
        "Quels contacts ai-je chez Nordvatten ?",
        "¿Quién trabaja en Nordvatten?",
    ],
)
def test_people_are_asked_for(request_):
    assert asks_for_people(request_)


@pytest.mark.parametrize(
    "request_",
    [
        "what is nishas phone number",
        "can you give me perrin's number?",
        "The number of Martin who brings the goat cheese?",
        "who's number is this",
        "tell martin i'll be there at ten",
    ],
)
def test_one_person_is_asked_for(request_):
    assert not asks_for_people(request_)


def searched(*people, tool="contacts.search") -> list[LabelledEntry]:
    return [
        LabelledEntry(Call(tool, ()), (constant('{"name":"Okada"}'),)),
        LabelledEntry(Observation(tool, ()), (constant(json.dumps({"matches": list(people)})),)),
    ]


EMI = {"name": "<person:1>", "role": "CEO", "phone": "<phone:1>"}
KENJI = {"name": "<person:2>", "phone": "<phone:2>"}


def test_all_are_listed_in_handles():
    assert list_of_people(searched(EMI, KENJI), "who is at Okada?") == (
        "I found 2 contacts: <person:1> (CEO) and <person:2>."
    )


def test_with_the_details_that_are_asked_for():
    assert list_of_people(searched(EMI, KENJI), "the numbers of everybody at Okada") == (
        "I found 2 contacts: <person:1> (<phone:1>, CEO) and <person:2> (<phone:2>)."
    )


def test_a_long_list_is_cut_and_says_so():
    listed = list_of_people(searched(*[KENJI] * 25), "who is at Okada?")
    assert listed is not None
    assert listed.startswith("I found 25 contacts: ")
    assert listed.endswith(" and 5 more.")


def test_nothing_is_listed_where_the_last_call_found_nobody_or_one_or_something_else():
    failed = LabelledEntry(Observation("mail.search", (), "not-found"), ())
    assert list_of_people([*searched(EMI, KENJI), failed], "who?") is None
    assert list_of_people(searched(EMI), "who?") is None
    assert list_of_people(searched(EMI, KENJI, tool="mail.search"), "who?") is None
    assert list_of_people([], "who?") is None


def test_a_plan_says_that_it_does_not_know_which():
    assert is_undecided("The name is ambiguous.")
    assert not is_undecided("The contact is found.")


@pytest.mark.parametrize(
    "said", ["no, the other Martin, which works at me", "nah the prof", "i mean <person:3>'s dad"]
)
def test_a_correction_is_answered_by_whom_it_leaves(said):
    told = person_meant(searched(EMI), Request(said, said))
    assert told == "I found <person:1> (<phone:1>)."


@pytest.mark.parametrize(
    "said",
    [
        "no, his birthday",
        "no, I mean the address of the school",
        "no, is he the one with the boat?",
        "the number of Emi",
        "no, tell her that I come",
    ],
)
def test_what_corrects_nobody_is_the_summarizers(said):
    assert person_meant(searched(EMI), Request(said, said)) is None


def test_whom_an_earlier_request_found_or_several_are_nobodys_correction():
    said = "no, the other one"
    later = [*searched(EMI), LabelledEntry(Instruction(()), (constant(said),))]
    assert person_meant(later, Request(said, said)) is None
    assert person_meant(searched(EMI, KENJI), Request(said, said)) is None
