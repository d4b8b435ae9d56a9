"""What open shapes spend in a session, and where they stop it: before a byte that would tell more is sent."""

import base64

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling.shape_budget import ShapeLimitError
from umi_edge.session.consent import DeclineAll
from umi_edge.session.events import Answered
from umi_edge.session.report import Report
from umi_edge.tools import FailureKind, ToolFailure

CANARY = "Quillon Zweig"
POLICY = """
tools:
  people.get:
    runs: device
    confirm: never
    results: {"$.people[*].name": {locality: handle, type: person}, "$.people[*].age": {locality: handle, type: age}}
  people.find: {runs: device, confirm: never}
  people.send: {runs: device, confirm: always}
  people.whole: {runs: device, confirm: never, results: {"$": {locality: handle, shape: hidden}}}
limits: {shape_bits: %d}
"""
PEOPLE = {"people": [{"name": CANARY, "age": 41, f"{CANARY}'s": None}, {"name": "Ann", "age": 7}]}


def fails(_):
    raise ToolFailure(FailureKind.NOT_FOUND, f"nobody knows {CANARY}")


def look(*tools, bits=4096, **more):
    return {
        "plans": [*(plan(f"To look, use {name}.") for name in tools), plan("Done.", "summarizer"), "Done."],
        "calls": [(name, "{}") for name in tools],
        "tools": [
            tool_of("people.get", lambda _: PEOPLE, description="Get them."),
            tool_of("people.find", fails),
            tool_of("people.send", lambda _: {"sent": 1}),
            tool_of("people.whole", lambda _: PEOPLE),
        ],
        "policy": POLICY % bits,
        **more,
    }


async def test_a_session_is_told_what_its_shapes_spent_on_what(tmp_path):
    async with world(tmp_path, **look("people.get", "people.find", "people.whole", guard=EgressGuard)) as w:
        ending = await w.session.ask("Look.")
        report = Report(session=w.session, ending=ending).as_json()
    assert isinstance(ending, Answered)
    assert report["shape_bits"] == w.session.labeller.shapes.spent_bits > 20
    spent_on = {row.partition(" on ")[2] for row in report["bits_spent_on"]}
    assert spent_on == {
        "members of people.get",
        "list lengths of people.get",
        "types of people.get",
        "failures of people.get",
        "failures of people.find",
    }
    assert CANARY not in str(report["bits_spent_on"])
    assert CANARY.encode() not in w.capture.bytes_out


async def test_a_small_limit_stops_the_session_before_the_shape_is_sent(tmp_path):
    async with world(tmp_path, **look("people.find", "people.get", bits=20)) as w:
        with pytest.raises(ShapeLimitError) as stopped:
            await w.session.ask("Look.")
        messages = [base64.b64decode(entry["message"]) for entry in w.recorded]
    assert len(messages) == 2, "the plans that led there, and nothing after"
    said = f"{stopped.value} {stopped.value.fix}"
    assert "a result of people.get would tell passes this session's 20 bits" in said
    assert "of which 5 are spent: 5 on failures of people.find" in said
    assert "shape: hidden" in said
    assert CANARY not in said
    assert CANARY.encode() not in w.capture.bytes_out
    assert w.results == ["not-found", "done"], "the record has what was done"


async def test_after_the_stop_nothing_goes_on_but_what_has_no_shape(tmp_path):
    calls = look("people.get", "people.find", "people.whole", bits=20)
    async with world(tmp_path, **calls) as w:
        for _ in range(2):
            with pytest.raises(ShapeLimitError):
                await w.session.ask("Look.")
        assert isinstance(await w.session.ask("Then the whole."), Answered)
        said = [
            entry.observation for entry in w.plan_requests()[-1].view.entries if entry.HasField("observation")
        ]
    assert [one.failure for one in said] == ["interrupted", "interrupted", ""]


@pytest.mark.parametrize("answer", [True, False])
async def test_a_yes_and_a_no_of_the_user_cost_a_bit(tmp_path, answer):
    more = {} if answer else {"consent": DeclineAll()}
    async with world(tmp_path, **look("people.send", **more)) as w:
        await w.session.ask("Send.")
    assert w.results == ["done" if answer else "declined"]
    assert w.session.labeller.shapes.charged["consent", "people.send"] == 1


async def test_where_no_bit_is_left_the_user_is_asked_and_the_tool_does_not_run(tmp_path):
    async with world(tmp_path, **look("people.send", bits=0)) as w:
        with pytest.raises(ShapeLimitError):
            await w.session.ask("Send.")
    assert w.results == []


async def test_what_has_no_shape_is_not_counted_and_never_stops(tmp_path):
    async with world(tmp_path, **look("people.whole", bits=0)) as w:
        assert isinstance(await w.session.ask("Look."), Answered)
    assert w.session.labeller.shapes.spent_bits == 0


async def test_how_much_is_spent_is_not_on_the_wire(tmp_path):
    """Sessions whose limits differ, and are not reached, send the same."""
    sent = []
    for bits in (300, 4096):
        folder = tmp_path / str(bits)
        folder.mkdir()
        async with world(folder, **look("people.get", bits=bits)) as w:
            await w.session.ask("Look.")
            sent.append([one.body for one in w.capture.requests])
    assert sent[0] == sent[1]
