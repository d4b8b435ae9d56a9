"""Replay: what another policy would have let out, kept back, and said of the calls."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.edge.policy_tools.conftest import OLD, PERSON, Told, policy_of
from umi_edge.commands.policy import command
from umi_edge.policy_tools.recorded import read_recordings
from umi_edge.policy_tools.replay import Replay, replay


def _replayed(recording: Path, policy: str) -> Replay:
    return replay(read_recordings(recording), policy_of(policy, "new.yaml"))


def _changes(found: Replay) -> set[tuple[str, str, bool, int, int]]:
    return {
        (change.path, change.sink, change.exposed, change.fields, change.certain) for change in found.fields
    }


def test_the_same_policy_changes_nothing(recording: Path) -> None:
    found = _replayed(recording, OLD)
    assert (found.fields, found.verdicts) == ([], [])
    assert (found.sessions, found.calls) == (1, 3)
    assert found.leaves > 14


def test_what_is_newly_exposed_is_counted_by_path_and_sink(recording: Path) -> None:
    found = _replayed(recording, OLD.replace("{locality: handle, type: email}", "planner"))
    assert _changes(found) == {("$.people[*].mail", "planner", True, 2, 2)}
    (change,) = found.exposed
    assert (change.unknown, change.bytes) == (2, 0)
    assert change.rule_id.startswith("new.yaml:9 ")


def test_what_is_newly_hidden_is_counted_in_bytes(recording: Path) -> None:
    found = _replayed(recording, OLD.replace('team": cloud', 'team": summarizer'))
    assert _changes(found) == {("$.people[*].team", "planner", False, 2, 2)}
    assert found.hidden[0].bytes == 2 * len("blue")


def test_what_one_sink_read_another_one_would(recording: Path) -> None:
    found = _replayed(recording, OLD.replace('level": planner', 'level": cloud'))
    assert _changes(found) == {("$.people[*].level", "summarizer", True, 2, 2)}
    assert found.exposed[0].unknown == 2  # for the summarizer it was a handle


def test_sizes_bound_what_would_leave_where_they_were_recorded(told: Callable[..., Told]) -> None:
    session = told(sizes=True)
    session.call("hr.find", {}, {"people": [PERSON]})
    found = _replayed(session.file, OLD.replace("{locality: handle, type: email}", "cloud"))
    assert {(change.bytes_at_most, change.unknown) for change in found.exposed} == {(64, 0)}


def test_what_a_detector_no_longer_looks_for_may_leave(recording: Path) -> None:
    found = _replayed(recording, "detect: [{type: ip, pattern: builtin}]\n" + OLD)
    assert ("$.people[*].note", "planner", True, 2, 0) in _changes(found)
    assert ("$", "planner", True, 1, 1) in _changes(found)  # the address in the instruction


def test_scanned_text_that_leaves_whole_takes_its_findings_with_it(recording: Path) -> None:
    found = _replayed(recording, OLD.replace('note": scan', 'note": cloud'))
    assert _changes(found) == {("$.people[*].note", sink, True, 2, 2) for sink in ("planner", "summarizer")}


@pytest.mark.parametrize(("word", "exposed"), [("device", False), ("cloud", True)])
def test_the_instruction_counts_too(recording: Path, word: str, exposed: bool) -> None:
    found = _replayed(recording, f"defaults: {{instruction: {word}}}\n{OLD}")
    changes = [change for change in found.fields if change.side == "instruction"]
    assert [change.exposed for change in changes] == [exposed, exposed]


def test_what_is_hidden_may_be_exposed(recording: Path) -> None:
    found = _replayed(recording, OLD.replace("hidden", "cloud"))
    assert ("$.people[*].pin", "planner", True, 2, 2) in _changes(found)


def test_a_name_that_was_not_recorded_may_be_any(recording: Path) -> None:
    named = OLD.replace("    results:\n", "    results:\n      \"$.people[*]['home address']\": cloud\n")
    found = _replayed(recording, named)
    assert _changes(found) == {("$.people[*][*]", sink, True, 2, 0) for sink in ("planner", "summarizer")}


def test_a_filter_may_match(recording: Path) -> None:
    filtered = OLD.replace("    results:\n", "    results:\n      \"$.people[?@.team == 'x'].name\": cloud\n")
    assert _changes(_replayed(recording, filtered)) == set()  # joined with `handle` at the same node
    around = OLD.replace('      "$.people[*].name": {locality: handle, type: person}\n', "").replace(
        "    results:\n", "    results:\n      \"$.people[?@.team == 'x'].name\": cloud\n"
    )
    found = _replayed(recording, around)
    assert _changes(found) == {("$.people[*].name", sink, True, 2, 0) for sink in ("planner", "summarizer")}


def test_a_hidden_shape_exposes_nothing(recording: Path) -> None:
    found = _replayed(
        recording, 'tools: {hr.find: {results: {"$": {locality: cloud, shape: hidden}}}}\n' + ""
    )
    assert not [change for change in found.exposed if change.side == "results" and change.tool == "hr.find"]


@pytest.mark.parametrize(
    ("rule", "was", "would_be"),
    [
        ("{accepts: handle}", "denied", "allowed"),
        ("{accepts: cloud, on_violation: ask}", "denied", "asked"),
        ("{accepts: cloud, on_violation: redact}", "denied", "allowed, redacted"),
        ("{accepts: handle, confirm: true}", "denied", "asked"),
    ],
)
def test_calls_are_judged_again(recording: Path, rule: str, was: str, would_be: str) -> None:
    found = _replayed(recording, OLD.replace("{accepts: cloud}", rule))
    judged = {(change.was, change.would_be): change.calls for change in found.verdicts}
    assert judged[was, would_be] == 1
    assert all(change.tool == "web.search" for change in found.verdicts)


def test_a_call_is_judged_by_the_labels_that_the_new_policy_gives(recording: Path) -> None:
    found = _replayed(
        recording, OLD.replace("{locality: handle, type: person}", "{locality: cloud, type: person}")
    )
    assert [(change.was, change.would_be) for change in found.verdicts] == [("denied", "allowed")]
    stricter = OLD.replace("{q: {accepts: cloud}}", "{q: {accepts: handle, requires: trusted}}")
    assert {(c.was, c.would_be) for c in _replayed(recording, stricter).verdicts} == {
        ("denied", "allowed"),  # the handle of a trusted tool
        ("allowed", "denied"),  # what the caller wrote
    }
    (change,) = [c for c in _replayed(recording, stricter).verdicts if c.would_be == "denied"]
    assert "requires a trusted value" in change.reasons[0]


def test_what_the_caller_wrote_is_compared_under_its_argument(told: Callable[..., Told]) -> None:
    session = told(
        "tools: {web.search: {confirm: never, arguments: {q: {locality: handle, accepts: handle}}}}\n"
    )
    session.call("web.search", {"q": "blue"}, None)
    new = policy_of("tools: {web.search: {confirm: never, arguments: {q: cloud}}}")
    found = replay(read_recordings(session.file), new)
    assert {(c.side, c.path, c.exposed) for c in found.fields} == {("arguments", "$.q", True)}


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)


def test_the_command_prints_tables_and_fails_when_strict(recording: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.yaml"
    new.write_text("version: 1\n" + OLD.replace("{locality: handle, type: email}", "cloud"), encoding="utf-8")
    result = _run("replay", str(recording), "--against", str(new))
    assert not result.return_value
    assert "hr.find\tresults\t$.people[*].mail\tplanner\t2\t2 of unknown size\tnew.yaml:9 " in result.output
    assert "4 newly exposed, 0 newly hidden, 0 calls judged otherwise" in result.output
    assert _run("replay", str(recording), "--against", str(new), "--strict").return_value == 1
    report = json.loads(_run("replay", str(recording), "--against", str(new), "--json").output)
    assert report["fields"][0]["path"] == "$.people[*].mail"


def test_explain_shows_where_a_value_came_from_and_went(recording: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("version: 1\n" + OLD, encoding="utf-8")
    out = _run("explain", str(file), "--session", str(recording), "--handle", "<person:1>").output
    assert "<person:1> came from the result of hr.find at $.people[0].name" in out
    assert "that call was given $.who: <email:1>" in out
    assert "<email:1> came from the instruction" in out
    assert "given to web.search $.q (step 9): denied" in out
    assert "line 8:" in out
    assert "the cloud would see it with:" in out
    assert "canary" not in out.lower()
    report = json.loads(
        _run("explain", str(file), "--session", str(recording), "--handle", "person:1", "--json").output
    )
    assert report["origin"]["given"][0]["origins"][0]["kind"] == "instruction"
    assert report["uses"][0]["verdict"] == "denied"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--handle", "<email:1>"], "go together"),
        ([], "give --tool"),
        (["--session", "R", "--handle", "e mail"], "not a handle"),
        (["--session", "R", "--handle", "<iban:7>"], "has <iban:7>"),
    ],
)
def test_explain_says_what_it_needs(recording: Path, tmp_path: Path, arguments: list[str], why: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("version: 1\n", encoding="utf-8")
    given = [str(recording) if word == "R" else word for word in arguments]
    with pytest.raises(Exception, match=why):
        _run("explain", str(file), *given)
