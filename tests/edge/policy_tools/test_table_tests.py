"""`umi policy test`: tables of expectations, failures that say where, and which rules nothing looked at."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import umi_edge.policy_tools
from umi_edge.commands.policy import command
from umi_edge.policy_tools.table_run import FileReport, coverage, run_file
from umi_edge.policy_tools.table_tests import example_text, read_test_file
from umi_edge.policy_tools.table_tests import test_files as files_in
from umi_shared.errors import PolicyError

_FOLDER = str(Path(umi_edge.policy_tools.__file__).parent)

POLICY = """version: 1
defaults: {results: planner}
detect:
  - {type: email, pattern: builtin}
  - {type: person, values_from: {tool: hr.list, path: "$[*]"}}
tools:
  hr.find:
    runs: device
    integrity: trusted
    defaults: {arguments: cloud}
    results:
      "$.mail": {locality: handle, type: email}
      "$.note": scan
      "$.pin": hidden
  web.search:
    confirm: never
    arguments:
      q: {accepts: cloud, on_violation: redact}
      to: {type: email, requires: trusted, accepts: handle}
    stored_as: nowhere
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(POLICY, encoding="utf-8")
    return tmp_path


def _report(folder: Path, rows: str, head: str = "policy: p.yaml\n") -> FileReport:
    file = folder / "a.test.yaml"
    file.write_text(f"{head}tests:\n{rows}", encoding="utf-8")
    return run_file(read_test_file(file))


def test_the_default_policy_passes_its_own_tests_which_exercise_every_rule() -> None:
    result = CliRunner().invoke(
        command,
        ["test", _FOLDER, "--coverage", "--threshold", "100"],
        catch_exceptions=False,
        standalone_mode=False,
    )
    assert result.return_value == 0, result.output
    assert "all passed" in result.output


def test_what_is_as_expected_passes(folder: Path) -> None:
    report = _report(
        folder,
        """
  - name: a result
    result: {tool: hr.find, value: {mail: a@b.example, note: "ask Alice, c@d.example", pin: 1, x: 2}}
    expect:
      "$.mail": {locality: handle, type: email, link: true, shape: open}
      "$.note": scan
      "$.x": planner
    planner: '{"mail":"<email:1>","note":"ask <person:1>, <email:2>","pin":"[hidden]","<key:1>":2}'
    summarizer: '{"mail":"<email:1>","note":"ask <person:1>, <email:2>","pin":"[hidden]","<key:1>":"<number:1>"}'
  - name: an instruction
    instruction: Tell Alice <email:1>
    planner: Tell <person:1> <\\email:1>
  - name: a call
    call: {tool: web.search, arguments: {q: "<text:1>", to: "<email:2>"}}
    handles: {"<email:2>": {from: hr.find $.mail}, "<text:1>": {locality: hidden}}
    verdict: allowed
    redact: [q]
""",
        'policy: p.yaml\ngazetteers: {hr.list: ["Alice"]}\n',
    )
    assert report.failures == ()
    assert report.tests == 3


@pytest.mark.parametrize(
    ("row", "line", "where", "expected", "got", "rule"),
    [
        (
            '{result: {tool: hr.find, value: {mail: x}},\n     expect: {\n      "$.mail": cloud}}',
            5, "$.mail", "locality cloud", "locality handle", "p.yaml:12 tools.hr.find.results $.mail",
        ),
        (
            '{result: {tool: hr.find, value: {mail: x}}, expect: {"$.mail": {type: phone}}}',
            3, "$.mail", "type phone", "type email", "p.yaml:12",
        ),
        (
            '{result: {tool: hr.find, value: {mail: x}}, expect: {"$.gone": handle}}',
            3, "$.gone", "a value there", "no such place", "",
        ),
        (
            '{result: {tool: hr.find, value: {mail: x}},\n     planner: "x"}',
            4, "the planner's view", "x", '{"mail":"<email:1>"}', "p.yaml:12",
        ),
        (
            '{call: {tool: web.search, arguments: {to: x@y.example}}, verdict: allowed}',
            3, "verdict", "allowed", "denied: $.to of web.search requires a trusted value", "p.yaml:19",
        ),
        (
            '{call: {tool: web.search, arguments: {to: "<email:1>"}}, reasons: []}',
            3, "reasons", "[]", "['not-trusted']", "p.yaml:19",
        ),
        (
            '{call: {tool: web.search, arguments: {q: hi}}, redact: [q]}',
            3, "redact", "['$.q']", "[]", "",
        ),
    ],
)  # fmt: skip
def test_a_failure_says_where_what_and_why(
    folder: Path, row: str, line: int, where: str, expected: str, got: str, rule: str
) -> None:
    (failure,) = _report(folder, f"  - {row}\n").failures
    assert (failure.line, failure.where, failure.expected) == (line, where, expected)
    assert failure.got.startswith(got)
    assert failure.rule_id.startswith(rule)


