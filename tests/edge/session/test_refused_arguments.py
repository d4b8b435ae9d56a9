"""What a tool's own schema does not admit goes back to the caller once, and its reason nowhere else."""

import json
from typing import Any

import pytest

from tests.end_to_end.harness import World, plan, tool_of, world
from umi_edge.session.consent import ConsentRequest
from umi_edge.session.events import CallWritten
from umi_shared.handles import render
from umi_shared.transcript import Observation, View

SCHEMA = {
    "type": "object",
    "properties": {
        "labels": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "to": {"type": "string", "pattern": "^(?!zqcanary)"},
    },
    "required": ["labels"],
}
POLICY = """
tools:
  label: {runs: device, confirm: always, arguments: {"$..*": cloud}, results: {"$": cloud}}
  whom.find: {runs: device, integrity: trusted, results: {"$": {locality: handle, type: text}}}
"""
TWICE, ONCE = '{"labels":["a","a"]}', '{"labels":["a"]}'


class Asked:
    """Says yes, and counts."""

    def __init__(self) -> None:
        self.count = 0

    async def approve(self, request: ConsentRequest) -> bool:
        self.count += 1
        return True


def telling(views: list[View], *written: str) -> list[Any]:
    """Calls of `label`, each of which remembers the view that it was written from."""

    def call(arguments: str) -> Any:
        def write(view: View) -> tuple[str, str]:
            views.append(view)
            return "label", arguments

        return write

    return [call(arguments) for arguments in written]


async def run(
    folder: Any, calls: list[Any], *, before: str = "", policy: str = POLICY
) -> tuple[World, bytes, int]:
    asked = Asked()
    plans = [*([plan(f"Use {before}.")] if before else []), plan("Use label."), plan("Done.", "give up")]
    tools = [
        tool_of("label", lambda arguments: {"done": len(arguments["labels"])}, schema=SCHEMA),
        tool_of("whom.find", lambda _: "zqcanary"),
    ]
    async with world(folder, plans=plans, calls=calls, tools=tools, policy=policy, consent=asked) as w:
        await w.session.ask("Label it.")
        return w, b"".join(sent.message for sent in w.capture.requests), asked.count


async def test_the_caller_learns_why_and_writes_the_call_again(tmp_path):
    views: list[View] = []
    w, wire, asked = await run(tmp_path, telling(views, TWICE, ONCE))
    assert w.results == ["done"]
    assert asked == 1
    (tried,) = [entry for entry in views[1].entries if isinstance(entry, Observation)]
    assert render(tried.told) == "failed: invalid-arguments: labels: ['a', 'a'] has non-unique elements"
    assert views[1].entries[-1] == views[0].entries[-1]
    assert b"non-unique" not in wire
    assert TWICE.encode() not in wire
    (written,) = w.of(CallWritten)
    assert json.loads("".join(span.clear for span in written.arguments)) == json.loads(ONCE)


async def test_the_second_refusal_is_a_failure_and_nobody_is_asked(tmp_path):
    w, wire, asked = await run(tmp_path, telling([], TWICE, TWICE))
    assert w.results == ["invalid-arguments"]
    assert asked == 0
    assert b"non-unique" not in wire


async def test_after_a_reason_that_stays_the_call_and_its_result_stay_whole(tmp_path):
    views: list[View] = []
    calls = [
        ("whom.find", "{}"),
        *telling(views, '{"labels":["a"],"to":"<text:1>"}', '{"labels":["a","zqcopied"],"to":"x"}'),
    ]
    w, wire, _ = await run(tmp_path, calls, before="whom.find")
    assert "zqcanary" in render(
        [entry for entry in views[1].entries if isinstance(entry, Observation)][-1].told
    )
    assert w.results == ["done", "done"]
    assert b"zqcanary" not in wire
    assert b"zqcopied" not in wire
    assert b'"done"' not in wire
    assert w.session.labeller.shapes.charged["failures", "label"] > 1


async def test_where_not_even_a_failure_may_show_nothing_is_written_again(tmp_path):
    views: list[View] = []
    calls = [("whom.find", "{}"), *telling(views, '{"labels":["a"],"to":"<text:1>"}')]
    hidden = POLICY.replace('results: {"$": cloud}', 'results: {"$": {locality: handle, shape: hidden}}', 1)
    w, _, _ = await run(tmp_path, calls, before="whom.find", policy=hidden)
    assert len(views) == 1
    assert w.results == ["done", "invalid-arguments"]


@pytest.mark.parametrize("word", ["zqnot", "zqif"])
async def test_words_of_a_schema_that_the_cloud_was_not_told_make_the_reason_one_that_stays(tmp_path, word):
    """The card is told as it is, but a detector knows a word of the reason."""
    views: list[View] = []
    schema = SCHEMA | {
        "not": {"properties": {"labels": {"const": [word]}}},
        "if": {"const": {"labels": [word]}},
    }
    tool = tool_of("label", lambda _: "fine", schema=schema)
    policy = POLICY + f"detect: [{{type: word, values: [{word}]}}]\n"
    calls = telling(views, json.dumps({"labels": [word]}), '{"labels":["other"]}')
    async with world(
        tmp_path,
        plans=[plan("Use label."), plan("Done.", "give up")],
        calls=calls,
        tools=[tool],
        policy=policy,
        consent=Asked(),
    ) as w:
        await w.session.ask("Label it.")
        assert w.results == ["done"]
        wire = b"".join(sent.message for sent in w.capture.requests)
        assert b"other" not in wire


@pytest.mark.parametrize("guess", ["Zora Quill", "Mads Ek"])
async def test_whether_a_written_value_is_known_decides_nothing_that_shows(tmp_path, guess):
    """A planner's guess at a name, where a number is wanted: the cloud reads the same, right or wrong."""
    views: list[View] = []
    schema = {"type": "object", "properties": {"n": {"type": "array", "uniqueItems": True}}}
    detect = "detect: [{type: person, values_from: {tool: people.names, path: '$[*]'}}]\n"
    policy = POLICY + "  people.names: {runs: device, card: hidden}\n" + detect
    calls = telling(views, json.dumps({"n": [guess, guess]}), '{"n":["clear"]}')
    async with world(
        tmp_path,
        plans=[plan("Use label."), plan("Done.", "give up")],
        calls=calls,
        tools=[
            tool_of("label", lambda _: "fine", schema=schema),
            tool_of("people.names", lambda _: ["Zora Quill"]),
        ],
        policy=policy,
        consent=Asked(),
    ) as w:
        await w.session.ask("Label it.")
        assert w.results == ["done"]
        assert b"clear" in b"".join(sent.message for sent in w.capture.requests)
        assert w.session.labeller.shapes.charged["failures", "label"] == 1  # that it succeeded
        assert "non-unique" in render(
            [entry for entry in views[1].entries if isinstance(entry, Observation)][-1].told
        )
