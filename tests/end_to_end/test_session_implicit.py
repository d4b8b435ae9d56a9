"""Branches that depend on what stays: where a caller sees values, nothing that follows from them shows."""

from dataclasses import dataclass, field

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.session.consent import DeclineAll, UnsafeApproveAll
from umi_edge.session.events import Answered, GaveUp
from umi_edge.tools import FailureKind, ToolFailure

POLICY = """
tools:
  letters.get:
    runs: device
    confirm: never
    integrity: trusted
    results: {"$.text": {locality: handle, type: text}, "$.open": cloud}
  forms.fill:
    runs: device
    caller: values
    confirm: always
    arguments: {trusted: {requires: trusted}, typed: {type: email}, how: cloud}
    results: {"$.ok": cloud}
  forms.post:
    runs: third-party
    confirm: never
    caller: values
    arguments: {text: {accepts: cloud, on_violation: redact}}
  forms.secret:
    runs: device
    confirm: never
    results: {"$": {locality: handle, shape: hidden}}
  forms.use:
    runs: device
    stored_as: nowhere
    confirm: never
    results: {"$.ok": cloud}  # its other results are handles, whose numbers tell how many there were before
"""
SCHEMA = {
    "type": "object",
    "properties": {"how": {"type": "string"}, "trusted": {"type": "string"}, "typed": {"type": "string"}},
}


@dataclass
class Told:
    """What left in one run, and what the user was told."""

    bodies: list[bytes] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    answer: object = None


async def run(
    folder, *, written, fails=False, value=None, consents=True, tool="forms.fill", letter="a secret"
):
    """One session: a letter that stays is read, then the caller that sees it writes a call."""
    folder.mkdir()

    def fill(_):
        if fails:
            raise ToolFailure(FailureKind.NOT_FOUND, letter)
        return value

    tools = [
        tool_of("letters.get", lambda _: {"text": letter, "open": 1}),
        tool_of("forms.fill", fill, schema=SCHEMA),
        tool_of("forms.post", fill, schema={"type": "object", "properties": {"text": {"type": "string"}}}),
        tool_of("forms.secret", fill),
        tool_of("forms.use", lambda _: {"ok": True, "note": "a note", "flag": True}),
    ]
    plans = [
        plan("To go on, use letters.get."),
        plan(f"To go on, use {tool}."),
        plan("To go on, use forms.use."),
        plan("Done.", "summarizer"),
        "Done.",
    ]
    use = ("forms.use", '{"how":"<data:2>"}')

    def after(view):
        """The next step; or, where the tool's schema refused the call, the same call once more."""
        return use if view.entries[-1].tool == "forms.use" else (tool, written)

    calls = [("letters.get", "{}"), (tool, written), after, use]
    consent = UnsafeApproveAll() if consents else DeclineAll()
    async with world(folder, plans=plans, calls=calls, tools=tools, policy=POLICY, consent=consent) as w:
        answer = await w.session.ask("Fill it in.")
        told = Told([sent.body for sent in w.capture.requests], w.results, answer)
    assert isinstance(answer, Answered)
    assert answer.answer.endswith("Done.")  # behind what the device says was not done
    return told


WRITTEN = {
    "a text": '{"how":"x"}',
    "the value": '{"how":"a secret"}',
    "all arguments": '{"how":"x","trusted":"y","typed":"z"}',
    "none": "{}",
    "another type": '{"how":[1,2,{"deep":null}]}',
    "a handle": '{"how":"<text:1>"}',
    "a forged handle": '{"how":"<iban:7>"}',
    "no JSON": "I cannot",
    "no object": "[]",
    "deep": '{"how":' + "[" * 99 + "]" * 99 + "}",
    "unknown keys": '{"a secret":1}',
}


@pytest.mark.parametrize("name", WRITTEN)
async def test_whatever_a_caller_that_sees_values_writes_looks_the_same(tmp_path, name):
    wanted = await run(tmp_path / "usual", written='{"how":"usual"}', value={"ok": True})
    found = await run(tmp_path / "other", written=WRITTEN[name], value={"ok": True}, letter="something else")
    assert found.bodies == wanted.bodies
    assert wanted.recorded == ["done", "done", "done"]


@pytest.mark.parametrize(
    ("recorded", "outcome"),
    [
        ("not-found", {"fails": True}),
        ("done", {"value": None}),
        ("done", {"value": {"ok": False, "more": [1, 2, 3]}}),
        ("done", {"value": "a secret"}),
        ("too-large", {"value": "x" * (1 << 21)}),
        ("declined", {"consents": False}),
        ("denied", {"written": '{"trusted":"y"}'}),
        ("done", {"written": '{"typed":"<person:1>"}'}),  # it is given no handles, so that is text
        ("invalid-arguments", {"written": '{"how":7}'}),
        ("invalid-call", {"written": ""}),
    ],
)
async def test_however_its_call_ends_looks_the_same_and_the_user_knows(tmp_path, recorded, outcome):
    usual = {"written": '{"how":"usual"}', "value": {"ok": True}}
    wanted = await run(tmp_path / "usual", **usual)
    found = await run(tmp_path / "other", **usual | outcome)
    assert found.bodies == wanted.bodies
    assert found.recorded == ["done", recorded, "done"]


