"""Operators in a session: plans work on values that nobody in the cloud has seen, and what comes of them stays."""

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress.guard import EgressGuard
from umi_edge.reading import Reading
from umi_edge.session.events import Answered, Refused
from umi_edge.tools.operators import operator_tools
from umi_shared.handles import Handle
from umi_shared.labels import Integrity, Locality

POLICY = """
tools:
  letters.get:
    runs: device
    integrity: trusted
    results:
      "$.text": {locality: handle, type: text}
      "$.due": {locality: handle, type: date}
      "$.secret": {locality: hidden}
      "$.bills": {locality: handle, shape: hidden, type: bills}
      "$.plannable": planner
      "$.open": cloud
  letters.send:
    runs: device
    arguments: {to: {type: email}, body: {type: text}, trusted: {requires: trusted}}
    results: {"$.sent": cloud}
  letters.post:
    runs: third-party
    arguments: {text: {accepts: cloud}}
  value.*:
    arguments: {question: cloud, what: cloud, where: cloud, expression: cloud, template: cloud, as: cloud, take: cloud}
    results: {"$": cloud}
"""
LETTER = {
    "text": "Please answer to ann@example.org by Friday.",
    "due": "2026-11-23",
    "secret": "4711",
    "bills": [{"to": "Étoile", "sum": 12.5}, {"to": "O'Neil", "sum": 30}],
    "open": "open",
}
TEXT = {"type": "string"}


class Laptop:
    """The tools of a laptop, and what they were given."""

    def __init__(self, letter=LETTER):
        self.sent = []

        def take(arguments):
            self.sent.append(dict(arguments))
            return {"sent": True}

        schema = {"type": "object", "properties": {"to": TEXT, "body": TEXT, "text": TEXT, "trusted": TEXT}}
        self.tools = [
            tool_of("letters.get", lambda _: letter),
            tool_of("letters.send", take, schema=schema),
            tool_of("letters.post", take, schema=schema),
            *operator_tools(Reading()),
        ]


def flow(laptop, *calls, answer="Done.", **more):
    steps = [plan(f"Use {name}.") for name, _ in calls]
    return {
        "plans": [*steps, plan("Done.", "summarizer"), answer],
        "calls": list(calls),
        "tools": laptop.tools,
        "policy": POLICY,
        **more,
    }


GET = ("letters.get", "{}")


async def test_a_plan_answers_a_letter_that_it_never_saw(tmp_path):
    laptop = Laptop()
    calls = [
        GET,
        ("value.answer", '{"text":"<text:1>","question":"the address","as":"email"}'),
        ("value.compute", '{"expression":"<date:1> + 1 week","as":"date"}'),
        ("value.compose", '{"template":"I will pay on <date:2>.","as":"text"}'),
        ("letters.send", '{"to":"<email:1>","body":"<text:2>"}'),
    ]
    async with world(tmp_path, **flow(laptop, *calls, answer="Told <email:1>.", guard=EgressGuard)) as w:
        ending = await w.session.ask("Answer the letter.")
    assert ending == Answered("Told ann@example.org.")
    assert laptop.sent == [{"to": "ann@example.org", "body": "I will pay on 2026-11-30."}]
    for private in (b"ann@example", b"2026-11", b"Friday", b"I will pay on 2026"):
        assert private not in w.capture.bytes_out
    observations = [
        entry.observation for entry in w.plan_requests()[-1].view.entries if entry.HasField("observation")
    ]
    kept = [
        [
            segment.clear or f"<{segment.handle.type}:{segment.handle.number}>"
            for segment in one.content.segments
        ]
        for one in observations[1:4]
    ]
    assert kept == [['"', "<email:1>", '"'], ['"', "<date:2>", '"'], ['"', "<text:2>", '"']]


async def test_a_choice_from_a_list_of_no_shape_gives_one_handle(tmp_path):
    laptop = Laptop()
    calls = [
        GET,
        ("value.select", '{"list":"<bills:1>","where":"sum > 20","take":"to","as":"company"}'),
        ("value.select", '{"list":"<bills:1>","where":"to == <company:1>"}'),
        ("value.compose", '{"template":"To <company:1>"}'),
    ]
    async with world(tmp_path, **flow(laptop, *calls)) as w:
        await w.session.ask("Which bill is high?")
    assert w.vault[Handle("company", 1)].value == "O'Neil"
    assert w.session.record[2].result == "done"
    assert w.vault[Handle("data", 1)].value == LETTER["bills"][1]
    assert w.session.record[3].arguments == {"template": "To O'Neil"}
    assert b"Neil" not in w.capture.bytes_out


