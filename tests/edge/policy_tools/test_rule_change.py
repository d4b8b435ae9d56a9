"""Changes of a policy that are written into its file."""

import difflib

import pytest

from umi_edge.policy import load_policy
from umi_edge.policy.loader import default_policy_text
from umi_edge.policy_tools.rule_change import DetectorDropped, RuleSaid, changed_text
from umi_shared.errors import PolicyError

DEEP = """\
version: 1
name: deep   # set in by four
detect:
- {type: email, pattern: builtin}   # at the margin
- {type: phone, pattern: builtin}
tools:
    contacts.search:
        # who they work for is nobody's business
        results:
            "$.matches[*].company": {locality: handle, type: company}   # until now
            $.matches[*].email: handle
"""


def changes(text: str, *wanted) -> list[str]:
    changed = changed_text(text, wanted, "laptop.yaml")
    return [
        line
        for line in difflib.ndiff(text.splitlines(), changed.splitlines())
        if line.startswith(("+ ", "- "))
    ]


def said(tool: str, path: str, locality: str, side: str = "results") -> RuleSaid:
    return RuleSaid(tool=tool, side=side, path=path, locality=locality)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [DEEP, DEEP.replace("    ", "  "), default_policy_text()])
def test_a_line_that_is_there_says_the_new_word_and_keeps_all_else(text):
    gone, new = changes(text, said("contacts.search", "$.matches[*].company", "planner"))
    assert gone.removeprefix("- ").replace("locality: handle", "locality: planner").split("#")[
        0
    ].rstrip() == (new.removeprefix("+ ").split("#")[0].rstrip())
    assert ("until now" in new) == ("until now" in text)


def test_a_place_without_a_line_gets_one_in_its_tools_entry():
    assert changes(DEEP, said("contacts.search", "$.matches[*].role", "scan")) == [
        '+             "$.matches[*].role": scan'
    ]


def test_a_tool_without_an_entry_gets_one():
    changed = changed_text(DEEP, [said("mail.send", "body", "scan", "arguments")], "laptop.yaml")
    assert changed.startswith(DEEP.rstrip("\n"))
    policy = load_policy(changed, "laptop.yaml")
    assert str(policy.arguments("mail.send").at(("body",)).clearance) == "scan"


def test_a_detector_is_taken_out():
    assert changes(DEEP, DetectorDropped(list="detect", index=1)) == ["- - {type: phone, pattern: builtin}"]


@pytest.mark.parametrize(
    "wanted",
    [
        DetectorDropped(list="detect", index=7),
        DetectorDropped(list="detect_also", index=0),
        said("contacts.search", "$.matches[", "cloud"),
        said("contacts.search", "$.matches[*].company", "everybody"),
        said("a b\nc: {}", "x", "cloud", "arguments"),
    ],
)
def test_what_would_not_load_is_not_written(wanted):
    with pytest.raises(PolicyError):
        changed_text(DEEP, [wanted], "laptop.yaml")


def test_a_policy_that_does_not_load_is_not_touched():
    with pytest.raises(PolicyError):
        changed_text("version: 1\nrules: []\n", [said("a.b", "c", "cloud")], "laptop.yaml")


def test_a_strangers_name_stays_a_name():
    path = "$['# no comment: {a: b}']"
    changed = changed_text(DEEP, [said("contacts.search", path, "cloud")], "laptop.yaml")
    table = load_policy(changed, "laptop.yaml").results("contacts.search", {"# no comment: {a: b}": 1})
    assert str(table.at(("# no comment: {a: b}",)).clearance) == "cloud"
