"""Which words of a question stand where a span of a text does."""

import pytest

from umi_edge.reading.grounds import Grounds
from umi_edge.reading.question import Question

NOTE = (
    "Model Thermonova 24. Service hotline: +33 1 99 00 61 72.\n"
    "The door code of the boiler room is 7395.\n\nThe plumber comes on Mondays."
)
TITLED = f"# Boiler\n\n{NOTE}"


def grounds(question: str, span: str, text: str = NOTE) -> Grounds:
    at = text.index(span)
    return Grounds.of(text, Question.of(question), at, at + len(span))


@pytest.mark.parametrize(
    "question",
    [
        "boiler model",
        "What is the model of the boiler?",
        "which model is the boiler",
        "what's the boiler's model number?",
        "model of the boiler",
        "when does the plumber come",
    ],
)
@pytest.mark.parametrize("text", [NOTE, TITLED])
def test_a_span_by_which_what_is_wanted_does_not_stand_is_no_answer(question, text):
    assert grounds(question, "7395", text).misses


@pytest.mark.parametrize(
    "question", ["what is the door code", "code of the boiler room", "boiler room code?"]
)
def test_a_span_whose_passage_has_the_words_is_one(question):
    found = grounds(question, "7395")
    assert (found.misses, found.partial) == (False, False)


def test_the_headings_above_belong_to_a_passage():
    found = grounds("boiler model", "Thermonova", TITLED)
    assert (found.misses, found.partial) == (False, False)


def test_a_word_that_stands_nowhere_leaves_a_doubt():
    found = grounds("what is the code of the green boiler door", "7395")
    assert (found.misses, found.silent, found.partial) == (False, False, True)


def test_a_text_may_have_no_word_of_the_question():
    found = grounds("the landlord", "7395")
    assert (found.misses, found.silent, found.partial) == (False, True, True)


def test_words_for_kinds_of_answers_need_not_stand_there():
    assert not grounds("the phone number of the service", "+33 1 99 00 61 72").partial


def test_a_first_line_that_is_a_sentence_is_no_heading():
    text = "Model Thermonova 24.\nThe door code of the boiler room is 7395."
    assert grounds("boiler model", "7395", text).misses
