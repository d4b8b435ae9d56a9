"""Proofs follow stores: what is put somewhere unasked is looked for where it is read back, and in what servers say."""

from collections.abc import Mapping
from typing import Any

import pytest

from umi_edge.policy import checks, load_policy
from umi_edge.policy.claim import claim_of
from umi_edge.policy.stored_as import stored_as
from umi_edge.policy_tools.proof import Theorem, prove
from umi_edge.tools import Tool

NOTHING = {"type": "object", "additionalProperties": False}
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "additionalProperties": False}


def tool(name: str, source: str = "", **more: Any) -> Tool:
    async def run(arguments: Mapping[str, Any]) -> None:
        return None

    source = source or f"mcp:{name.partition('.')[0]}"
    schema = NOTHING if name == "b.list" else TEXT
    return Tool(name=name, description="", input_schema=schema, run=run, source=source, **more)


TOOLS = [tool("a.read"), tool("b.put"), tool("b.list"), tool("web.search")]
POLICY = """
version: 1
tools:
  a.read: {runs: device, confirm: never, stored_as: nowhere, results: {"$..body": {locality: handle, type: text}}}
  b.put: {runs: device, confirm: never, %s}
  b.list: {runs: device, confirm: never, stored_as: nowhere, %s}
  web.search: {confirm: always}
"""
LIST = 'stored_as: {text: {tool: b.list, path: "$[*].text"}}'
IN_FULL = 'results: {"$[*].text": cloud}'
CLAIM = claim_of("a.read: $.body")


def proven(put: str, listed: str, tools: list[Tool] | None = None, more: str = "") -> Theorem:
    policy = load_policy(POLICY % (put, listed) + more, "p.yaml")
    return prove(policy, tools or TOOLS, [CLAIM]).theorems[0]


UNASKED = [
    (LIST, IN_FULL, "b.list: $[*].text shows it"),
    (LIST, 'results: {"$..*": scan}', "shows all of it that no detector finds"),
    (LIST, 'results: {"$[*].text": {locality: handle, show: last4}}', "shows the last4 of it"),
    (LIST, 'results: {"$[?@.x].text": planner}', "shows it"),
    ("card: scan", IN_FULL, "b.list: $ shows it"),  # nobody says where, so anywhere on that server
    ("card: scan", "defaults: {results: summarizer}", "b.list: $ shows it"),
]


@pytest.mark.parametrize(("put", "listed", "says"), UNASKED)
def test_what_a_store_reads_out_is_found_if_nobody_is_asked(
    put: str, listed: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge has its own reading of the rules: it finds the hole that a fault of the check would leave."""
    assert proven(put, listed).holds
    monkeypatch.setattr(checks, "_check_stored", lambda *_: None)
    found = proven(put, listed)
    first = found.counterexamples[0]
    assert not found.holds
    assert (first.tool, first.path, first.example) == ("b.put", "$.text", {"text": "<text:1>"})
    assert says in first.message
    assert first.rule_id.startswith("p.yaml:6")


@pytest.mark.parametrize(
    ("put", "listed"),
    [
        ("stored_as: nowhere", IN_FULL),
        (LIST, 'results: {"$[*].text": handle, "$[*].day": cloud}'),
        ("card: scan", "card: scan"),
    ],
)
def test_what_is_read_back_as_it_was_kept_stays(
    put: str, listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_check_stored", lambda *_: None)
    assert proven(put, listed).holds


def test_what_is_read_back_as_another_type_may_be_taken_from_there() -> None:
    """A third party takes notes, and no texts: what is stored as a note is one."""
    kept = 'results: {"$[*].text": {locality: handle, type: note}}'
    web = POLICY.replace(
        "web.search: {confirm: always}",
        "web.search: {confirm: never, stored_as: nowhere, arguments: {text: {accepts: handle, type: note}}}",
    )
    policy = load_policy(web % (LIST, kept), "p.yaml")
    found = prove(policy, TOOLS, [CLAIM]).theorems[0]
    assert {one.sink for one in found.counterexamples} == {"tool:web.search"}
    apart = load_policy(web % (LIST, 'results: {"$[*].text": {locality: handle, type: text}}'), "p.yaml")
    assert prove(apart, TOOLS, [CLAIM]).theorems[0].holds


@pytest.mark.parametrize(
    ("put", "cards", "told"),
    [
        ("stored_as: nowhere", "a.write: {card: cloud}", {"a.write"}),
        ("stored_as: nowhere", "b.other: {card: cloud}", {"b.other"}),  # it was given to that server
        ("card: scan", "b.other: {card: cloud}", set()),  # nobody says where it is read back: asked
        ("stored_as: nowhere", "c.other: {card: cloud}", set()),
        ("stored_as: nowhere", "a.write: {card: scan}", set()),  # the user approves the card as it reads
        ("stored_as: nowhere", "a.write: {card: hidden}", set()),
    ],
)
def test_a_server_that_has_it_may_write_it_into_a_card_that_leaves_unseen(
    put: str, cards: str, told: set[str]
) -> None:
    tools = [*TOOLS, tool("a.write"), tool("b.other"), tool("c.other")]
    policy = load_policy(POLICY % (put, "card: scan") + f"  {cards}\n", "p.yaml")
    found = prove(policy, tools, [CLAIM]).theorems[0]
    assert {one.tool for one in found.counterexamples if one.path == "card"} == told
    assert found.holds is (not told)


def test_what_python_code_says_of_itself_is_assumed() -> None:
    code = tool("a.read", "python", stored_as=stored_as({"$": []}))
    for card, assumed in (("scan", True), ("hidden", False)):
        policy = load_policy(f"version: 1\ntools: {{a.read: {{card: {card}}}}}", "p.yaml")
        said = [one.text for one in prove(policy, [code]).assumptions]
        assert ("says nothing private in its description and its schema: they leave" in said) is assumed
