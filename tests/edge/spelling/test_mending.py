"""Mending: mistyped words become the ones that were meant, and nothing else changes."""

import pytest

from umi_edge.spelling import mended, mends


def read(text):
    return mended(text, mends(text))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("cancle the webinar on mnoday", "cancel the webinar on monday"),
        ("tell her wehn the denstist is in agian", "tell her when the dentist is in again"),
        ("wirte tom taht its fine", "write tom that its fine"),
        ("Cancle it. Teh rest stays", "Cancel it. The rest stays"),
        ("tell her taht, adn wait", "tell her that, and wait"),
        ("please move my apointmnets", "please move my appointments"),
        ("verschieb den termni am mitwoch", "verschieb den termin am mittwoch"),
        ("annule la réunoin de demain", "annule la réunion de demain"),
        ("cancela mis citsa de la semana", "cancela mis citas de la semana"),
    ],
)
def test_a_slip_becomes_the_word_that_was_meant(typed, meant):
    assert read(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "move the stats exam",
        "put the fondue and an impeller on the list, and clean the fridge",
        "tell tunde yeah, an intro and 50 euro",
        "schreib tunde dass ich wieder da bin",
    ],
)
def test_a_right_word_stays(typed):
    assert read(typed) == typed


@pytest.mark.parametrize(
    "typed",
    [
        'add "teh tarte" to the list',
        "add an event called Rowign adn more",
        "save the password teh wich wehn",
        "write to Wehn",
        "send teh-file.txt and wehn@x.example and /teh/ and teh_x and teh1",
        "CANCLE TEH WEHN",
        "send `wehn`",
    ],
)
def test_names_quotations_addresses_and_codes_stay_as_typed(typed):
    assert read(typed) == typed


@pytest.mark.parametrize(
    "typed",
    ["wehn is the dentsit", "Hwo much do i pay", "what is teh code", "wifi at teh office", "emial tom"],
)
def test_a_question_or_a_look_up_is_left_to_the_search_that_reads_it_by_what_is_there(typed):
    assert read(typed) == typed


def test_what_may_mean_several_words_stays():
    assert read("say the mal is here") == "say the mal is here"  # mail, male, meal


def test_a_part_that_is_left_alone_stays():
    text = "say teh wehn"
    assert mended(text, mends(text, [(4, 7)])) == "say teh when"


def test_a_long_text_is_no_request():
    text = "say " + "teh " * 1_500
    assert read(text) == text


def test_a_mend_shows_no_word():
    assert "when" not in repr(list(mends("say wehn")))
