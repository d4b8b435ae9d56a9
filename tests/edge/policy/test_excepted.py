"""Excepted values: a find goes free where all of it is one, and nothing else does."""

import json

import pytest
from click.testing import CliRunner

from umi_edge.cli import umi
from umi_edge.policy import InvalidPolicyError, Scanner, load_policy
from umi_edge.policy.values_file import read_values_files
from umi_edge.policy_tools.proof import prove
from umi_shared.errors import PrivacyError

CONTACTS = ("Mark Paris", "May Florence", "Jordan Rivers")


def scanner_of(policy: str, **files: tuple[str, ...]) -> Scanner:
    loaded = load_policy(f"version: 1\n{policy}", "policy.yaml")
    lists = {one.rule_id: CONTACTS for one in loaded.detect if one.tool}
    lists |= {
        excepted.rule_id: files.get("excepted", ()) for one in loaded.detect for excepted in one.excepted
    }
    return Scanner.of(loaded, lists)


def finds(scanner: Scanner, text: str) -> list[str]:
    return [text[one.start : one.end] for one in scanner.scan(text)]


LINE = "detect_also: [{type: person, except_values: [Paris, FLORENCE]}]"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Fly to Paris on Monday", []),
        ("Fly to PARIS, or to Fl\u00adorence, on Monday", []),
        ("Ask Mark Paris about Paris", ["Mark Paris"]),
        ("Ask Jordan Rivers about Paris", ["Jordan Rivers"]),
    ],
)
def test_a_line_of_exceptions_alone_is_of_the_built_in_detectors_of_its_type(text, left):
    assert finds(scanner_of(LINE), text) == left
    assert len(finds(scanner_of("detect_also: [{type: x, values: [Nothing]}]"), text)) > len(left)


def test_another_detector_that_finds_it_too_keeps_it():
    policy = f"{LINE[:-1]}, {{type: project, values: [Project Paris, Paris]}}]"
    assert finds(scanner_of(policy), "to Paris for Project Paris") == ["Paris", "Project Paris"]


@pytest.mark.parametrize("parts", ["", ", parts: true"], ids=["values", "names"])
def test_another_detector_that_lists_the_very_value_keeps_it(parts):
    free = f"{{type: client, values: [Mark Rosewood, Rosewood]{parts}, except_values: [Rosewood]}}"
    scanner = scanner_of(f"detect: [{free}, {{type: person, values: [Rosewood]{parts}}}]")
    (found,) = scanner.scan("Dear Ms Rosewood!")
    assert found.type == "person"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("{type: email, pattern: builtin, except_values: [info@example.org]}", "write to info@example.org"),
        ("{type: case, pattern: 'C-[0-9]+', except_values: [C-100]}", "the template is c-100"),
        ("{type: client, values: [Rosewood, Harbour Ltd], except_values: [Rosewood]}", "a rosewood table"),
        ("{type: client, values: [Rosewood], except_values_file: free.txt}", "a rosewood table"),
    ],
)
def test_a_detector_of_every_kind_takes_exceptions(line, text):
    scanner = scanner_of(f"detect: [{line}]", excepted=("Rosewood",))
    assert finds(scanner, text) == []
    (let_go,) = scanner.let_go(text)
    assert let_go.rule_id.endswith("except_values")
    assert finds(scanner_of(f"detect: [{line.split(', except')[0]}}}]"), text) != []


def test_what_is_read_of_no_file_excepts_nothing():
    """A caller that forgets the file keeps more, not less (I2)."""
    line = "detect: [{type: client, values: [Rosewood], except_values_file: free.txt}]"
    assert finds(Scanner.of(load_policy(f"version: 1\n{line}"), {}), "a rosewood table") == ["rosewood"]


def test_what_leaves_under_no_rule_knows_the_exceptions_too():
    scanner = scanner_of(f"{LINE}\nnever: [{{type: person}}]")
    assert scanner.never is not None
    assert finds(scanner.never, "Ask Mark Paris about Paris") == ["Mark Paris"]


def test_exceptions_of_a_type_that_no_built_in_detector_has_are_wrong():
    with pytest.raises(InvalidPolicyError, match="no built-in detector of client"):
        load_policy("version: 1\ndetect_also: [{type: client, except_values: [Rosewood]}]")


def test_beside_a_list_that_replaces_the_built_in_one_a_line_of_exceptions_alone_is_wrong():
    with pytest.raises(InvalidPolicyError, match="none of them") as raised:
        load_policy("version: 1\ndetect: [{type: person, except_values: [Rosewood]}]")
    assert "Rosewood" not in str(raised.value)


@pytest.mark.parametrize("content", [None, "", "Paris;12\n", "x\n"])
def test_a_file_of_exceptions_is_as_sound_as_one_of_values_or_nothing_is_sent(tmp_path, content):
    if content is not None:
        (tmp_path / "free.txt").write_text(content)
    text = "version: 1\ndetect_also: [{type: person, except_values_file: free.txt}]"
    with pytest.raises(PrivacyError, match="nothing was sent") as raised:
        read_values_files(load_policy(text, str(tmp_path / "policy.yaml")))
    assert "Paris" not in str(raised.value)


def test_nothing_prints_an_exception(tmp_path):
    """Neither the objects, nor `check`, nor a wrong one's error (I8)."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ndetect_also:\n  - {type: person, except_values: [Rosewood, Marigold]}\n")
    shown = CliRunner().invoke(umi, ["policy", "check", str(policy)], catch_exceptions=False).output
    assert "policy.yaml:3 detect_also[0] person except_values: 2 values left alone as no person" in shown
    as_json = (
        CliRunner().invoke(umi, ["policy", "check", str(policy), "--json"], catch_exceptions=False).output
    )
    assert json.loads(as_json)["excepted"] == [
        {"type": "person", "rule": "policy.yaml:3 detect_also[0] person except_values", "values": 2}
    ]
    loaded = load_policy(policy.read_text(), str(policy))
    policy.write_text("version: 1\ndetect_also:\n  - {type: person, except_values: [Rosewood, M]}\n")
    wrong = CliRunner().invoke(umi, ["policy", "check", str(policy)]).output
    for said in (
        shown,
        as_json,
        wrong,
        repr(loaded),
        repr(loaded.detect),
        repr(Scanner.of(loaded, lists(loaded))),
    ):
        assert "Rosewood" not in said
        assert "Marigold" not in said


def lists(policy):
    return {one.rule_id: () for one in policy.detect}


def test_a_proof_counts_them(read_tool):
    text = "version: 1\ndetect_also: [{type: person, except_values: [Rosewood, rosewood, Marigold]}]\n"
    text += "keep: [{type: person}]\ntools: {data.get: {results: {'$': scan}}}"
    proof = prove(load_policy(text, "policy.yaml"), [read_tool])
    assert "every person stays on this device, but for 2 excepted values" in str(proof.theorems[0].statement)
    assert any("2 values left alone as no person" in one.text for one in proof.assumptions)
    assert "Marigold" not in repr(proof)


@pytest.fixture
def read_tool():
    from tests.end_to_end.harness import tool_of
    from umi_edge.tools import Hints

    return tool_of("data.get", lambda _: "", hints=Hints(read_only=True))