@pytest.mark.parametrize(
    ("expression", "locality"),
    [
        ("1 + 2", Locality.CLOUD),
        ("count([<text:1>])", Locality.HANDLE),
        ("days(<date:1> - <date:1>)", Locality.HANDLE),
    ],
)
async def test_a_result_is_as_private_as_its_inputs_whatever_its_own_rule_says(
    tmp_path, expression, locality
):
    calls = [GET, ("value.compute", f'{{"expression":"{expression}"}}')]
    async with world(tmp_path, **flow(Laptop(), *calls)) as w:
        await w.session.ask("Compute.")
    (span,) = w.session.calls.entries[-3].text
    assert span.label.locality == locality
    assert span.label.integrity is Integrity.UNTRUSTED, "a model wrote the expression"


async def test_a_result_made_of_what_is_hidden_has_no_handle(tmp_path):
    laptop = Laptop({"text": "x", "secret": "4711"})
    policy = POLICY + "  letters.tell: {runs: device, results: {'$': hidden}}\n"
    tools = [*laptop.tools, tool_of("letters.tell", lambda _: "4711")]
    calls = [GET, ("letters.tell", "{}"), ("value.compose", '{"template":"<text:1>"}')]
    async with world(tmp_path, **flow(laptop, *calls, tools=tools, policy=policy)) as w:
        await w.session.ask("Compose.")
    assert w.prompts[-1].count('"[hidden]"') == 2, (
        "the secret and the other tool's result; compose made a handle"
    )


@pytest.mark.parametrize(
    "call",
    [
        ("value.compute", '{"expression":"<text:1> + 1"}'),
        ("value.compute", '{"expression":"<date:1> + 1 day"}'),
        ("value.answer", '{"text":"<bills:1>","question":"nothing of the kind"}'),
        ("value.answer", '{"text":"<bills:1>","question":"to whom does the sum go?"}'),
        ("value.pick", '{"list":"<bills:1>","what":"Étoile"}'),
        ("value.pick", '{"list":"<bills:1>","what":"nobody"}'),
        ("value.select", '{"list":"<bills:1>","where":"sum > 1000"}'),
        ("value.select", '{"list":"<bills:1>","where":"sum > 0"}'),
        ("value.select", '{"list":"<text:1>","where":"sum > 0"}'),
    ],
)
async def test_success_and_failure_of_an_operator_on_what_stays_look_the_same(tmp_path, call):
    async with world(tmp_path, **flow(Laptop(), GET, call)) as w:
        await w.session.ask("Try.")
    observation = w.plan_requests()[-2].view.entries[-1].observation
    assert observation.failure == ""
    assert [segment.clear or str(segment.handle.number) for segment in observation.content.segments] == [
        '"',
        "1",
        '"',
    ]
    assert observation.content.segments[1].handle.type == "data"


async def test_a_failure_on_public_inputs_is_told_so_that_the_plan_can_mend_it(tmp_path):
    async with world(tmp_path, **flow(Laptop(), ("value.compute", '{"expression":"1 +"}'))) as w:
        await w.session.ask("Compute.")
    assert w.plan_requests()[-2].view.entries[-1].observation.failure == "invalid-arguments"


async def test_what_an_operator_made_is_no_trusted_value(tmp_path):
    laptop = Laptop()
    calls = [
        GET,
        ("value.answer", '{"text":"<text:1>","question":"the address","as":"email"}'),
        ("letters.send", '{"trusted":"<email:1>"}'),
        ("letters.send", '{"trusted":"<text:1>"}'),
    ]
    async with world(tmp_path, **flow(laptop, *calls)) as w:
        await w.session.ask("Send.")
    assert w.results == ["done", "done", "denied", "done"]
    assert "requires a trusted value" in w.of(Refused)[0].reasons[0]


async def test_what_an_operator_made_reaches_no_third_party(tmp_path):
    laptop = Laptop()
    calls = [
        GET,
        ("value.compose", '{"template":"<text:1>"}'),
        ("letters.post", '{"text":"<data:1>"}'),
        ("letters.post", '{"text":"public"}'),
    ]
    async with world(tmp_path, **flow(laptop, *calls)) as w:
        await w.session.ask("Post.")
    assert laptop.sent == [{"text": "public"}]


async def test_a_type_that_not_everyone_may_read_is_not_used(tmp_path):
    # The planner has read a text that only it may read; a word of its own may tell of it to the summarizer.
    calls = [GET, ("value.compose", '{"template":"x","as":"planned"}')]
    async with world(tmp_path, **flow(Laptop({"plannable": "planned"}), *calls)) as w:
        await w.session.ask("Compose.")
    assert not [kept for kept in w.vault if kept.handle.type == "planned"]


async def test_a_type_that_is_a_handle_is_not_used(tmp_path):
    calls = [GET, ("value.compose", '{"template":"x","as":"<text:1>"}')]
    async with world(tmp_path, **flow(Laptop({"text": "secretword"}), *calls)) as w:
        await w.session.ask("Compose.")
    assert b"secretword" not in w.capture.bytes_out
    assert not [kept for kept in w.vault if kept.handle.type == "secretword"]
