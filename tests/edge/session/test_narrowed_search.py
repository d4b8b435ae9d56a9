"""Whom the user's words leave of several people that a search found."""

import json
from datetime import UTC, datetime

import pytest

from umi_edge.labelling.text import LabelledEntry, Span, constant
from umi_edge.session.item_evidence import Said
from umi_edge.session.narrowed_search import Request, left_of, matches_of, told_last, with_matches
from umi_edge.tools import Failed, FailureKind, Succeeded
from umi_edge.tools.record import Record
from umi_edge.values.time_words import TimePhrases
from umi_shared.handles import Handle
from umi_shared.labels import Label, Locality
from umi_shared.transcript import Answer, Call, Observation

NOW = TimePhrases(datetime(2026, 11, 25, 12, 0, tzinfo=UTC), "en_GB")
FARM = {"name": "Martin Faure", "role": "goat cheese", "phone": "+33 6 39 98 21 40"}
HELP = {"name": "Martin Delorme", "note": "works on Saturdays", "phone": "+33 6 39 98 21 41"}
VAN = {
    "name": "Transports Martin",
    "company": "Transports Martin",
    "phones": [{"kind": "work", "number": "+33 4 65 71 00 20"}],
}
PEOPLE = [HELP, FARM, VAN]


def left(text: str, last=None, *, earlier=()):
    request = Request(text, text, tuple(earlier))
    return left_of(PEOPLE, request, lambda one: Said(one, NOW), last) if request.decides else (0, 1, 2)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The number of Martin who brings the goat cheese?", (1,)),
        ("martin's phone, the one with the goat cheese", (1,)),
        ("whats the mail of transports martin", (2,)),
        ("numéro de Martin Delorme", (0,)),
        ("whats martins number", (0, 1, 2)),
        ("tell martin that the goat cheese was good", (0, 1, 2)),
        ("send martin's number to the goat cheese man", (0, 1, 2)),
        ("the numbers of all Martins, also of the goat cheese one", (0, 1, 2)),
        ("who is the martin with the goat cheese", (0, 1, 2)),  # asks for no detail of his
        ("Drop Martin a mail that the goat cheese was good", (0, 1, 2)),
        ("notify martin by mail that the goat cheese is here", (0, 1, 2)),
        ("give martin my number, the goat cheese man needs it", (0, 1, 2)),
        ("dinner with martin, address: goat cheese street 4", (0, 1, 2)),
    ],
)
def test_a_plain_look_up_leaves_whom_it_describes(text, kept):
    assert left(text) == kept


STUFFING = ["phone", "number", "mobile", "mail", "plumber", "cheese", "goat", "brings", "market", "farm"]


@pytest.mark.parametrize(
    "stuffed",
    [
        {"note": " ".join(STUFFING)},
        {"related": STUFFING},
        {"categories": STUFFING},
        {"nicknames": STUFFING},
        {"other_names": STUFFING},
        {"role": " ".join(STUFFING)},
        {"company": " ".join(STUFFING)},
    ],
    ids=lambda one: next(iter(one)),
)
@pytest.mark.parametrize(
    "text", ["martin's phone, the goat cheese one", "the number of Martin, the goat cheese"]
)
def test_a_card_that_is_stuffed_with_words_is_not_the_one_that_they_describe(stuffed, text):
    people = [{"name": "Martin Stranger", "phone": "+33 1", **stuffed}, HELP, FARM]
    request = Request(text, text, ())
    assert left_of(people, request, lambda one: Said(one, NOW), None) == (2,)


@pytest.mark.parametrize("stuffed", [{"note": " ".join(STUFFING)}, {"categories": STUFFING}])
def test_what_is_asked_for_describes_nobody(stuffed):
    helper = {"name": "Martin Delorme", "note": "brings the goat cheese"}
    people = [{"name": "Martin Stranger", **stuffed}, helper]
    text = "martin's phone, who brings the goat cheese"
    assert left_of(people, Request(text, text, ()), lambda one: Said(one, NOW), None) == (0, 1)


