"""`errors:` in the policy's tools: what a tool says of its failures, tested, proven, recorded, replayed, explained."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.edge.policy_tools.conftest import OLD, Told, policy_of
from umi_edge.commands.policy import command
from umi_edge.labelling.labeller import Labeller
from umi_edge.policy import InvalidPolicyError
from umi_edge.policy.claim import claim_of
from umi_edge.policy_tools.proof import prove
from umi_edge.policy_tools.recorded import RecordedResult, read_recordings
from umi_edge.policy_tools.replay import Replay, replay
from umi_edge.policy_tools.table_run import coverage, run_file
from umi_edge.policy_tools.table_tests import read_test_file
from umi_edge.terminal.tool_overview import overview
from umi_edge.tools import FailureKind, Tool
from umi_shared.handles import Handle
from umi_shared.labels import SUMMARIZER, Locality

SCAN = OLD.replace("integrity: trusted", "integrity: trusted\n    errors: scan")
SECRET = 'errors: planner, results: {"$": {locality: handle, shape: hidden}}'


def _tool(name: str) -> Tool:
    async def run(arguments: Any) -> None:
        return None

    return Tool(name=name, description="", input_schema={"type": "object"}, run=run, source="mcp:x")


def _run(*arguments: object) -> str:
    return CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False).output


def test_the_rule_has_its_line_and_no_linked_handles() -> None:
    policy = policy_of(SCAN)
    rule = policy.tool("hr.find").errors
    assert rule is not None
    assert (rule.scan, rule.type, rule.link) == (True, "error", False)
    assert rule.rule_id == "p.yaml:7 tools.hr.find.errors"
    assert policy.tool("hr.secret").errors is None


def test_a_word_that_is_none_is_reported_with_its_line() -> None:
    with pytest.raises(InvalidPolicyError, match="not one of its words") as caught:
        policy_of("tools:\n  a.b:\n    errors: clear\n")
    assert [problem.line for problem in caught.value.problems] == [4]


def test_check_and_explain_and_the_overview_show_it(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"version: 1\n{SCAN}", encoding="utf-8")
    assert "hr.find\terrors\t(all)\tleaves, scanned" in _run("check", path)
    assert "errors scan" in _run("explain", path, "--tool", "hr.find")
    assert overview(_tool("hr.find"), policy_of(SCAN)).errors_are == "scan"
    assert overview(_tool("other.tool"), policy_of(SCAN)).errors_are == "kind"


ROWS = """policy: p.yaml
tests:
  - name: addresses in an error stay
    failure: {tool: hr.find, kind: not-found, text: nobody has bob@canary.example}
    expect: {"$": {locality: scan, type: error}}
    planner: 'failed: not-found: "nobody has <email:1>"'
  - name: only the kind is told of others
    failure: {tool: web.search, text: bob@canary.example is unknown}
    expect: {"$": hidden}
    summarizer: "failed: error"