async def test_a_third_party_of_such_a_caller_tells_nothing_either(tmp_path):
    wanted = await run(tmp_path / "usual", written='{"text":"usual"}', value=1, tool="forms.post")
    found = await run(tmp_path / "other", written="{}", fails=True, tool="forms.post")
    assert found.bodies == wanted.bodies


@pytest.mark.parametrize(
    "outcome",
    [
        {"fails": True},
        {"value": None},
        {"value": []},
        {"value": [1, 2]},
        {"value": {"a": {}}},
        {"value": "x"},
    ],
)
async def test_a_tool_whose_result_has_no_shape_tells_not_even_that_it_failed(tmp_path, outcome):
    usual = {"written": "{}", "tool": "forms.secret", "letter": "x"}
    wanted = await run(tmp_path / "usual", **usual, value="usual")
    found = await run(tmp_path / "other", **usual, **outcome)
    assert found.bodies == wanted.bodies
    assert found.recorded[1] == ("not-found" if "fails" in outcome else "done")


async def test_where_nothing_stays_a_caller_that_may_see_values_fails_as_any_does(tmp_path):
    tools = [tool_of("forms.fill", lambda _: {"ok": True}, schema=SCHEMA)]
    plans = [plan("To go on, use forms.fill."), plan("No.", "give up")]
    calls = [("forms.fill", "nothing")]
    async with world(tmp_path, plans=plans, calls=calls, tools=tools, policy=POLICY) as w:
        await w.session.ask("Fill it in.")
    assert w.plan_requests()[1].view.entries[-1].observation.failure == "invalid-call"


class Saying:
    """Says these words in turn, the last one for ever; remembers what was asked."""

    def __init__(self, *words):
        self.words, self.asked = words, []

    async def approve(self, request):
        self.asked.append(request.arguments)
        return self.words[min(len(self.asked), len(self.words)) - 1]


async def filled(folder, steps, consent):
    """A session that reads a letter, then makes these calls of one tool: by a caller of values, or of handles."""
    folder.mkdir()
    tools = [
        tool_of("letters.get", lambda _: {"text": "a secret", "open": 1}),
        tool_of("forms.fill", lambda _: {"ok": True}, schema=SCHEMA),
    ]
    words = {"values": "To go on, use forms.fill.", "handles": "To go on."}
    plans = [plan("To go on, use letters.get."), *(plan(words[sees]) for sees, _ in steps)]
    calls = [("letters.get", "{}"), *(("forms.fill", written) for _, written in steps)]
    async with world(
        folder,
        plans=[*plans, plan("No.", "give up")],
        calls=calls,
        tools=tools,
        policy=POLICY,
        consent=consent,
    ) as w:
        ending = await w.session.ask("Fill it in.")
        return Told([sent.body for sent in w.capture.requests], w.results, ending)


VALUES = [("values", f'{{"how":"{word}"}}') for word in ("one", "two", "three", "one")]


async def test_how_often_the_user_says_no_to_what_a_caller_of_values_wrote_does_not_show(tmp_path):
    said = {"yes": Saying(True), "no": Saying(False), "no and yes": Saying(False, True)}
    told = {word: await filled(tmp_path / word, VALUES, consent) for word, consent in said.items()}
    assert told["yes"].bodies == told["no"].bodies == told["no and yes"].bodies
    assert len(told["yes"].bodies) == 6
    assert told["no"].recorded == ["done", *["declined"] * 4]
    assert told["no and yes"].recorded == ["done", "declined", "done", "done", "declined"]


async def test_after_two_noes_nobody_is_asked_about_such_a_call_again(tmp_path):
    consent = Saying(False)
    await filled(tmp_path / "a", VALUES, consent)
    assert [one["how"] for one in consent.asked] == ["one", "two"]


async def test_a_no_to_a_caller_of_values_is_not_remembered_where_the_cloud_would_see_it(tmp_path):
    """Else it would show whether the hidden call was the same as the one that the cloud knows."""
    open_call = ("handles", '{"how":"one"}')
    same = await filled(tmp_path / "same", [("values", '{"how":"one"}'), open_call], Saying(False, True))
    other = await filled(tmp_path / "other", [("values", '{"how":"two"}'), open_call], Saying(False, True))
    assert same.bodies == other.bodies
    assert same.recorded == other.recorded == ["done", "declined", "done"]


async def test_noes_to_a_caller_of_values_do_not_bring_the_session_nearer_to_its_end(tmp_path):
    steps = [*VALUES[:2], ("handles", '{"how":"x"}')]
    told = await filled(tmp_path / "a", steps, Saying(False))
    assert told.answer == GaveUp("No.")
    assert told.recorded == ["done", *["declined"] * 3]
