"""Reading in a session: the planner learns whether an answer was found, and that is counted; the answer stays."""

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling.declassification import DeclassifiedError
from umi_edge.reading import Reading
from umi_edge.session.consent import DecidedBy
from umi_edge.session.events import Answered
from umi_edge.tools.operators import operator_tools
from umi_shared.handles import Handle
from umi_shared.labels import Integrity, Locality

POLICY = """
tools:
  notes.read:
    runs: device
    integrity: trusted
    results: {"$.text": {locality: handle, type: text}, "$.sealed": {locality: handle, type: text, shape: hidden}}
  mail.read:
    runs: device
    integrity: untrusted
    results: {"$.text": {locality: handle, type: text}}
  letters.send:
    runs: device
    confirm: always
    arguments: {body: {type: text}}
    results: {"$.sent": cloud}
  value.*:
    arguments: {question: cloud, what: cloud, as: cloud, take: cloud}
"""
NOTE = "Lemon cake. Cream the butter. It goes in the oven for 50 minutes. Serve it warm."
OTHER = "Lemon cake. Beat four eggs. It goes in the oven for an hour and ten. Dust with sugar."
LONG = '{"text":"<text:1>","question":"How long does it go in the oven?","as":"duration"}'
COLOUR = '{"text":"<text:1>","question":"What colour is the icing?"}'


class Consenting:
    """A user who says yes, and keeps what they were shown."""

    def __init__(self):
        self.asked = []

    async def approve(self, request):
        self.asked.append(request)
        return True


def tools_of(note):
    return [
        tool_of("notes.read", lambda _: {"text": note, "sealed": note}),
        tool_of("mail.read", lambda _: {"text": note}),
        tool_of(
            "letters.send",
            lambda _: {"sent": True},
            schema={"type": "object", "properties": {"body": {"type": "string"}}},
        ),
        *operator_tools(Reading()),
    ]


def flow(*calls, note=NOTE, policy=POLICY, answer="Done.", **more):
    plans = [*(plan(f"Use {name}.") for name, _ in calls), plan("Done.", "summarizer"), answer]
    return {"plans": plans, "calls": list(calls), "tools": tools_of(note), "policy": policy, **more}


READ = ("notes.read", "{}")


def seen(world):
    """What the planner was sent last, and the failure of the last call."""
    observation = [
        entry.observation for entry in world.plan_requests()[-1].view.entries if entry.HasField("observation")
    ][-1]
    return observation.failure, "".join(
        segment.clear or f"<{segment.handle.type}:{segment.handle.number}>"
        for segment in observation.content.segments
    )


async def test_the_cloud_gets_a_handle_and_the_user_the_words(tmp_path):
    calls = [READ, ("value.answer", LONG)]
    async with world(tmp_path, **flow(*calls, answer="It says: <duration:1>", guard=EgressGuard)) as w:
        ending = await w.session.ask("How long does the cake bake?")
    assert ending == Answered("It says: It goes in the oven for 50 minutes.")
    assert seen(w) == ("", '"<duration:1>"')
    assert b"50 minutes" not in w.capture.bytes_out
    kept = w.vault[Handle("duration", 1)]
    assert kept.label.locality is Locality.HANDLE
    assert kept.label.integrity is Integrity.UNTRUSTED
    assert w.session.labeller.keeper.declassified.rows() == ["1 on found of 1 text"]


async def test_not_found_is_told_and_costs_a_bit_like_found(tmp_path):
    calls = [READ, ("value.answer", LONG), ("value.answer", COLOUR)]
    async with world(tmp_path, **flow(*calls)) as w:
        await w.session.ask("What colour is the icing?")
    assert seen(w) == ("not-found", "")
    assert w.session.labeller.keeper.declassified.rows() == ["2 on found of 1 text"]


async def test_a_question_beyond_the_budget_is_not_answered(tmp_path):
    policy = POLICY + "limits: {declassified_bits: 1}\n"
    calls = [READ, ("value.answer", LONG), ("value.answer", COLOUR)]
    async with world(tmp_path, **flow(*calls, policy=policy)) as w:
        with pytest.raises(DeclassifiedError):
            await w.session.ask("What colour is the icing?")
    assert w.results == ["done", "done"]


@pytest.mark.parametrize(
    ("policy", "call"),
    [
        (POLICY, COLOUR.replace("<text:1>", "<text:2>")),
        (POLICY + "  value.answer: {results: {'$': {shape: hidden}}}\n", COLOUR),
    ],
)
async def test_what_has_no_shape_does_not_even_tell_that(tmp_path, policy, call):
    async with world(tmp_path, **flow(READ, ("value.answer", call), policy=policy)) as w:
        await w.session.ask("What colour is the icing?")
    assert seen(w) == ("", '"<data:1>"')
    assert w.session.labeller.keeper.declassified.rows() == []


@pytest.mark.parametrize(
    ("question", "pair"),
    [
        (LONG, (NOTE, OTHER)),
        (COLOUR, (NOTE, OTHER)),
        (LONG.replace("<text:1>", "<text:2>"), (NOTE, "Nothing.")),
    ],
)
async def test_texts_that_both_answer_or_both_do_not_put_the_same_bytes_on_the_wire(tmp_path, question, pair):
    sent = []
    for number, note in enumerate(pair):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with world(folder, **flow(READ, ("value.answer", question), note=note)) as w:
            await w.session.ask("How long?")
        sent.append([request.message for request in w.capture.requests])
    assert sent[0] == sent[1]


@pytest.mark.parametrize(
    ("tool", "decided_by", "said"),
    [
        ("notes.read", DecidedBy.MODEL, "read by value.answer out of your data (notes.read)"),
        ("mail.read", DecidedBy.STRANGER, "read by value.answer out of somebody else's text (mail.read)"),
    ],
)
async def test_consent_says_what_an_answer_was_read_out_of(tmp_path, tool, decided_by, said):
    user = Consenting()
    calls = [(tool, "{}"), ("value.answer", LONG), ("letters.send", '{"body":"<duration:1>"}')]
    async with world(tmp_path, **flow(*calls, consent=user)) as w:
        await w.session.ask("Send how long it bakes.")
    [asked] = [request for request in user.asked if request.tool == "letters.send"]
    assert asked.arguments == {"body": "It goes in the oven for 50 minutes."}
    assert asked.provenance["body"].said == (said,)
    assert asked.decided_by("body") is decided_by


async def test_consent_says_that_an_answer_may_not_be_what_was_asked_for(tmp_path):
    """The note bakes a lemon cake, and nobody knows for how many guests."""
    user = Consenting()
    asks = '{"text":"<text:1>","question":"How long does the birthday cake go in the oven?","as":"duration"}'
    calls = [READ, ("value.answer", asks), ("letters.send", '{"body":"<duration:1>"}')]
    async with world(tmp_path, **flow(*calls, consent=user)) as w:
        await w.session.ask("Send how long it bakes.")
    [asked] = [request for request in user.asked if request.tool == "letters.send"]
    doubted = "read by value.answer out of your data (notes.read); it may not be what was asked for"
    assert asked.provenance["body"].said == (doubted,)
    assert b"50 minutes" not in w.capture.bytes_out


async def test_an_item_is_picked_from_handles_that_the_plan_lists(tmp_path):
    call = '{"list":["<text:1>","Apple pie"],"what":"the lemon one","as":"recipe"}'
    async with world(tmp_path, **flow(READ, ("value.pick", call))) as w:
        await w.session.ask("Which one has lemon?")
    assert seen(w) == ("", '"<recipe:1>"')
    assert w.vault[Handle("recipe", 1)].value == NOTE
