"""Recorded sessions: structure and labels, never a value, whatever stays."""

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge.policy_tools.conftest import OLD, PERSON, TOOLS, Told, policy_of
from umi_edge.labelling.vault import Vault
from umi_edge.policy_tools.recorded import (
    RecordedCall,
    RecordedInstruction,
    RecordedLeaf,
    RecordedResult,
    read_recordings,
)
from umi_edge.session.events import Event
from umi_edge.session.recording import SessionRecorder, recorded, recording_file
from umi_edge.tools import FailureKind
from umi_shared.errors import ConfigError
from umi_shared.handles import Handle

CANARIES = (
    "canary",
    "Alice",
    "9137",
    "home address",
    "Row",
    "blue",
    "senior",
    "ask",
    "knows",
    "about",
    "teams",
)


def _leaves(file: Path, tool: str) -> dict[tuple[str | int, ...], RecordedLeaf]:
    (session,) = read_recordings(file)
    found = [step for step in session.steps if isinstance(step, RecordedResult) and step.tool == tool]
    return {leaf.path: leaf for leaf in found[0].leaves}


def test_no_value_is_in_a_recording(recording: Path) -> None:
    text = recording.read_text()
    for canary in CANARIES:
        assert canary.lower() not in text.lower(), canary


def test_what_the_sinks_saw_is_told_apart(recording: Path) -> None:
    leaves = _leaves(recording, "hr.find")
    at = ("people", 0)
    assert leaves[(*at, "name")].handles[0].handle == Handle("person", 1)
    assert leaves[(*at, "team")].clear == {"planner": 4, "summarizer": 4}
    assert leaves[(*at, "level")].clear == {"planner": 6}
    assert leaves[(*at, "pin")].hidden
    note = leaves[(*at, "note")]
    assert (note.clear["planner"], note.handles[0].handle.type) == (len("ask , he knows"), "email")
    assert leaves[(*at, "<key:2>")].handles[0].handle.type == "text"
    assert leaves[(*at, "mail")].handles[0].rule_id.startswith("p.yaml:9 tools.hr.find.results")


def test_what_stays_has_no_size_unless_asked_for(told: Callable[..., Told]) -> None:
    for sizes in (False, True):
        session = told(name=f"{sizes}.jsonl", sizes=sizes)
        session.call("hr.find", {}, {"people": [{**PERSON, "mail": "m" * 60}]})
        leaf = _leaves(session.file, "hr.find")[("people", 0, "mail")]
        assert leaf.handles[0].at_most == (64 if sizes else None)
        assert _leaves(session.file, "hr.find")[("people", 0, "pin")] == RecordedLeaf(
            path=("people", 0, "pin"), hidden=True
        )


def _run(file: Path, person: dict[str, Any], secret: str) -> bytes:
    session = Told(file, policy_of(OLD))
    session.instruct("Find out about carol@canary.example, please")
    session.call("hr.find", {"who": "<email:1>"}, {"people": [person]})
    session.call("hr.secret", {"q": secret}, secret)
    session.call("hr.find", {}, FailureKind.TIMEOUT)
    session.call("web.search", {"q": "<person:1>"}, verdict="denied")
    session.end()
    return file.read_bytes()


PRIVATE = st.text(min_size=1, max_size=30) | st.integers() | st.none() | st.booleans()


@given(PRIVATE, PRIVATE, st.text(max_size=40), st.text(max_size=10))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sessions_that_differ_in_what_stays_give_equal_recordings(
    tmp_path: Path, name: Any, mail: Any, pin: str, secret: str
) -> None:
    public = {"team": "blue", "level": "senior"}
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    for file in (first, second):
        file.unlink(missing_ok=True)
    one = _run(first, {"name": "Alice", "mail": "a@b.example", "pin": "1", **public}, "s")
    assert one == _run(second, {"name": name, "mail": mail, "pin": pin, **public}, f"x{secret}")


def test_a_recording_is_its_owners_alone_and_grows(told: Callable[..., Told]) -> None:
    told().end()
    session = told()
    session.end()
    assert [one.line for one in read_recordings(session.file)] == [1, 3]
    assert os.name == "nt" or session.file.stat().st_mode & 0o077 == 0


