"""What a request asks to be changed is told where its words say so, and nothing is said of words that are not known."""

import io

import numpy as np
import pytest

from umi_edge.request_kinds import KIND_OF, Kind
from umi_edge.request_kinds.features import features_of, words_in
from umi_edge.request_kinds.model import RequestKinds
from umi_edge.tools.builtin import HomeConfig, builtin_tools

MODEL = RequestKinds.shipped()
NUMBER = "what is <person:1>'s number?"


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("words", [NUMBER, "whats <person:1>s cell"])
def test_a_question_asks_for_no_change(kind, words):
    assert MODEL.objects(kind, words)


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.EVENT, Kind.CONTACT])
def test_a_question_about_a_note_asks_for_nothing_else(kind):
    assert MODEL.objects(kind, "what does the note on the boiler say")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.MAIL, "tell <person:1> that I am late"),
        (Kind.MAIL, "schreib <person:1>, dass ich später komme"),
        (Kind.EVENT, "put the dentist in my calendar tomorrow at nine"),
        (Kind.EVENT, "Haircut tomorrow please"),
        (Kind.MOVED, "move the dentist to friday"),
        (Kind.CANCELLED, "cancel dinner with <person:1>"),
        (Kind.CANCELLED, "annule le déjeuner"),
        (Kind.NOTE, "make a note that the key is with <person:1>"),
        (Kind.TODO, "remind me to buy milk"),
        (Kind.CONTACT, "add <person:1> to my contacts, <phone:1>"),
    ],
)
def test_what_is_asked_for_is_not_objected_to(kind, words):
    assert not MODEL.objects(kind, words)


def test_a_mail_is_objected_to_where_a_dinner_is_to_be_cancelled():
    assert MODEL.objects(Kind.MAIL, "cancel dinner with <person:1>")


def test_two_things_in_one_request_are_both_asked_for():
    words = "cancel dinner with <person:1> and tell <person:2> that I am ill"
    assert not MODEL.objects(Kind.MAIL, words)
    assert not MODEL.objects(Kind.CANCELLED, words)


@pytest.mark.parametrize(
    "words", ["", "<text:1>", "mikä on Annan puhelinnumero", "明日の予定は何ですか", "?!"]
)
@pytest.mark.parametrize("kind", Kind)
def test_nothing_is_said_of_words_that_are_not_known(kind, words):
    assert not MODEL.objects(kind, words)


def test_what_was_asked_for_before_goes_on():
    assert MODEL.objects(Kind.MAIL, NUMBER)
    assert not MODEL.objects(Kind.MAIL, NUMBER, ["mail <person:1> that I am late"])


def test_whom_a_request_names_does_not_count():
    one, other = features_of("what is <person:1>'s number"), features_of("what is <person:42>'s number")
    assert np.array_equal(np.sort(one.buckets), np.sort(other.buckets))


def test_a_long_request_is_read_up_to_a_limit():
    assert len(words_in("word " * 10_000)) < 100


def test_a_model_is_written_as_it_is_read():
    written, again = io.BytesIO(), io.BytesIO()
    MODEL.write(written)
    written.seek(0)
    read = RequestKinds.read(written)
    read.write(again)
    assert written.getvalue() == again.getvalue()
    assert (read.limits, read.objects(Kind.MAIL, NUMBER)) == (MODEL.limits, True)


def test_every_tool_of_umis_own_that_changes_something_has_a_kind(tmp_path):
    home = HomeConfig.under(tmp_path)
    assert {tool.name for tool in builtin_tools(home) if not tool.hints.read_only} <= KIND_OF.keys()
