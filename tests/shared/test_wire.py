"""The wire: what is encoded comes back, and what a hostile peer sends is refused under limits."""

import contextlib
import dataclasses
import json

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from umi_proto.v1 import agent_pb2 as pb
from umi_shared.errors import MalformedError
from umi_shared.handles import Handle
from umi_shared.labels import PLANNER
from umi_shared.released import mint
from umi_shared.transcript import (
    Answer,
    AnswerDelta,
    Call,
    Decision,
    DraftUse,
    Instruction,
    Next,
    Observation,
    Plan,
    QuestionDelta,
    RationaleDelta,
    Relation,
    ToolCard,
    Usage,
    View,
)
from umi_shared.wire import (
    WireLimits,
    plan_event,
    plan_event_message,
    plan_events_message,
    plan_request,
    read_plan_events,
    read_request,
    read_summarize_events,
    read_view,
    strings_of,
    summarize_event,
    summarize_event_message,
    summarize_events_message,
    summarize_request,
)

LIMITS = WireLimits()
CLEAR = st.text(st.characters(codec="utf-8"), max_size=20)
HANDLES = st.builds(Handle, st.sampled_from(["email", "person"]), st.integers(1, 999_999_999))
TEXT = st.lists(CLEAR | HANDLES, max_size=4).map(tuple)
NAME = st.from_regex(r"[a-z.]{1,20}", fullmatch=True)
ENTRIES = st.one_of(
    st.builds(Instruction, TEXT),
    st.builds(Plan, TEXT, st.sampled_from(Next), NAME),
    st.builds(Call, NAME, TEXT, st.sampled_from(DraftUse)),
    st.builds(
        Observation, NAME, TEXT, NAME, st.lists(st.builds(Relation, HANDLES, HANDLES), max_size=2).map(tuple)
    ),
    st.builds(Answer, TEXT),
)
CARDS = st.builds(
    ToolCard, name=NAME, description=TEXT, input_schema=st.dictionaries(CLEAR, CLEAR, max_size=2)
)
VIEWS = st.builds(
    View,
    catalogue=st.lists(CARDS, max_size=2).map(tuple),
    entries=st.lists(ENTRIES, min_size=1, max_size=5).map(tuple),
    may_ask=st.booleans(),
)


@given(VIEWS, st.sampled_from([plan_request, summarize_request]), st.sampled_from([0, 64, 1024]))
def test_a_view_comes_back_as_it_was(view, encode, bucket):
    request = encode("r1", mint(view, PLANNER, ()), bucket_bytes=bucket)
    assert read_view(type(request).FromString(request.SerializeToString()), LIMITS) == view


@given(VIEWS)
def test_the_same_view_is_the_same_bytes(view):
    one, other = (plan_request("r1", mint(view, PLANNER, ())).SerializeToString() for _ in range(2))
    assert one == other


@pytest.mark.parametrize("bucket", [64, 256, 1024])
def test_every_size_is_padded_to_its_bucket_with_zero_bytes(bucket):
    """Also the sizes just past a jump of the length's own length."""
    for size in range(2 * bucket + 300):
        view = View(catalogue=(), entries=(Instruction(("x" * size,)),))
        request = plan_request("r1", mint(view, PLANNER, ()), bucket_bytes=bucket)
        assert len(request.SerializeToString()) % bucket == 0, size
        assert not any(request.padding)


def test_the_wire_takes_released_values_only():
    view = View(catalogue=(), entries=(Instruction(("a",)),))
    for wrong in (view, dataclasses.make_dataclass("Lookalike", ["payload"])(view)):
        with pytest.raises(TypeError, match="Released"):
            plan_request("r1", wrong)


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_view_or_a_refusal(raw):
    try:
        request = pb.PlanRequest.FromString(raw)
    except DecodeError:
        assert strings_of(raw) == []
        return
    with contextlib.suppress(MalformedError):
        assert isinstance(read_view(request, LIMITS), View)


@settings(max_examples=300)
@given(st.binary(max_size=100))
def test_any_bytes_are_an_event_or_a_refusal(raw):
    for read in (read_plan_events, read_summarize_events):
        with contextlib.suppress(MalformedError):
            events = read(raw, LIMITS)
            assert events
            assert all(map(dataclasses.is_dataclass, events))


@pytest.mark.parametrize(
    "event",
    [
        RationaleDelta("a"),
        Decision(Next.CALLER, "notes.search"),
        Decision(Next.CALLER, "notes.search", '{"query":"<text:1>"}'),
        QuestionDelta("Which one?"),
        Decision(Next.ASK_USER),
        Decision(Next.GIVE_UP),
        Usage(prompt_tokens=3),
    ],
)
def test_a_planners_event_comes_back(event):
    assert plan_event(plan_event_message(event), LIMITS) == event