def test_rules_that_nothing_looked_at_are_named(folder: Path) -> None:
    report = _report(folder, '  - {result: {tool: hr.find, value: {mail: x}}, expect: {"$.mail": handle}}\n')
    (found,) = coverage([report])
    missed = {rule.rule_id.partition(" ")[2] for rule in found.missed}
    assert "tools.hr.find.results $.mail" not in missed
    assert missed == {
        "defaults.results",
        "detect[0] email",
        "detect[1] person",
        "tools.hr.find",
        "tools.hr.find.defaults.arguments",
        "tools.hr.find.results $.note",
        "tools.hr.find.results $.pin",
        "tools.web.search",
        "tools.web.search.arguments q",
        "tools.web.search.arguments to",
    }
    assert round(found.percent) == 9


def test_what_is_merely_in_a_value_is_not_exercised(folder: Path) -> None:
    row = '  - {result: {tool: hr.find, value: {mail: x, pin: 1}}, expect: {"$.mail": handle}}\n'
    (found,) = coverage([_report(folder, row)])
    assert any("$.pin" in rule.rule_id for rule in found.missed)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("policy: p.yaml\n", 1, "no tests"),
        ("tests: []\n", 1, "no tests"),
        ("test: 1\ntests: [{}]\n", 1, "did you mean"),
        ("tests:\n  - {name: x}\n", 2, "none of them"),
        ("tests:\n  - {instruction: x, call: {tool: t}, planner: x}\n", 2, "`instruction` and `call`"),
        ("tests:\n  - {instruction: x}\n", 2, "expects nothing"),
        ("tests:\n  - {call: {tool: t.x},\n     verdict: maybe}\n", 3, "`verdict` is `maybe`"),
        ("tests:\n  - {result: {tool: t.x}, verdict: allowed}\n", 2, "is of a call"),
        ("tests:\n  - {result: {value: 1}, planner: x}\n", 2, "has no tool"),
        ("tests:\n  - result: {tool: t.x}\n    expect:\n      '$[': cloud\n", 4, "not a JSONPath"),
        ("tests:\n  - {call: {tool: t.x}, verdict: asked, handles: {email: {}}}\n", 2, "is not a handle"),
        ("tests:\n  - {call: {tool: t.x, hints: [nice]}, verdict: asked}\n", 2, "`hints` is a list"),
        ("- a\n", 1, "not a mapping"),
        ("tests: *a\n", 1, "alias"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_at_its_line(folder: Path, text: str, line: int, why: str) -> None:
    file = folder / "a.test.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=why) as caught:
        read_test_file(file)
    assert f"a.test.yaml:{line}" in str(caught.value)


def test_no_tests_are_not_passed_tests(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no test is in"):
        files_in(tmp_path)
    (tmp_path / "x.yaml").write_text("version: 1\n")
    with pytest.raises(PolicyError, match="no test is in"):
        files_in(tmp_path)


def test_tests_without_a_policy_say_so(folder: Path) -> None:
    with pytest.raises(PolicyError, match="name no policy"):
        _report(folder, "  - {instruction: x, planner: x}\n", "")


def test_a_handle_of_no_one_place_or_number_is_refused(folder: Path) -> None:
    call = '  - {call: {tool: web.search, arguments: {q: "<email:%d>"}}, verdict: denied, handles: %s}\n'
    with pytest.raises(PolicyError, match="depends on values"):
        _report(folder, call % (1, '{"<email:1>": {from: "hr.find $[?@.a]"}}'))
    with pytest.raises(PolicyError, match="too high"):
        _report(folder, call % (9_999_999, "{}"))


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(command, ["test", *arguments], catch_exceptions=False, standalone_mode=False)


def test_the_command_shows_the_deciding_line_and_fails(folder: Path) -> None:
    row = '  - {name: mail leaves, result: {tool: hr.find, value: {mail: x}}, expect: {"$.mail": cloud}}\n'
    _report(folder, row, "policy: p.yaml\n")
    result = _run(str(folder))
    assert result.return_value == 1
    assert f"FAIL {folder / 'a.test.yaml'}:3 mail leaves: $.mail" in result.output
    assert '| "$.mail": {locality: handle, type: email}' in result.output
    assert "1 tests in 1 files: 1 failed" in result.output


def test_another_policy_may_be_tested_and_coverage_may_be_demanded(folder: Path) -> None:
    (folder / "open.yaml").write_text("version: 1\ndefaults: {results: cloud}\n", encoding="utf-8")
    row = '  - {result: {tool: hr.find, value: {mail: x}}, expect: {"$.mail": cloud}}\n'
    _report(folder, row)
    assert _run(str(folder), "--policy", str(folder / "open.yaml")).return_value == 0
    assert _run(str(folder), "--policy", str(folder / "open.yaml"), "--threshold", "100").return_value == 0
    report = json.loads(_run(str(folder), "--coverage", "--json").output)
    assert not report["ok"]
    assert len(report["coverage"][0]["not_exercised"]) == 10
    good = '  - {result: {tool: hr.find, value: {mail: x}}, expect: {"$.mail": handle}}\n'
    _report(folder, good)
    assert _run(str(folder), "--threshold", "50").return_value == 1


def test_the_example_is_the_built_in_policys_own() -> None:
    assert _run("--example").output == example_text()
