"""What the cloud is told of the tools: nothing private, nothing that reads as a handle, nothing of a hidden one."""

import json
from dataclasses import replace

import pytest

from tests.scanners import scanner_without_lists
from umi_edge.labelling.approved_cards import ApprovedCards
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import release
from umi_edge.labelling.tool_cards import card_to_approve, declared_names, labelled_cards
from umi_edge.policy import Scanner, load_policy
from umi_edge.tools import Tool
from umi_shared.labels import PLANNER

POLICY = """
version: 1
name: test
detect:
  - {type: email, pattern: builtin}
  - {type: person, values: [Ann Lee, Kept4711]}
  - {type: number, pattern: "48151623"}
tools: {hidden.tool: {card: hidden}, open.*: {card: cloud}}
"""


async def run(_):
    return None


def shown(*tools):
    rules = load_policy(POLICY, "test.yaml")
    labeller = Labeller.fresh(rules, scanner_without_lists(rules), {tool.name: tool.source for tool in tools})
    scanner = labeller.keeper.scanner
    pins = {tool.name: card_to_approve(tool, scanner).hash for tool in tools}
    made = labelled_cards(tools, labeller, ApprovedCards({"mcp:x": pins}))
    cards, withheld = made.told, made.withheld
    return release(cards, (), PLANNER).payload.catalogue, withheld


def tool(name="a.tool", description="", schema=None):
    return Tool(
        name=name, description=description, input_schema=schema or {"type": "object"}, run=run, source="mcp:x"
    )


def schema_of(properties, **more):
    (card,), _ = shown(tool(schema={"type": "object", "properties": properties, **more}))
    return card.input_schema


def test_a_hidden_tool_and_one_whose_name_is_private_are_withheld():
    cards, withheld = shown(tool("hidden.tool"), tool("my.Kept4711"), tool("open.tool"))
    assert [card.name for card in cards] == ["open.tool"]
    assert [one.tool for one in withheld] == ["hidden.tool", "my.[person]"]
    hidden, named = (one.because for one in withheld)
    assert hidden == "its policy says `card: hidden`"
    assert named.startswith("test.yaml:6 detect[1] person finds something of type person in its name")
    assert "4711" not in named


def test_a_policy_may_show_a_tool_whatever_its_name():
    cards, withheld = shown(tool("open.tool"), tool("open.kept4711"))
    assert ([card.name for card in cards], withheld) == (["open.tool", "open.kept4711"], ())


def test_what_umis_own_tools_say_is_shown_as_it_is_whomever_the_user_knows():
    """A contact may be called Search, or e-mail."""
    words = ["contacts", "search", "find", "mail", "the", "query", "name", "Ann", "Lee"]
    own = {
        "type": "object",
        "properties": {"name": {"type": "string", "description": "Whom to search for."}},
        "required": ["name"],
    }
    made = replace(tool("contacts.search", "Find the user's contacts.", own), source="builtin")
    rules = load_policy(POLICY, "test.yaml")
    catalogues = []
    for values in (rules.detect, (*rules.detect, replace(rules.detect[1], values=tuple(words)))):
        labeller = Labeller.fresh(rules, Scanner(values), {"contacts.search": "builtin"})
        all_cards = labelled_cards([made], labeller, ApprovedCards())
        cards, withheld = all_cards.told, all_cards.withheld
        assert withheld == ()
        catalogues.append(release(cards, (), PLANNER).payload.catalogue)
    assert catalogues[0] == catalogues[1]
    assert catalogues[0][0].input_schema == own
    assert catalogues[0][0].description == ("Find the user's contacts.",)


def test_a_description_is_scanned_unless_the_policy_clears_it():
    (one, other), _ = shown(tool(description="Of Ann Lee."), tool("open.tool", "Of Ann Lee."))
    assert "Ann" not in str(one.description)
    assert other.description == ("Of Ann Lee.",)


@pytest.mark.parametrize(
    "texts",
    [
        {"description": "for Ann Lee"},
        {"default": "ann@x.example"},
        {"enum": ["x", "ann@x.example"]},
        {"const": "Ann Lee"},
        {"examples": [["ann@x.example"]]},
        {"default": {"deep": ["Ann Lee"]}},
        {"default": 48151623},
        {"title": "ANN LEE"},
    ],
    ids=lambda texts: next(iter(texts)),
)
def test_every_text_and_number_of_a_schema_is_scanned(texts):
    made = json.dumps(schema_of({"a": {"type": "string", **texts}}), ensure_ascii=False).lower()
    for private in ("ann", "48151623"):
        assert private not in made
    assert "[withheld]" in made


def test_words_of_json_schema_are_no_text_whatever_a_contact_is_called():
    rules = load_policy(POLICY.replace("Kept4711", "string, object, maxLength, required"), "test.yaml")
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}, "required": ["a"]}
    assert card_to_approve(tool(schema=schema), scanner_without_lists(rules)).input_schema == schema


def test_limits_that_hold_private_text_are_left_out_with_unknown_words_and_loose_references():
    leaky = {"type": "string", "pattern": "Ann Lee", "x-mcp-header": "Region", "x-note": "anything"}
    number, loose = {"type": "integer", "maximum": 48151623}, {"$ref": "#/$defs/Ann Lee"}
    made = schema_of(
        {"a": leaky, "b": number, "c": loose, "d": {"$ref": "#/$defs/k"}},
        **{"$defs": {"Ann Lee": {}, "k": {}}},
    )
    assert made["properties"] == {
        "a": {"type": "string"}, "b": {"type": "integer"}, "c": {}, "d": {"$ref": "#/$defs/k"}
    }  # fmt: skip


def test_a_private_name_is_left_out_and_no_longer_required():
    made = schema_of({"Ann Lee": {}, "b": {}}, required=["Ann Lee", "b"])
    assert set(made["properties"]) == {"b"}
    assert made["required"] == ["b"]


def test_handle_like_text_is_escaped_in_names_and_values():
    made = schema_of({"<email:1>": {"enum": ["<email:1>"]}}, description="see <email:1>")
    assert made["properties"] == {"<\\email:1>": {"enum": ["<\\email:1>"]}}
    assert made["description"] == "see <\\email:1>"


def test_text_that_utf8_cannot_carry_is_mended():
    (card,), _ = shown(tool(description="a\ud800b", schema={"type": "object", "description": "c\udfffd"}))
    assert card.description == ("a\ufffdb",)
    assert card.input_schema["description"] == "c\ufffdd"


def test_the_clearances_count_the_schemas_too():
    rules = load_policy(POLICY, "test.yaml")
    labeller = Labeller.fresh(rules, scanner_without_lists(rules), {})
    cards = labelled_cards([tool()], labeller, ApprovedCards()).told
    (clearance,) = release(cards, (), PLANNER).disclosures
    assert (clearance.entry, clearance.rule, clearance.clear_bytes) == (-1, "catalogue schema of a.tool", 33)


def test_declared_names_are_found_at_any_depth():
    schema = {
        "properties": {"a": {"items": {"properties": {"b": {}}}}},
        "$defs": {"x": {"properties": {"c": {}}}},
    }
    assert declared_names(schema) == {"a", "b", "c"}