def test_every_event_is_taken(told: Callable[..., Told]) -> None:
    session = told()
    for kind in Event.__args__:
        needed = [f.name for f in fields(kind)]
        if kind.__name__ in (
            "PlanStarted",
            "Sent",
            "Retrying",
            "RationaleStreamed",
            "AnswerStarted",
            "AnswerStreamed",
        ):
            session.observe(kind(**dict.fromkeys(needed, "canary")))  # no structure of their own
    assert "canary" not in session.file.read_text()


def test_a_call_is_read_back_with_its_verdict(recording: Path) -> None:
    (session,) = read_recordings(recording)
    calls = [step for step in session.steps if isinstance(step, RecordedCall)]
    assert [call.verdict for call in calls] == ["allowed", "allowed", "denied"]
    assert calls[2].hints.open_world
    assert calls[2].reasons[0].startswith("$.q of web.search")
    assert isinstance(session.steps[0], RecordedInstruction)


def test_of_a_caller_that_sees_values_only_the_call_is_recorded(told: Callable[..., Told]) -> None:
    session = told()
    session.call("hr.secret", {"q": "canary"}, {"canary": "canary"}, verdict="asked")
    (read,) = read_recordings(session.file)
    assert [step for step in read.steps if not isinstance(step, RecordedCall)][1:] == []
    assert [step.whole for step in read.steps if isinstance(step, RecordedCall)] == [True]


def test_the_observer_of_a_laptop_is_wrapped(tmp_path: Path) -> None:
    seen: list[Event] = []
    inner = lambda vault: seen.append  # noqa: E731
    assert recorded(inner, None, policy_of(OLD), TOOLS) is inner
    event: Any = object()
    recorded(inner, tmp_path / "folder", policy_of(OLD), TOOLS)(Vault())(event)
    assert seen == [event]
    assert len(read_recordings(tmp_path / "folder")) == 1


def test_a_target_is_a_file_or_a_folder(tmp_path: Path) -> None:
    assert recording_file(tmp_path / "a.jsonl") == tmp_path / "a.jsonl"
    one, other = recording_file(tmp_path), recording_file(tmp_path)
    assert one.parent == tmp_path
    assert one != other


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be recorded"):
        SessionRecorder(tmp_path / "file" / "r.jsonl", policy_of(OLD), TOOLS, Vault())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]\n",
        "{}\n",
        '{"kind":"plan","next":"caller","tool":"x"}\n',
        '{"kind":"session","umi_recording":2,"policy":"x"}\n',
        '{"kind":"session","umi_recording":1,"policy":"x"}\n{"kind":"result"}\n{}\n',
        '{"kind":"session","umi_recording":1,"policy":"x"}\n{"kind":"result","tool":"x","leaves":[{"path":3}]}\n',
        '{"kind":"session","umi_recording":1,"policy":"x"}\n'
        '{"kind":"result","tool":"x","leaves":[{"path":[],"handles":[{"handle":"x"}]}]}\n',
        "{" * 90_000 + "\n\n",
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(text)
    with pytest.raises(ConfigError):
        read_recordings(file)


def test_a_line_that_a_crash_cut_short_ends_the_session(recording: Path) -> None:
    whole = read_recordings(recording)[0].steps
    recording.write_bytes(recording.read_bytes()[:-9])
    assert read_recordings(recording)[0].steps == whole[:-1]


def test_what_show_tells_is_no_clear_text(told: Callable[..., Told]) -> None:
    policy = 'tools: {hr.find: {results: {"$.mail": {locality: handle, type: email, show: domain}}}}'
    session = told(policy)
    session.call("hr.find", {}, {"mail": "alice@canary.example"})
    leaf = _leaves(session.file, "hr.find")[("mail",)]
    assert leaf.clear == {}
    assert leaf.handles[0].handle == Handle("email", 1)
    assert '"shown":true' in session.file.read_text()
    assert "canary" not in session.file.read_text()
