"""Each wish of the policy cookbook: its policy is sound, and does what its table test says."""

import json
from itertools import pairwise

import pytest
from click.testing import CliRunner

from tests.docs.pages import DOCS, Block, blocks_of
from tests.scanners import scanner_without_lists
from umi_edge.cli import umi
from umi_edge.labelling.tool_cards import why_withheld
from umi_edge.policy import load_policy
from umi_edge.policy_tools.proof import prove
from umi_edge.policy_tools.subjects import named_tools

PAGE = tuple(blocks_of(DOCS / "how-to/policy-cookbook.md"))
BLOCKS = [block for block in PAGE if block.language == "yaml"]
FILES = [block for block in PAGE if block.language == "text" and block.title]
"""What policies of the page name beside themselves."""
WISHES = [block for block in BLOCKS if block.title == "policy.yaml"]
TESTED = [
    (policy, test)
    for policy, test in pairwise(BLOCKS)
    if policy.title == "policy.yaml" and test.title == "wish.test.yaml"
]
BY_THEIR_OWN_TESTS = 2
"""What a policy says of the instruction and of cards has no table test."""


def test_the_commonest_wishes_are_here_and_nearly_all_have_a_table_test():
    assert len(WISHES) >= 20
    assert len(TESTED) == len(WISHES) - BY_THEIR_OWN_TESTS


@pytest.fixture(autouse=True)
def files_beside(tmp_path):
    for block in FILES:
        (tmp_path / block.title).write_text(block.text)


@pytest.mark.parametrize("policy", WISHES, ids=str)
def test_a_policy_is_sound_and_none_of_its_lines_is_without_effect(policy: Block, tmp_path):
    (tmp_path / "policy.yaml").write_text(policy.text)
    check = ["policy", "check", str(tmp_path / "policy.yaml"), "--json"]
    ran = CliRunner().invoke(umi, check, standalone_mode=False)
    assert ran.return_value == 0, ran.output
    assert json.loads(ran.output)["warnings"] == []


@pytest.mark.parametrize(("policy", "test"), TESTED, ids=str)
def test_a_policy_does_what_its_table_test_says(policy: Block, test: Block, tmp_path):
    (tmp_path / "policy.yaml").write_text(policy.text)
    (tmp_path / "wish.test.yaml").write_text(test.text)
    ran = CliRunner().invoke(umi, ["policy", "test", str(tmp_path)], standalone_mode=False)
    assert ran.return_value == 0, ran.output


@pytest.mark.parametrize(("policy", "test"), TESTED, ids=str)
def test_a_table_test_fails_without_its_policy(policy: Block, test: Block, tmp_path):
    """Else the test would say nothing of the policy above it."""
    (tmp_path / "policy.yaml").write_text("version: 1\nname: nothing\n")
    (tmp_path / "wish.test.yaml").write_text(test.text)
    ran = CliRunner().invoke(umi, ["policy", "test", str(tmp_path)], standalone_mode=False)
    assert ran.return_value != 0


def wish(words: str) -> str:
    (policy,) = (block.text for block in WISHES if words in block.text)
    return policy


def test_an_instruction_that_stays_is_served_on_the_device_alone():
    """That no session with a shared planner begins then is tested in `test_instruction_device`."""
    assert load_policy(wish("instruction: device")).defaults.instruction == "device"


def test_a_tool_that_is_hidden_is_withheld_from_the_planner():
    policy = load_policy(wish("card: hidden"))
    scanner = scanner_without_lists(policy)
    assert why_withheld("payroll.list", policy.tool("payroll.list"), "mcp:payroll", scanner)
    assert not why_withheld("mail.read", policy.tool("mail.read"), "builtin", scanner)


@pytest.mark.parametrize(
    ("without", "proven"), [("", True), ("never: [{type: client}, {type: case}]\n", False)]
)
def test_that_no_client_leaves_is_proven_of_the_lawyers_policy_and_only_for_what_it_says(without, proven):
    text = wish("name: chambers")
    assert without in text
    policy = load_policy(text.replace(without, "") if without else text)
    theorems = prove(policy, named_tools(policy, ())).theorems
    assert [one.holds for one in theorems if one.rule_id] == [proven, proven]
