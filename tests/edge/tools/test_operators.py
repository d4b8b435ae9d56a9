"""The operators themselves: what they compute, choose, copy and compose, and where they refuse."""

import contextlib
import json
from datetime import date
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_edge.reading import Reading
from umi_edge.tools import Failed, FailureKind, RunLimits, Succeeded, run_tool
from umi_edge.tools.operators import operator_tools
from umi_edge.tools.operators.expression import ExpressionError, evaluate

TODAY = date(2026, 11, 23)
READING = Reading()


async def run(name, arguments, reading=READING):
    tools = {tool.name: tool for tool in operator_tools(reading)}
    outcome = await run_tool(tools[name], arguments, RunLimits())
    return outcome.value if isinstance(outcome, Succeeded) else outcome.kind


def test_every_operator_declares_that_its_result_is_made_of_its_arguments():
    tools = operator_tools(READING)
    assert [tool.name for tool in tools] == [
        "value.answer",
        "value.pick",
        "value.select",
        "value.compute",
        "value.compose",
    ]
    assert all(tool.hints.derived and tool.hints.read_only and tool.source == "builtin" for tool in tools)


def test_the_catalogue_that_the_operators_add_is_short():
    cards = [(tool.name, tool.description, tool.input_schema) for tool in operator_tools(READING)]
    assert len(json.dumps(cards)) < 3300


# value.compute


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-2 - -3", 1),
        ("10 / 4", 2.5),
        ("0.1 + 0.2", 0.3),
        ("45.90 * 1.2", 55.08),
        ("sum([12.50, 3])", 15.5),
        ('sum(["12.50","3"])', 15.5),
        ("sum(1, 2, [3])", 6),
        ("min(3, 2) + max(3, 2)", 5),
        ("average([1, 2])", 1.5),
        ("count([5, 5, 5])", 3),
        ("abs(2 - 5)", 3),
        ("round(2.345, 2)", 2.35),
        ("round(2.5)", 3),
        ("2026-11-23 + 2 weeks", "2026-12-07"),
        ("2026-01-31 + 1 month", "2026-02-28"),
        ("2024-02-29 + 1 year", "2025-02-28"),
        ("2026-11-23 - 3 days", "2026-11-20"),
        ("2026-11-23T10:00 + 90 minutes", "2026-11-23T11:30:00"),
        ("2026-11-23 + 36 hours", "2026-11-24T12:00:00"),
        ("2026-12-25 - today", "32 days"),
        ("days(2026-12-25 - today)", 32),
        ("hours(2026-11-23T12:00 - 2026-11-23T10:30)", 1.5),
        ("2026-11-23T12:00 - 2026-11-24", "-12 hours"),
        ("1 day * 3", "3 days"),
        ("1 week / 1 day", 7),
        ("2 hours / 2", "1 hour"),
        ("weekday(today)", "Monday"),
        ('max(["2026-01-02","2026-01-01"])', "2026-01-02"),
        ("[1, 2 + 3]", [1, 5]),
    ],
)
async def test_compute_works_out_numbers_dates_and_durations(expression, value):
    assert evaluate(expression, today=TODAY) == value
    if "today" not in expression:
        assert await run("value.compute", {"expression": expression}) == value


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "1 +",
        "1 2",
        "(1",
        "1)",
        "1 / 0",
        "2026-11-23 + 2026-11-23",
        "2026-11-23 * 2",
        "2026-13-01",
        "2026-11-23T10:00Z - 2026-11-23T10:00",
        "9999-12-31 + 1 day",
        "1 month / 2",
        "0.5 months",
        "today + 99999 years",
        "1e9",
        "2 ** 9",
        "9" * 19,
        "round(1, 99)",
        "round(1, 2, 3)",
        "days(1 month)",
        "min(1, today)",
        "sum()",
        "secret(1)",
        "__import__('os')",
        "a.b",
        '"Alice"',
        '"\\u0031"',
        "1 if 1 else 2",
        "(" * 100 + "1" + ")" * 100,
        "-" * 100 + "1",
        "١ + ٢",
    ],
)
async def test_compute_refuses_what_it_does_not_know_and_quotes_nothing(expression):
    with pytest.raises(ExpressionError) as refused:
        evaluate(expression, today=TODAY)
    assert not expression or len(expression) < 3 or expression not in str(refused.value)
    assert await run("value.compute", {"expression": expression}) == FailureKind.INVALID_ARGUMENTS


def test_numbers_cannot_grow_without_end():
    with pytest.raises(ExpressionError):
        evaluate(" * ".join(["999999999999999999"] * 10), today=TODAY)


def test_a_long_expression_takes_time_in_proportion():
    started = perf_counter()
    assert evaluate("sum([" + ",".join(["1"] * 60_000) + "])", today=TODAY) == 60_000
    with pytest.raises(ExpressionError):
        evaluate("1" * 300_000, today=TODAY)
    with pytest.raises(ExpressionError):
        evaluate(" " * 200_000 + "?", today=TODAY)
    assert perf_counter() - started < 5


