"""What is read as a draft, and what of it is kept: by what the cloud knows alone."""

import json
from datetime import UTC, datetime

import pytest

from umi_edge.caller.schemas import HandleRule, call_schemas
from umi_edge.session.draft import CheckedDraft, Draft
from umi_edge.session.time_arguments import SpokenTimes, time_kinds
from umi_edge.session.time_wording import UnclearTimeError
from umi_edge.values.time_words import TimePhrases
from umi_shared.handles import Handle

WEDNESDAY = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
SEND = {
    "type": "object",
    "properties": {
        "to": {
            "anyOf": [{"type": "string", "maxLength": 40}, {"type": "array", "items": {"type": "string"}}]
        },
        "subject": {"type": "string", "maxLength": 60},
        "body": {"type": "string"},
        "copies": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["to", "subject", "body"],
    "additionalProperties": False,
}
CREATE = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "date": {"type": "string", "format": "date"}},
    "required": ["title", "date"],
}
KNOWN = (Handle("email", 1), Handle("person", 1))


def drafted(written, rationale="", schema=SEND, tool="mail.send"):
    return Draft.of(written, rationale, tool, schema, ("mail.send", "mail.search", "contacts.search"))


def checked(arguments, schema=SEND, *, request="", results=(), rule=None):
    rules = rule or {}
    admitted = call_schemas(
        [("t", schema)], KNOWN, lambda _, name: rules.get(name, HandleRule()), longest=float("inf")
    )["t"]
    draft = Draft(arguments=arguments, whole=True)
    times = SpokenTimes(TimePhrases(WEDNESDAY, "en_GB"), [request], list(results))
    return CheckedDraft.of(draft, admitted, time_kinds(schema), times, KNOWN)


WHOLE = {"to": "<email:1>", "subject": "Late", "body": "Hi <person:1>, " + "I am late. " * 400}


def test_a_complete_draft_leaves_no_gap_however_long_its_texts_are():
    found = checked(WHOLE)
    assert found.kept == WHOLE
    assert found.gaps == frozenset()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("to", "<email:2>"),
        ("to", ["<email:1>", "<email:7>"]),
        ("to", 7),
        ("to", "x" * 41),
        ("subject", ["a list"]),
        ("subject", "two <person:9>"),
        ("copies", 9),
        ("copies", "<email:4>"),
    ],
)
def test_what_the_schema_or_the_handles_do_not_admit_is_a_gap_and_the_rest_is_kept(name, value):
    found = checked(WHOLE | {name: value})
    assert found.gaps == {name}
    assert found.kept == {key: text for key, text in WHOLE.items() if key != name}


def test_what_is_required_and_not_drafted_is_a_gap_and_what_is_optional_is_not():
    assert checked({"to": "<email:1>"}).gaps == {"subject", "body"}


def test_an_argument_that_the_tool_does_not_have_is_left_out():
    assert checked(WHOLE | {"bcc": "mallory@example.org"}).kept == WHOLE


@pytest.mark.parametrize(
    ("rule", "value", "kept"),
    [
        (HandleRule("email"), "<email:1>", True),
        (HandleRule("email"), "<person:1>", False),
        (HandleRule("email", only=True), "mallory@example.org", False),
        (HandleRule("email", only=True), "<email:1>", True),
    ],
)
def test_the_policy_says_which_handles_fit_and_whether_text_does(rule, value, kept):
    assert ("to" in checked(WHOLE | {"to": value}, rule={"to": rule}).kept) is kept


@pytest.mark.parametrize("day", ["tomorrow", "2026-11-26"])
def test_a_day_is_kept_in_the_users_words_and_in_the_figures_that_they_mean(day):
    found = checked({"title": "Haircut", "date": day}, CREATE, request="a haircut tomorrow")
    assert found.kept["date"] == day


def test_a_day_that_a_result_says_is_kept():
    found = checked({"title": "x", "date": "2026-12-09"}, CREATE, results=['{"date":"2026-12-09"}'])
    assert found.kept["date"] == "2026-12-09"


def test_a_day_that_contradicts_the_users_words_is_a_gap_for_the_caller_to_fill_with_them():
    found = checked({"title": "x", "date": "2026-11-27"}, CREATE, request="a haircut tomorrow")
    assert found.gaps == {"date"}


def test_a_day_that_nobody_named_stays_for_the_device_to_ask_about():
    """No caller gets to put another day in its place, not even one that a result says."""
    found = checked({"title": "x", "date": "2022-01-20"}, CREATE, request="a haircut", results=["2026-12-09"])
    assert found.kept["date"] == "2022-01-20"
    assert found.gaps == frozenset()


