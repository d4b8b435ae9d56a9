"""Whether words mean several of the people that a search found."""

from datetime import UTC, datetime

import pytest

from umi_edge.session.item_evidence import Said
from umi_edge.session.several_meant import means_several
from umi_edge.values.time_words import TimePhrases

NOW = TimePhrases(datetime(2026, 11, 25, 12, 0, tzinfo=UTC), "en_GB")
BEA = {"name": "Beatrice Finch", "note": "executor", "role": "Tenant", "company": "Lakeside"}
DOUG = {"name": "Douglas Finch", "role": "Tenant", "company": "Lakeside"}
PAUL = {"name": "Paul Mercier", "company": "Boulangerie Mercier"}
DOCTOR = {"name": "Dr Paul Marchand", "role": "back doctor"}


def several(text: str, *items) -> bool:
    return means_several([Said(text, NOW)], items)


@pytest.mark.parametrize(
    "text",
    [
        "write to both Finches that it is at two",
        "write to the Finches that it is at two",
        "the finches should know that it is at two",
        "tell everyone at Lakeside that the lift is broken",
        "tell my tenants that the lift is broken",
        "tell beatrice and douglas finch that it is at two",
        "mail Bea Finch, Beatrice & Douglas",
        "invite the two Finchs",
        "tell all of them that it is at two",
        "mail them that it is at two",
        "write the people at Lakeside: the lift is broken",
        "schreib den beiden Finchs, dass es um zwei ist",
        "schreib allen bei Lakeside, dass der Aufzug steht",
        "écris aux Finch que c'est à deux heures",
        "écris à tous chez Lakeside que l'ascenseur est en panne",
        "escribe a los Finch que es a las dos",
        "escribe a Beatrice y a Douglas que es a las dos",
    ],
)
def test_several_are_meant(text):
    assert several(text, BEA, DOUG)


@pytest.mark.parametrize(
    "text",
    [
        "Please write to Ms or Mr Finch that the meeting starts at half past one.",
        "write to Beatrice or Douglas Finch that it is at two",
        "write to finch that both of us are late",
        "write to finch that everybody comes",
        "write to finch that the team and the family are well",
        "tell finchs lawyer that it is at two",
        "tell Beatrice Finch and bring the papers",
        "write to finch from the team that it is at two",
        "not both, only one Finch",
        "send finch the photos, he wanted them",
        "ask the tenant if he got them",
        "ask finch if he got them",
        "tell finch both kids are well",
        "send finch the family photo",
        "schick finch beide Verträge",
        "ask finch whether Beatrice told Douglas, and when",
        "schreib Finch alle Tage um zwei",
        "écris à Finch tous les jours",
    ],
)
def test_one_is_meant(text):
    assert not several(text, BEA, DOUG)


def test_a_message_that_says_all_names_nobody():
    assert not several("write to paul that spelt is all right", PAUL, DOCTOR)
    assert not several("write to paul spelt is all right", PAUL, DOCTOR)


def test_a_request_that_begins_with_its_message_is_read_whole():
    assert several("that it is at two, tell both", BEA, DOUG)
