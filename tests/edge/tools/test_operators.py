"""The operators themselves: what they compute, choose, copy and compose, and where they refuse."""

import contextlib
import json
from datetime import date
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_edge.tools import Failed, FailureKind, RunLimits, Succeeded, run_tool
from umi_edge.tools.operators import operator_tools
from umi_edge.tools.operators.expression import ExpressionError, evaluate

TODAY = date(2026, 11, 23)


class Copying:
    """A reader that answers as it is told, and remembers what it was shown."""

    def __init__(self, answer: str = "") -> None:
        self.answer = answer
        self.shown: list[tuple[str, str, tuple[str, ...]]] = []

    async def read(self, text, what, choices):
        self.shown.append((text, what, choices))
        return self.answer


async def run(name, arguments, reader=None):
    tools = {tool.name: tool for tool in operator_tools(reader or Copying())}
    outcome = await run_tool(tools[name], arguments, RunLimits())
    return outcome.value if isinstance(outcome, Succeeded) else outcome.kind


def test_every_operator_declares_that_its_result_is_made_of_its_arguments():
    tools = operator_tools(Copying())
    assert [tool.name for tool in tools] == [
        "value.extract",
        "value.select",
        "value.compute",
        "value.compose",
    ]
    assert all(tool.hints.derived and tool.hints.read_only and tool.source == "builtin" for tool in tools)


def test_the_catalogue_that_the_operators_add_is_short():
    cards = [(tool.name, tool.description, tool.input_schema) for tool in operator_tools(Copying())]
    assert len(json.dumps(cards)) < 2800


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


# value.extract

LETTER = (
    "Dear Ann,\nplease call me back on +33 6 12 34 56 78 or write to paul.martin@example.org.\nPaul Martin"
)


async def test_extract_gives_what_the_reader_copied_out():
    reader = Copying(" Paul Martin")
    arguments = {"from": LETTER, "what": "who wrote this", "as": "person"}
    assert await run("value.extract", arguments, reader) == "Paul Martin"
    assert reader.shown == [(LETTER, "who wrote this", ())]


@pytest.mark.parametrize("answer", ["Mallory", "", "  ", "paul martin", "Paul  Martin"])
async def test_extract_never_gives_what_is_not_in_the_text(answer):
    outcome = await run("value.extract", {"from": LETTER, "what": "the attacker"}, Copying(answer))
    assert outcome == FailureKind.NOT_FOUND


async def test_extract_needs_no_model_where_a_pattern_finds_the_only_one():
    reader = Copying("Paul Martin")
    found = await run("value.extract", {"from": LETTER, "what": "the address", "as": "email"}, reader)
    assert found == "paul.martin@example.org"
    assert reader.shown == []
    assert await run("value.extract", {"from": LETTER, "what": "x", "as": "iban"}) == FailureKind.NOT_FOUND


async def test_extract_lets_the_reader_choose_where_a_pattern_finds_several():
    reader = Copying("b@example.org")
    text = "From a@example.org to b@example.org and to a@example.org"
    assert (
        await run("value.extract", {"from": text, "what": "to whom", "as": "email"}, reader)
        == "b@example.org"
    )
    assert reader.shown == [(text, "to whom", ("a@example.org", "b@example.org"))]


async def test_extract_shows_the_reader_the_part_of_a_long_text_that_speaks_of_what_is_asked():
    reader = Copying("4711")
    text = "nothing here. " * 5000 + "The gate code is 4711. " + "nothing there. " * 5000
    assert await run("value.extract", {"from": text, "what": "the code of the gate"}, reader) == "4711"
    assert len(reader.shown[0][0]) <= 3000
    assert "gate code" in reader.shown[0][0]


async def test_extract_reads_data_too_and_bounds_it():
    assert await run("value.extract", {"from": {"a": ["x y"]}, "what": "it"}, Copying("x y")) == "x y"
    assert await run("value.extract", {"from": "x" * 300_000, "what": "it"}) == FailureKind.TOO_LARGE


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
        ("value.extract", {"from": "x", "what": ""}),
    ],
)
async def test_an_operator_takes_no_arguments_but_its_own(name, arguments):
    assert await run(name, arguments) == FailureKind.INVALID_ARGUMENTS


async def test_a_reader_that_fails_is_a_failure_without_its_words():
    class Broken:
        async def read(self, text, what, choices):
            raise RuntimeError(text)

    (extract, *_) = operator_tools(Broken())
    outcome = await run_tool(extract, {"from": LETTER, "what": "x"}, RunLimits())
    assert isinstance(outcome, Failed)
    assert "Paul" not in repr(outcome)