def test_the_caller_is_asked_for_the_gaps_alone():
    found = checked({"to": "<email:9>", "subject": "Late"})
    schema = found.of_gaps(SEND)
    assert list(schema["properties"]) == ["to", "body"]
    assert schema["required"] == ["to", "body"]
    filled = found.filled({"to": "<email:1>", "body": "Hi", "subject": "mine"}, SEND["properties"])
    assert filled == {"to": "<email:1>", "subject": "Late", "body": "Hi"}


@pytest.mark.parametrize("written", ["[]", "7", '{"a":', '{"a":1,"a":2}', "{" * 9000])
def test_what_is_no_object_is_no_draft(written):
    assert drafted(written) is None


def test_a_draft_is_whole():
    assert drafted('{"to":"<email:1>"}') == Draft(arguments={"to": "<email:1>"}, whole=True, carried=True)


@pytest.mark.parametrize(
    ("rationale", "arguments", "whole"),
    [
        (
            'Found. Call mail.send with to "<email:1>", subject "Late" and a short body: "Hi, I\'m late."',
            {"to": "<email:1>", "subject": "Late", "body": "Hi, I'm late."},
            False,
        ),
        (
            'Call mail.send once with exactly "to": ["<email:1>", "<email:2>"] (a list of two), subject "Late"',
            {"to": ["<email:1>", "<email:2>"], "subject": "Late"},
            False,
        ),
        (
            'The to "<email:3>" failed: call mail.send with to "<email:1>" (not <email:3>)',
            {"to": "<email:1>"},
            False,
        ),
        ('Call mail.send with exactly {"to":"<email:1>"}; nothing else.', {"to": "<email:1>"}, True),
    ],
)
def test_values_that_a_rationale_spells_are_the_planners(rationale, arguments, whole):
    found = drafted("", rationale)
    assert (found.arguments, found.whole, found.carried) == (arguments, whole, False)


@pytest.mark.parametrize(
    "rationale",
    [
        "To tell <person:1>, use mail.send.",
        'Look up the subject "Late".',
        'First mail.send; then contacts.search with subject "Late".',
        'Call mail.send with {"sender":"x"}.',
        'Call mail.send about "Late".',
        'Call mail.send with subject "5 "big" boxes", then go on.',
    ],
)
def test_other_words_are_no_draft(rationale):
    assert drafted("", rationale) is None


@pytest.mark.timeout(10)
def test_a_draft_and_a_rationale_of_any_size_are_read_in_no_time():
    assert drafted(json.dumps({"body": "x" * 60_000})) is not None
    assert drafted("", "mail.send " + 'body "xy' * 9_000) is None
    assert drafted("", "mail.send " + '{"' * 9_000) is None


FOUND = (
    '{"events":[{"start":"2026-11-26T13:00+01:00","end":"2026-11-26T14:30+01:00"},'
    '{"start":"2026-11-26T23:40+01:00"}]}'
)
MOVE = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "date": {"type": "string", "format": "date"},
        "time": {"type": "string", "format": "time"},
    },
    "required": ["id"],
}


@pytest.mark.parametrize(
    ("request_", "moved"),
    [
        ("postpone the meeting by half an hour", {"time": "13:30"}),
        ("push it back by 15 minutes", {"time": "13:15"}),
        ("make it an hour earlier", {"time": "12:00"}),
        ("put it off by two days", {"date": "2026-11-28"}),
    ],
)
def test_what_the_user_moves_by_a_length_is_kept_where_a_result_says_from_when(request_, moved):
    times = SpokenTimes(TimePhrases(WEDNESDAY, "en_GB"), [request_], [FOUND])
    assert checked({"id": "x", **moved}, MOVE, request=request_, results=[FOUND]).kept == {"id": "x", **moved}
    assert times.timed({"id": "x", **moved}, MOVE, read_only=False).arguments == {"id": "x", **moved}


@pytest.mark.parametrize(
    ("request_", "made_up"),
    [
        ("postpone the meeting by half an hour", {"time": "13:45"}),
        ("postpone the meeting by half an hour", {"time": "12:30"}),
        ("postpone the meeting by half an hour", {"time": "00:10"}),  # another day
        ("move the meeting by half an hour", {"time": "13:30"}),
        ("put it off by two days", {"date": "2026-11-29"}),
        ("put it off by an hour", {"date": "2026-11-27"}),
    ],
)
def test_another_day_or_time_is_asked_about(request_, made_up):
    times = SpokenTimes(TimePhrases(WEDNESDAY, "en_GB"), [request_], [FOUND])
    with pytest.raises(UnclearTimeError):
        times.timed({"id": "x", **made_up}, MOVE, read_only=False)
