"""Where a clause of a request ends, in the words that people use."""

import pytest

from umi_edge.values.clauses import Request, folded


def ended(request: str, text: str) -> str:
    """The text as far as its clause goes."""
    said = Request(request)
    run = said.run_of(text)
    assert run is not None
    return run.own + said.text[run.goes_on : max(said.clause_end(run), run.end)]


def headed(request: str, text: str) -> str:
    said = Request(request)
    run = said.run_of(text)
    assert run is not None
    return run.own + said.text[run.goes_on : max(said.heading_end(run), run.end)]


@pytest.mark.parametrize(
    ("request_", "text", "whole"),
    [
        ("maill stefan taht rev c must be recaled", "Taht rev.", "Taht rev c must be recaled"),
        ("let jo know i've an amp so no need to hire one", "I've an amp", "I've an amp so no need to hire one"),
        ("Answer Hanna that I accept 6.10 for the Reblochon.", "I accept 6.10.", "I accept 6.10 for the Reblochon"),
        ("Write that Dr. Wei is ill. What is on tomorrow?", "Dr. Wei", "Dr. Wei is ill"),
        ('mail Anna "see you at ten by the gate" and book a table', "See you", "See you at ten by the gate"),
        ("tell <person:1> that <person:2> is ill today", "<person:2> is ill.", "<person:2> is ill today"),
        ("Sag Ann, dass ich spät komme und Tee mitbringe, danke", "Ich spät", "Ich spät komme und Tee mitbringe"),
        ("dis à Marie qu'il vient demain avec Paul", "Il vient demain", "Il vient demain avec Paul"),
        ("add milk, eggs and bread to my shopping list", "Milk", "Milk, eggs and bread"),
    ],
)  # fmt: skip
def test_a_clause_goes_to_the_end_of_its_sentence_or_quotation(request_, text, whole):
    assert ended(request_, text) == whole


@pytest.mark.parametrize(
    ("request_", "whole"),
    [
        ("tell anna i'm late and put milk on the list", "i'm late"),
        ("tell anna i'm late for the party, then remind me to buy milk", "i'm late for the party"),
        ("tell anna i'm late for tea put that in the calendar too", "i'm late for tea"),
        ("tell anna i'm late for tea what's on tomorrow", "i'm late for tea"),
        ("tell anna i'm late for tea and what's for dinner", "i'm late for tea"),
        ("tell anna i'm late for tea can you find her number", "i'm late for tea"),
        ("tell anna that i'm late and <person:2> that she can start", "i'm late"),
        ("tell anna i'm late for tea, please", "i'm late for tea"),
        ("tell anna i'm late for tea and nothing more", "i'm late for tea"),
        ("Sag Anna, dass i'm late und trag es ein", "i'm late"),
        ("dis à Marie que i'm late et ajoute du lait", "i'm late"),
        ("dile a Paul que i'm late y recuérdame comprar pan", "i'm late"),
        ("i'm late, water the plants", "i'm late"),
    ],
)
def test_a_further_errand_or_question_is_no_part_of_it(request_, whole):
    assert ended(request_, "i'm late") == whole


@pytest.mark.parametrize(
    "request_", ["send the offer to paul", "put the offer in my calendar", "put the offer into my work notes",
                 "send the offer by email", "make a note of the offer called roof", "schick the offer an Paul"],
)  # fmt: skip
def test_where_it_goes_and_to_whom_is_no_part_of_it_unless_somebody_is_told_that(request_):
    assert ended(request_, "the offer") == "the offer"
    told = request_[request_.index("the offer") :]
    assert ended(f"tell jo that {told}", "the offer") == told


def test_the_errand_of_somebody_who_speaks_is_their_own():
    assert ended("tell anna i'm late but i'll put it in", "i'm late") == "i'm late but i'll put it in"


def test_words_that_only_the_text_has_may_begin_it():
    assert ended("tell jo she can come at ten by bus", "You can come at ten") == "You can come at ten by bus"
    assert Request("tell jo she can come at ten").run_of("You and I and he can come") is None


def test_words_are_whole():
    assert (
        ended("i ask for special consideration today", "ecial consideration tod")
        == "special consideration today"
    )
    assert (
        ended("i ask for special consideration today", "Ecial consideration today")
        == "Special consideration today"
    )
    assert Request("i like parties").run_of("part") is None


def test_what_stands_at_two_places_stands_at_none():
    assert Request("lunch on friday, then put lunch in").run_of("lunch") is None


@pytest.mark.parametrize(
    ("request_", "text", "whole"),
    [
        ("lunch w/ wendy", "Lunch", "Lunch w/ wendy"),
        ("lunch w/ wendy", "Lunch w", "Lunch w/ wendy"),
        ("book lunch with <person:1> and <person:2> yeah", "lunch", "lunch with <person:1> and <person:2>"),
        ("collect the cake from bloom", "Cake", "Cake from bloom"),
        ("dinner at luigi's with mum and dad, at eight", "Dinner", "Dinner at luigi's with mum and dad"),
        ("put in that Ella sleeps over at Mai's", "Ella", "Ella sleeps over at Mai's"),
        ("remind me to call the dentist", "Call", "Call the dentist"),
        ("the board party got moved in at last", "board party", "board party"),
        ("enter a briefing for the entire day", "briefing", "briefing"),
        ("put lunch in for me", "lunch", "lunch"),
        ("Trag Mittagessen mit <person:1> ein", "Mittagessen", "Mittagessen mit <person:1>"),
    ],
)
def test_a_heading_says_with_whom_or_where_and_no_more(request_, text, whole):
    assert headed(request_, text) == whole


def test_the_day_is_no_part_of_it_nor_the_word_before_it():
    request = Request("add lunch with karim on saturday at noon")
    run = request.run_of("Lunch")
    assert run is not None
    assert request.text[run.end : request.heading_end(run, [request.text.index("saturday")])] == " with karim"


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ("reply to martina that adaeze signs tomorrow and book a room", ("adaeze signs tomorrow",)),
        ("tell jo hello there", ("jo hello there", "hello there")),
        ("hello", ()),
        ("x " * 300, ()),
    ],
)
def test_what_somebody_is_to_be_told_is_behind_that_or_anywhere(request_, told):
    assert Request(request_).told() == told


def test_a_clause_without_an_end_that_is_to_be_relied_on_is_left():
    assert ended("tell jo that it is fine " + "and so on " * 200, "it is fine") == "it is fine"


def test_folding_keeps_the_length():
    for text in ("İstanbul ﬁne Straße", "e\u0301te\u0301", "\U0001f600 ½"):
        assert len(folded(text)) == len(text)
