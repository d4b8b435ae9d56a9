"""An event needs no guest whom nobody asked to invite."""

import pytest

from umi_edge.session.uninvited_guests import invites, without_guests

EVENT = {"title": "Cake", "date": "2026-03-21", "guests": ["<email:1>"]}


@pytest.mark.parametrize(
    "words",
    [
        "lunch with Karim at noon",
        "lunch w/ wendy 24 sept",
        "dinner at eight, invite Bloom",
        "Essen mit Karim",
        "lade Karim ein",
        "déjeuner avec Karim",
        "comida con Karim",
    ],
)
def test_somebody_is_to_come(words):
    assert invites(words)


@pytest.mark.parametrize(
    "words", ["collect the cake from bloom on the twenty first at eleven put that in", "call Karim at ten"]
)
def test_nobody_is_to_come(words):
    assert not invites(words)


def test_guests_are_left_out_where_they_may_be():
    assert without_guests(EVENT, ("title", "date")) == {"title": "Cake", "date": "2026-03-21"}
    assert without_guests(EVENT, ("guests",)) is None
    assert without_guests({"title": "Cake"}, ()) is None