@given(st.text(alphabet='0123456789.-+*/()[],"T: adysmonthsumtoday\\<>', max_size=40))
def test_any_text_is_a_value_or_is_refused(text):
    with contextlib.suppress(ExpressionError):
        json.dumps(evaluate(text, today=TODAY), allow_nan=False)


# value.select

ORDERS = [
    {"id": "a1", "company": "O'Neil & Sons", "total": 12.5, "due": "2026-01-05", "tags": ["paid"]},
    {"id": "b2", "company": "Étoile", "total": 9, "due": "2026-03-01", "tags": []},
    {"id": "c3", "company": "etoile", "total": 100, "due": None},
]


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("company == O'Neil & Sons", ["a1"]),
        ("company == 'ETOILE'", ["b2", "c3"]),
        ("company != etoile", ["a1"]),
        ("company contains neil", ["a1"]),
        ("tags contains paid", ["a1"]),
        ("total > 10", ["a1", "c3"]),
        ("total <= 12.50", ["a1", "b2"]),
        ("due < 2026-02-01", ["a1"]),
        ("due >= 2026-02-01", ["b2", "c3"]),
        ("company == x' || @.total > '0", []),
        ("@.total > 10 && @.company == 'etoile'", ["c3"]),
        ("$[0]", ["a1"]),
        ("$[?search(@.company, 'toile')]", ["b2", "c3"]),
    ],
)
async def test_select_chooses_by_a_simple_condition_or_a_json_path(where, ids):
    found = await run("value.select", {"list": ORDERS, "where": where})
    if found == FailureKind.NOT_FOUND:
        found = []
    assert [item["id"] for item in (found if isinstance(found, list) else [found])] == ids


async def test_select_takes_one_field_and_gives_one_match_as_itself():
    assert await run("value.select", {"list": ORDERS, "where": "total > 50", "take": "company"}) == "etoile"
    assert await run("value.select", {"list": json.dumps(ORDERS), "where": "id == b2", "take": "total"}) == 9


@pytest.mark.parametrize(
    ("items", "where", "kind"),
    [
        (ORDERS, "@.[", FailureKind.INVALID_ARGUMENTS),
        (ORDERS, "total >> 3", FailureKind.NOT_FOUND),
        (ORDERS, "nobody", FailureKind.INVALID_ARGUMENTS),
        ("not json", "a == b", FailureKind.INVALID_ARGUMENTS),
        ("7", "a == b", FailureKind.INVALID_ARGUMENTS),
        ([], "a == b", FailureKind.NOT_FOUND),
        ([1, "x", None], "a == b", FailureKind.NOT_FOUND),
        ([[[]] * 300] * 300, "$..[?@..a == $..b]", FailureKind.INVALID_ARGUMENTS),
    ],
)
async def test_select_refuses_what_is_no_condition_no_list_or_too_costly(items, where, kind):
    assert await run("value.select", {"list": items, "where": where}) == kind


# value.answer

LETTER = (
    "Dear Ann,\nplease call me back on +33 6 12 34 56 78 or write to paul.martin@example.org. The boiler will be "
    "serviced on Thursday at ten. It costs 240 euros.\nPaul Martin"
)


async def test_a_question_is_answered_by_the_sentence_that_says_it():
    found = await run("value.answer", {"text": LETTER, "question": "when is the boiler serviced?"})
    assert found == "The boiler will be serviced on Thursday at ten."


@pytest.mark.parametrize(
    "question", ["what is the name of the cat?", "who?", "???", "how many rooms are there"]
)
async def test_what_the_text_does_not_say_is_not_found(question):
    assert await run("value.answer", {"text": LETTER, "question": question}) == FailureKind.NOT_FOUND


@given(text=st.text(max_size=300), question=st.text(min_size=1, max_size=60))
async def test_an_answer_is_a_piece_of_the_text_whatever_the_text_is(text, question):
    found = await run("value.answer", {"text": text, "question": question})
    assert isinstance(found, FailureKind) or (found and found in text)


async def test_a_pattern_answers_alone_where_it_finds_the_only_one_of_its_kind():
    found = await run("value.answer", {"text": LETTER, "question": "the address", "as": "email"})
    assert found == "paul.martin@example.org"
    asked = {"text": LETTER, "question": "x", "as": "iban"}
    assert await run("value.answer", asked) == FailureKind.NOT_FOUND


async def test_of_several_the_one_in_the_passage_that_answers_is_taken():
    text = "Tickets: office@example.org. Write to eva@example.org about the invoice. Tickets again: office@example.org."
    asked = {"text": text, "question": "who gets the invoice", "as": "email"}
    assert await run("value.answer", asked) == "eva@example.org"


BOILER = (
    "Model Thermonova 24. Service hotline: +33 1 99 00 61 72 (contract 8820-B).\n"
    "The door code of the boiler room is 7395. Pressure should stay near 1.5 bar.\n"
)