@pytest.mark.parametrize(
    ("text", "last", "kept"),
    [
        ("No, the other Martin, which works at me on Saturday.", 1, (0,)),
        ("not that one", 1, (0, 2)),
        ("tell the other martin that I am late", 2, (0, 1)),
        ("nein, der andere", 0, (1, 2)),
        ("non, l'autre Martin", 0, (1, 2)),
        ("no, el otro", 0, (1, 2)),
        ("nah the prof", 0, (1, 2)),
        ("no i mean the cheese one", 0, (1,)),
        ("no, transports martin", 0, (2,)),
        ("no, I meant the mobile", 0, (0, 1, 2)),
        ("no sorry, Sunday", 0, (0, 1, 2)),
        ("no, tell martin that the goat cheese was good", 0, (0, 1, 2)),
        ("tell martin the other day is better", 0, (0, 1, 2)),
        ("no, the other Martin", None, (0, 1, 2)),
        ("write to martin that the other contract is signed", 1, (0, 1, 2)),
        ("invite martin, the other guests come at 8", 1, (0, 1, 2)),
        ("tell martin it's not her fault", 1, (0, 1, 2)),
        ("schreib martin, dass der andere Vertrag da ist", 1, (0, 1, 2)),
        ("tell the other martin the goat cheese was good", 2, (0, 1)),
        ("no, not him: tell the other martin that I am late", 1, (0, 2)),
    ],
)
def test_a_correction_leaves_out_whom_they_were_told_of(text, last, kept):
    assert left(text, last) == kept


def test_what_was_said_before_tells_where_a_correction_says_nothing_of_anybody():
    assert left("nah the prof", 1, earlier=["martin delorme or the cheese man, his number"]) == (0,)


def spans(text: str, **handles: str) -> tuple:
    """A text in which handles stand for texts that stay."""
    for name, clear in handles.items():
        before, _, text = text.partition(clear)
        kept = Span(clear=clear, masked=(Handle(name, 1),), label=Label.at(Locality.HANDLE), rule="test")
        return (constant(before), kept, constant(text))
    return (constant(text),)


def found(*people) -> LabelledEntry:
    text = json.dumps({"matches": list(people)})
    return LabelledEntry(Observation("contacts.search", ()), spans(text, phone=FARM["phone"]))


LOOKED = LabelledEntry(Call("contacts.search", ()), (constant('{"name":"Martin"}'),))


def test_whom_an_answer_told_of_is_known_by_its_handles():
    told = LabelledEntry(Answer(()), spans(f"It is {FARM['phone']}.", phone=FARM["phone"]))
    assert told_last([LOOKED, found(*PEOPLE), told], PEOPLE) == 1


def test_whom_a_call_took_is_known_by_what_it_was_given():
    sent = LabelledEntry(Call("mail.send", ()), spans(json.dumps({"to": FARM["phone"]}), phone=FARM["phone"]))
    assert told_last([LOOKED, found(*PEOPLE), sent], PEOPLE) == 1


def test_nobody_was_told_of_where_nothing_was_said():
    assert told_last([LOOKED, found(*PEOPLE), LOOKED], PEOPLE) is None


def test_a_narrowed_result_keeps_the_records_of_those_who_are_left():
    records = tuple(Record(at=("matches", at), texts=(), id=str(at)) for at in range(3))
    outcome = Succeeded({"matches": PEOPLE, "skipped": 1}, 0.1, records=(*records, Record(at=(), texts=())))
    kept = with_matches(outcome, (2,))
    assert kept.value == {"matches": [VAN], "skipped": 1}
    assert [(one.at, one.id) for one in kept.records] == [(("matches", 0), "2"), ((), "")]


def test_nothing_is_left_out_of_what_lists_nobody_or_too_many():
    assert matches_of(Failed(FailureKind.NOT_FOUND, "", 0.1)) == []
    assert matches_of(Succeeded({"matches": [FARM]}, 0.1)) == []
    assert matches_of(Succeeded({"matches": [FARM] * 17}, 0.1)) == []
