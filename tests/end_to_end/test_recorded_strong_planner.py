"""A strong planner's recorded replies: the `chat` dialect reads them all, and what it planned is called as planned."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from umi_edge.session.draft import Draft
from umi_shared.dialects import ChatDialect
from umi_shared.transcript import Decision, Instruction, Next, ToolCard, View

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "strong_planner"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the recorded replies are not here (../shared/data/strong_planner)"
)


def recorded(role: str) -> list[str]:
    rows = map(json.loads, (FOLDER / "replies.jsonl").read_text("utf-8").splitlines())
    return [row["reply"] for row in rows if row["role"] == role]


def catalogue() -> dict[str, Any]:
    _, _, tools = json.loads((FOLDER / "system.json").read_text("utf-8"))["planner"].partition("Tools:\n")
    return {card["name"]: card["parameters"] for card in map(json.loads, tools.splitlines())}


def decided(reply: str, size: int) -> tuple[str, Decision]:
    cards = tuple(ToolCard(name=name, description=(), input_schema=one) for name, one in catalogue().items())
    reader = ChatDialect().decision_reader(View(catalogue=cards, entries=(Instruction(("Go.",)),)))
    said = "".join(reader.feed(reply[at : at + size]) for at in range(0, len(reply), size))
    rest, decision = reader.finish()
    return said + rest, decision


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_every_recorded_reply_is_a_decision_however_it_is_cut(size):
    found = [decided(reply, size) for reply in recorded("planner")]
    assert [said for said, _ in found] == [json.loads(reply)["rationale"] for reply in recorded("planner")]
    assert Counter(decision.next for _, decision in found) == {
        Next.CALLER: 103, Next.SUMMARIZER: 27, Next.GIVE_UP: 8,
    }  # fmt: skip


def test_what_its_rationales_spell_is_read_as_a_draft_but_for_days_and_calls_without_arguments():
    """Its protocol had no field for a draft. Of 103 calls, these seven spell no value."""
    tools = catalogue()
    steps = [
        (said, one) for said, one in (decided(reply, 10_000) for reply in recorded("planner")) if one.tool
    ]
    drafts = [(one.tool, Draft.of("", said, one.tool, tools[one.tool], tools)) for said, one in steps]
    assert len(drafts) == 103
    assert Counter(tool for tool, draft in drafts if draft is None) == {
        "calendar.list": 4,
        "contacts.list": 3,
    }
    lacking = [
        (tool, set(tools[tool]["required"]) - set(draft.arguments))
        for tool, draft in drafts
        if draft is not None and not set(tools[tool]["required"]) <= set(draft.arguments)
    ]
    assert lacking == [
        ("calendar.create", {"date"})
    ]  # "the date of tomorrow": the caller's, of the user's words


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ('exactly "to": ["<email:1>", "<email:2>"] (a list of two)', {"to": ["<email:1>", "<email:2>"]}),
        ('with name "Dr".', {"name": "Dr"}),
        ('query "allerg" (the stem', {"query": "allerg"}),
        ('sender "<person:1>".', {"query": "gate code", "sender": "<person:1>"}),
    ],
)
def test_what_the_caller_had_changed_is_kept(said, arguments):
    """Rows of the table of what was planned and what was written."""
    tools = catalogue()
    found = [decided(reply, 10_000) for reply in recorded("planner") if said.replace('"', '\\"') in reply]
    if not found:
        pytest.fail(f"no reply says {said}")
    [(rationale, one), *_] = found
    draft = Draft.of("", rationale, one.tool, tools[one.tool], tools)
    assert draft is not None
    assert arguments.items() <= dict(draft.arguments).items()


def test_no_recorded_answer_is_changed_by_taking_thoughts_out():
    from umi_cloud.thoughts import WithoutThoughts

    for reply in recorded("summarizer"):
        output = WithoutThoughts()
        assert output.feed(reply) + output.finish() == reply.lstrip()