@pytest.mark.parametrize("kind", ["", "code", "number", "secret", "phone"])
@pytest.mark.parametrize(
    "question", ["boiler model", "What is the model of the boiler?", "the boiler's model number"]
)
async def test_no_secret_is_given_for_something_else_that_the_text_has(question, kind):
    asked = {"text": BOILER, "question": question, **({"as": kind} if kind else {})}
    found = await run("value.answer", asked)
    assert found in (FailureKind.NOT_FOUND, "Model Thermonova 24.")


async def test_the_only_secret_is_no_answer_to_what_the_text_does_not_speak_of():
    asked = {"text": BOILER, "question": "what did the landlord promise", "as": "secret"}
    assert await run("value.answer", asked) == FailureKind.NOT_FOUND
    assert await run("value.answer", {**asked, "question": "door code"}) == "7395"


async def test_an_answer_by_which_not_all_words_stand_is_marked_as_unsure():
    async def doubt(question):
        tools = {tool.name: tool for tool in operator_tools(READING)}
        asked = {"text": LETTER, "question": question, "as": "phone"}
        outcome = await run_tool(tools["value.answer"], asked, RunLimits())
        assert outcome.value == "+33 6 12 34 56 78"
        return [one.unsure for one in outcome.records]

    assert await doubt("the phone number to call Ann back on") == [False]
    assert await doubt("the sender's phone number") == [True]


async def test_a_long_text_is_read_to_its_end_and_data_too():
    text = "nothing is here. " * 5000 + "The gate code is 4711. " + "nothing is there. " * 5000
    asked = {"text": text, "question": "what is the code of the gate?"}
    assert await run("value.answer", asked) == "The gate code is 4711."
    data = {"a": ["The gate code is 4711."]}
    assert "4711" in await run("value.answer", {"text": data, "question": "the code of the gate"})
    assert await run("value.answer", {"text": "x" * 300_000, "question": "it"}) == FailureKind.TOO_LARGE


@pytest.mark.parametrize(
    "unit", ["a. ", "1,", "a line of words that goes on and on until its end\n", "#", "x:", "1 "]
)
async def test_no_text_takes_long_to_read(unit):
    started = perf_counter()
    await run("value.answer", {"text": unit * (200_000 // len(unit)), "question": "how long is the line?"})
    assert perf_counter() - started < 20


# value.pick

PEOPLE = [
    {"name": "Ada Quill", "note": "plumber, came in May"},
    {"name": "Ben Ito", "note": "dentist of the children"},
    {"name": "Cy Park", "note": "plays the cello"},
]


async def test_an_item_is_picked_by_what_it_is_about():
    assert await run("value.pick", {"list": PEOPLE, "what": "the dentist"}) == PEOPLE[1]
    assert await run("value.pick", {"list": PEOPLE, "what": "the plumber", "take": "name"}) == "Ada Quill"
    assert await run("value.pick", {"list": json.dumps(PEOPLE), "what": "cello", "take": "name"}) == "Cy Park"
    assert await run("value.pick", {"list": ["red wine", "white wine"], "what": "red"}) == "red wine"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"list": PEOPLE, "what": "the gardener"}, FailureKind.NOT_FOUND),
        ({"list": [*PEOPLE, PEOPLE[0]], "what": "the plumber"}, FailureKind.NOT_FOUND),
        ({"list": PEOPLE, "what": "the plumber", "take": "fax"}, FailureKind.NOT_FOUND),
        ({"list": [], "what": "the plumber"}, FailureKind.NOT_FOUND),
        ({"list": "no list", "what": "the plumber"}, FailureKind.INVALID_ARGUMENTS),
        ({"list": ["x"] * 3000, "what": "x"}, FailureKind.TOO_LARGE),
    ],
)
async def test_no_item_is_picked_where_none_or_several_are_meant(arguments, kind):
    assert await run("value.pick", arguments) == kind


# value.compose


async def test_compose_gives_the_text_with_the_values_in_it():
    assert await run("value.compose", {"template": "Dear Ann, …", "as": "text"}) == "Dear Ann, …"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("value.compose", {"template": "x", "as": "Not A Type"}),
        ("value.compose", {}),
        ("value.compose", {"template": 7}),
        ("value.select", {"list": [], "where": "a == b", "more": 1}),
        ("value.answer", {"text": "x", "question": ""}),
    ],
)
async def test_an_operator_takes_no_arguments_but_its_own(name, arguments):
    assert await run(name, arguments) == FailureKind.INVALID_ARGUMENTS


async def test_a_reader_that_fails_is_a_failure_without_its_words():
    async def broken(scored):
        raise RuntimeError(scored[-1].before)

    answer, *_ = operator_tools(Reading(broken))
    outcome = await run_tool(answer, {"text": LETTER, "question": "the boiler"}, RunLimits())
    assert isinstance(outcome, Failed)
    assert "boiler" not in repr(outcome)
