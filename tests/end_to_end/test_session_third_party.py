"""What reaches a tool that sends its arguments on: what a rule accepts or the user was shown, and no more (I5)."""

import json

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.tools import Hints

POLICY = """
tools:
  people.get:
    runs: device
    confirm: never
    results: {"$.mails[*]": {locality: handle, type: email}, "$.plan": planner}
  web.post:
    runs: third-party
    confirm: never
    arguments:
      q: {accepts: cloud, on_violation: ask}
      quiet: {accepts: cloud, on_violation: redact}
      headers: {accepts: cloud, on_violation: redact}
      strict: {accepts: cloud}
"""
DATA = {"mails": ["ann@kept.example", "bob@kept.example"], "plan": "Kept-4711"}
TEXT = {"type": "string"}
SCHEMA = {
    "type": "object",
    "properties": {"q": TEXT, "quiet": TEXT, "headers": {}, "strict": TEXT},
}


class OnlyThese:
    """Says yes to what it was shown once."""

    def __init__(self):
        self.shown = []

    async def approve(self, request):
        self.shown.append(dict(request.arguments))
        return len(self.shown) == 1


async def posted(folder, *arguments, consent=None):
    """What the tool got of these calls, and what came of each, after the planner has read a text that it alone may."""
    got = []
    tools = [
        tool_of("people.get", lambda _: DATA),
        tool_of("web.post", lambda a: got.append(a) or 1, schema=SCHEMA, hints=Hints(open_world=True)),
    ]
    plans = [plan("To look, use people.get.")]
    plans += [plan("To post, use web.post.") for _ in arguments] + [plan("No.", "give up")]
    calls = [("people.get", "{}"), *(("web.post", json.dumps(one)) for one in arguments)]
    async with world(folder, plans=plans, calls=calls, tools=tools, policy=POLICY, consent=consent) as w:
        await w.session.ask("Go.")
    assert b"@kept" not in w.capture.bytes_out
    return got, w.results[1:]


async def test_what_a_rule_redacts_is_a_constant_when_it_arrives(tmp_path):
    got, results = await posted(tmp_path, {"quiet": "<email:1>", "headers": {"strict": ["<email:2>"]}})
    assert got == [{"quiet": "[redacted]", "headers": {"strict": ["[redacted]"]}}]
    assert results == ["done"]


@pytest.mark.parametrize("value", ["x", "<email:1>", {}, [], {"x": 1}])
async def test_a_member_name_that_the_caller_made_of_what_it_read_is_redacted_too(tmp_path, value):
    got, _ = await posted(tmp_path, {"headers": {"Kept-4711": value}})
    assert got == [{"headers": "[redacted]"}]


@pytest.mark.parametrize("arguments", [{"strict": "Kept-4711"}, {"strict": "<email:1>"}, {"Kept-4711": 1}])
async def test_what_no_rule_accepts_is_not_sent_on(tmp_path, arguments):
    assert await posted(tmp_path, arguments) == ([], ["denied"])


async def test_a_yes_to_some_values_is_no_yes_to_others(tmp_path):
    consent = OnlyThese()
    got, results = await posted(tmp_path, {"q": "<email:1>"}, {"q": "<email:2>"}, consent=consent)
    assert consent.shown == [{"q": "ann@kept.example"}, {"q": "bob@kept.example"}]
    assert got == [{"q": "ann@kept.example"}]
    assert results == ["done", "declined"]