"""


def test_rows_of_failures_pass_and_exercise_the_rule(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(f"version: 1\n{SCAN}", encoding="utf-8")
    file = tmp_path / "a.test.yaml"
    file.write_text(ROWS, encoding="utf-8")
    report = run_file(read_test_file(file))
    assert (report.tests, report.failures) == (2, ())
    assert "errors" not in str(coverage([report])[0].missed)
    file.write_text(ROWS.replace("locality: scan", "locality: cloud"), encoding="utf-8")
    (wrong,) = run_file(read_test_file(file)).failures
    assert (wrong.got, wrong.rule_id) == ("locality scan", "p.yaml:7 tools.hr.find.errors")


def test_a_row_of_an_unknown_kind_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "a.test.yaml"
    file.write_text(ROWS.replace("kind: not-found", "kind: gone"), encoding="utf-8")
    with pytest.raises(InvalidPolicyError, match="`kind` is `gone`"):
        read_test_file(file)


@pytest.mark.parametrize(
    ("errors", "holds"),
    [("handle", True), ("hidden", True), ("planner", False), ("cloud", False), ("scan", False)],
)
def test_error_texts_that_leave_break_a_claim_about_the_tool(errors: str, holds: bool) -> None:
    policy = policy_of(SCAN.replace("errors: scan", f"errors: {errors}"))
    claim = claim_of("hr.find: $.people[*].mail")
    found = prove(policy, [_tool("hr.find")], [claim]).theorems[0]
    assert found.holds == holds
    assert {one.path for one in found.counterexamples} == (set() if holds else {"errors"})


def test_a_scanned_error_text_keeps_the_types_that_are_looked_for() -> None:
    text = 'keep: [{type: email}]\ntools: {a.b: {errors: scan, results: {"$.email": {locality: handle, type: email}}}}'
    assert prove(policy_of(text), [_tool("a.b")]).theorems[0].holds
    unknown = text.replace("email", "badge")
    found = prove(policy_of(unknown), [_tool("a.b")]).theorems[0]
    assert "errors" in {one.path for one in found.counterexamples}


def test_what_is_taken_for_granted_of_error_texts_is_said() -> None:
    said = {one.text for one in prove(policy_of(SCAN), [_tool("hr.find"), _tool("a.b")]).assumptions}
    assert "says nothing private when it fails: `errors` lets its words out" in said
    secret = prove(policy_of(f"tools: {{a.b: {{{SECRET}}}}}"), [_tool("a.b")])
    assert not any("when it fails" in one.text for one in secret.assumptions)
    assert secret.holds


def test_an_engine_that_tells_error_texts_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from umi_edge.labelling.text import constant

    monkeypatch.setattr(Labeller, "failure", lambda self, tool, kind, detail: (kind, (constant(detail),)))
    found = [one for one in prove(policy_of(OLD), [_tool("hr.find")]).theorems if not one.holds]
    assert ["a fault of umi" in one.counterexamples[0].message for one in found] == [True]


def _replayed(recording: Path, policy: str) -> Replay:
    return replay(read_recordings(recording), policy_of(policy, "new.yaml"))


def test_error_texts_are_recorded_without_text_and_replayed(told: Callable[..., Told]) -> None:
    session = told(SCAN)
    session.call("hr.find", {}, FailureKind.NOT_FOUND)
    (recorded,) = read_recordings(session.file)
    (result,) = (step for step in recorded.steps if isinstance(step, RecordedResult))
    assert (result.failure, result.leaves[0].clear["planner"]) == ("not-found", len("the tool's own words"))
    assert "own words" not in session.file.read_text()
    assert _replayed(session.file, SCAN).fields == []
    hidden = _replayed(session.file, OLD)
    assert {(one.side, one.sink, one.exposed, one.bytes) for one in hidden.fields} == {
        ("errors", "planner", False, 20),
        ("errors", "summarizer", False, 20),
    }


def test_error_texts_that_would_leave_are_newly_exposed(told: Callable[..., Told]) -> None:
    session = told()
    session.call("hr.find", {}, FailureKind.NOT_FOUND)
    found = _replayed(session.file, OLD.replace("integrity: trusted", "errors: summarizer"))
    (change,) = found.fields
    assert (change.side, change.sink, change.exposed, change.unknown) == ("errors", SUMMARIZER, True, 1)


def test_where_a_kept_error_text_came_from_is_explained(told: Callable[..., Told], tmp_path: Path) -> None:
    policy = SCAN.replace("errors: scan", "errors: handle")
    session = told(policy)
    session.call("hr.find", {}, FailureKind.NOT_FOUND)
    session.call("web.search", {"q": "<error:1>"}, verdict="denied")
    path = tmp_path / "p.yaml"
    path.write_text(f"version: 1\n{policy}", encoding="utf-8")
    options = ("--session", session.file, "--handle", str(Handle("error", 1)))
    out = _run("explain", path, *options)
    assert "came from what hr.find said of its failure" in out
    now = json.loads(_run("explain", path, *options, "--json"))["now"]
    assert (now["locality"], now["line"]) == (Locality.HANDLE, 7)
    assert "errors: cloud" in now["change"]