@pytest.mark.parametrize("event", [AnswerDelta("a"), Usage(completion_tokens=3)])
def test_a_summarizers_event_comes_back(event):
    assert summarize_event(summarize_event_message(event), LIMITS) == event


PLAN_EVENTS = (RationaleDelta("a"), Decision(Next.CALLER, "notes.search"), Usage(prompt_tokens=3))
ANSWER_EVENTS = (AnswerDelta("a"), Usage(completion_tokens=3))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_events_of_one_moment_come_back_in_their_order(count):
    plan, answer = PLAN_EVENTS[:count], ANSWER_EVENTS[:count]
    assert read_plan_events(plan_events_message(plan).SerializeToString(), LIMITS) == plan
    assert read_summarize_events(summarize_events_message(answer).SerializeToString(), LIMITS) == answer


def test_one_event_is_spelt_as_a_device_of_an_earlier_version_reads_it():
    assert plan_events_message(PLAN_EVENTS[:1]) == plan_event_message(PLAN_EVENTS[0])
    assert summarize_events_message(ANSWER_EVENTS[:1]) == summarize_event_message(ANSWER_EVENTS[0])


@pytest.mark.parametrize("encode", [plan_request, summarize_request])
def test_a_request_says_that_its_device_reads_several_and_an_earlier_one_does_not(encode):
    made = encode("r1", mint(View(catalogue=(), entries=(Instruction(("a",)),)), PLANNER, ()))
    assert read_request(made.SerializeToString(), LIMITS).reads_several
    made.ClearField("reads_several")
    assert not read_request(made.SerializeToString(), LIMITS).reads_several


@pytest.mark.parametrize(
    ("read", "one", "several"),
    [
        (read_plan_events, pb.PlanEvent(rationale_delta="a"), pb.PlanEvents),
        (read_summarize_events, pb.SummarizeEvent(answer_delta="a"), pb.SummarizeEvents),
    ],
)
def test_no_events_too_many_and_several_within_several_are_refused(read, one, several):
    kind = type(one)
    assert len(read(kind(several=several(events=[one] * LIMITS.events)).SerializeToString(), LIMITS)) == 16
    for wrong in (
        several(),
        several(events=[one] * (LIMITS.events + 1)),
        several(events=[kind()]),
        several(events=[one, kind(several=several(events=[one]))]),
    ):
        with pytest.raises(MalformedError):
            read(kind(several=wrong).SerializeToString(), LIMITS)


def request(**changes: object) -> pb.PlanRequest:
    made = plan_request("r1", mint(View(catalogue=(), entries=(Instruction(("a",)),)), PLANNER, ()))
    made.view.catalogue.add(name="a.b", input_schema="{}")
    for path, value in changes.items():
        setattr(made.view.catalogue[0], path, value)
    return made


DEEP = {
    "deep": "[" * 40 + "]" * 40,
    "deep behind brackets in strings": '["' + "]" * 99 + '",' + "[" * 40 + "]" * 41,
    "deep, a closing bracket in each level's string": '["]",' * 2000 + "1" + "]" * 2000,
    "very deep": '{"a":' * 10_000 + "1" + "}" * 10_000,
}


@pytest.mark.parametrize(
    "schema", [*DEEP.values(), "[]", "x", '"', "NaN x", "{" * 70_000], ids=lambda s: s[:20]
)
def test_a_schema_that_is_deep_large_or_no_object_is_refused(schema):
    with pytest.raises(MalformedError):
        read_view(request(input_schema=schema), LIMITS)


def test_brackets_in_strings_are_no_depth():
    schema = json.dumps({"description": "[{" * 500})
    assert read_view(request(input_schema=schema), LIMITS).catalogue[0].input_schema == json.loads(schema)


@pytest.mark.parametrize(
    ("limit", "value"),
    [("tools", 0), ("entries", 0), ("segments", 0), ("name_bytes", 1), ("padding_bytes", 0)],
)
def test_each_limit_is_named_when_it_is_passed(limit, value):
    made = request()
    made.padding = bytes(5)
    with pytest.raises(MalformedError, match="limit is"):
        read_view(made, dataclasses.replace(LIMITS, **{limit: value}))


def test_a_request_without_entries_or_with_an_empty_one_is_refused():
    for change in (lambda r: r.view.ClearField("entries"), lambda r: r.view.entries.add()):
        made = request()
        change(made)
        with pytest.raises(MalformedError):
            read_view(made, LIMITS)


def test_the_strings_of_a_request_are_all_of_them_in_order():
    made = request(name="tool", input_schema='{"a":1}')
    made.view.entries.add(observation=pb.Observation(tool="t", failure="f"))
    assert strings_of(made.SerializeToString()) == ["r1", "tool", '{"a":1}', "a", "t", "f"]
