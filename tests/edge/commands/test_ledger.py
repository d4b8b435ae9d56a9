"""`umi ledger`: what left, readable by people and programs."""

import json
from pathlib import Path

import pytest
from click import UsageError
from click.testing import CliRunner, Result

from umi_edge.cli import umi
from umi_edge.connection.device_key import device_key
from umi_edge.ledger import BrokenLedgerError, Ledger, LedgerConfig, verify_ledger
from umi_proto.v1 import agent_pb2 as pb
from umi_shared.errors import ConfigError, MalformedError, UmiError
from umi_shared.released import Disclosure

RULE = "default.yaml:9 defaults.instruction [red]"  # a rule is not read as markup


def plan_request(*parts: str | pb.Handle) -> bytes:
    """What a laptop sends; made by hand, because encoding takes Released values only."""
    segments = [pb.Segment(clear=p) if isinstance(p, str) else pb.Segment(handle=p) for p in parts]
    card = pb.ToolCard(
        name="mail.send",
        description=pb.Text(segments=[pb.Segment(clear="Send mail.")]),
        input_schema='{"type":"object"}',
    )
    instruction = pb.Entry(instruction=pb.Instruction(text=pb.Text(segments=segments)))
    view = pb.View(catalogue=[card], entries=[instruction])
    return pb.PlanRequest(request_id="r", view=view, padding=bytes(100)).SerializeToString()


MESSAGE = plan_request("Write to ", pb.Handle(type="email", number=1), " \x1b[31mnow")


def open_ledger(path: Path) -> Ledger:
    config = LedgerConfig(file_bytes=4096)
    return Ledger.open(path, device_key(path.parent), lambda: "2026-11-22T10:00:00+00:00", config)


def send(ledger: Ledger, message: bytes = MESSAGE, *, session: str = "aa", sink: str = "planner") -> None:
    disclosures = [
        Disclosure(entry=0, rule=RULE, clear_bytes=13),
        Disclosure(entry=-1, rule="[card]", clear_bytes=10),
    ]
    ledger.append(
        session=session,
        sink=sink,
        request_id="r",
        message=message,
        disclosures=disclosures,
        peer="the planner at planner.example:7443",
    )


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "data" / "ledger.jsonl"
    ledger = open_ledger(path)
    send(ledger)
    send(ledger, sink="summarizer", message=b"\xff\xff")
    send(ledger, session="bb")
    ledger.checkpoint()
    return path


@pytest.fixture
def config(tmp_path, path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps({"ledger": str(path)}))
    return str(file)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(umi, ["ledger", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def test_the_list_has_sink_size_hash_and_the_rules_that_released_bytes(config, path):
    output = run("show", "--config", config).output
    first = next(line for line in output.splitlines() if line.lstrip().startswith("1 "))
    assert f"{len(MESSAGE):,}" in first
    assert "planner at planner.example:7443" in " ".join(output.split())
    assert " aa " in first
    assert f"13  {RULE}" in first
    assert "10  the catalogue of tools" in output
    entries = json.loads(run("show", "--config", config, "--json").output)
    assert [entry["number"] for entry in entries] == [1, 2, 3]
    assert "message" not in entries[0]
    assert [clearance["rule"] for clearance in entries[0]["clearances"]] == [RULE, "[card]"]
    assert entries[0]["sha256"][:12] in first


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (["--session", "bb"], [3]),
        (["--sink", "planner"], [1, 3]),
        (["--last", "2"], [2, 3]),
        (["--sink", "planner", "--last", "1"], [3]),
        (["--session", "cc"], []),
        (["--last-session"], [3]),
    ],
)
def test_messages_can_be_filtered(config, filters, numbers):
    entries = json.loads(run("show", "--config", config, "--json", *filters).output)
    assert [entry["number"] for entry in entries] == numbers


def test_a_message_is_shown_as_the_view_that_left_handles_and_all(config):
    output = run("show", "--config", config, "--message", "1").output
    assert "bytes to planner at planner.example:7443, session aa, " in output
    assert "instruction: Write to <email:1>" in output
    assert "tool mail.send: Send mail." in output
    assert "\x1b" not in output
    assert f"13 clear bytes: {RULE}" in output
    view = json.loads(run("show", "--config", config, "--message", "1", "--json").output)["view"]
    assert view["entries"][0]["text"][1] == {"handle": "<email:1>"}


def test_the_last_session_and_another_one_are_not_asked_for_at_once(config):
    with pytest.raises(UsageError):
        run("show", "--config", config, "--last-session", "--session", "aa")


def test_a_ledger_without_a_message_has_no_last_session(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("ledger: none/ledger.jsonl\n")
    assert json.loads(run("show", "--config", str(file), "--json", "--last-session").output) == []


def test_an_entry_without_a_destination_names_its_sink_alone(config, path):
    open_ledger(path).append(session="cc", sink="planner", request_id="r", message=MESSAGE, disclosures=[])
    output = run("show", "--config", config, "--last-session").output
    assert (" planner " in output, "planner.example" in output) == (True, False)


def test_a_message_that_cannot_be_read_is_said_to_be_there(config):
    with pytest.raises(MalformedError, match="message of entry 2"):
        run("show", "--config", config, "--message", "2")
    with pytest.raises(ConfigError, match="no message with the number 9"):
        run("show", "--config", config, "--message", "9")


def test_nothing_has_left_is_said(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("ledger: none/ledger.jsonl\n")
    assert "Nothing has left yet" in run("show", "--config", str(file)).output
    assert "0 messages" in run("verify", "--config", str(file)).output
    assert json.loads(run("show", "--config", str(file), "--json").output) == []
    assert not (tmp_path / "none").exists()  # a look makes no key and no folder


def test_verify_of_a_sound_ledger(config, path):
    result = run("verify", "--config", config)
    assert result.return_value == 0
    assert "✓" in result.output
    assert "3 messages" in result.output
    assert "!" not in result.output
    report = json.loads(run("verify", "--config", config, "--json").output)
    assert (report["sound"], report["signer_known"], report["unsigned"]) == (True, True, 0)


def test_verify_says_what_is_unsigned_torn_recovered_or_signed_by_nobody_known(config, path):
    send(open_ledger(path))
    with path.open("ab") as file:
        file.write(b'{"number":')
    output = run("verify", "--config", config).output
    assert "1 messages are not signed yet" in output
    assert "10 bytes at the end are of an entry that a crash cut short" in output
    send(open_ledger(path))
    assert "1 entries were cut short by crashes before" in run("verify", "--config", config).output
    (path.parent / "ledger.key").unlink()
    assert "nobody can say whether it was this device" in run("verify", "--config", config).output


def test_verify_names_the_first_line_that_does_not_hold(config, path):
    path.write_bytes(path.read_bytes().replace(b'"bb"', b'"bc"', 1))
    with pytest.raises(BrokenLedgerError, match=r"ledger\.jsonl:3: this entry was changed"):
        run("verify", "--config", config)
    result = run("verify", "--config", config, "--json")
    assert result.return_value == 1
    assert json.loads(result.output)["line"] == 3
    with pytest.raises(BrokenLedgerError):
        run("show", "--config", config)


def test_verify_holds_the_end_against_the_second_note(path, tmp_path):
    file, second = tmp_path / "config.yaml", tmp_path / "state" / "head"
    file.write_text(json.dumps({"ledger": str(path), "ledger_head": str(second)}))
    with pytest.raises(BrokenLedgerError, match="note of the last checkpoint is missing"):
        run("verify", "--config", str(file))
    head = path.with_name("ledger.jsonl.head")
    second.parent.mkdir()
    second.write_bytes(head.read_bytes())
    assert "3 messages" in run("verify", "--config", str(file)).output
    path.unlink()
    head.unlink()
    report = json.loads(run("verify", "--config", str(file), "--json").output)
    assert not report["sound"]
    assert "missing at the end" in report["problem"]


def test_an_export_is_the_whole_ledger_and_verifies(config, path, tmp_path):
    ledger = open_ledger(path)
    for _ in range(20):
        send(ledger)
    ledger.checkpoint()
    assert len(list(path.parent.glob("ledger.0*.jsonl"))) > 1
    copy = tmp_path / "copy.jsonl"
    run("export", str(copy), "--config", config)
    assert verify_ledger(copy, ledger.public_key, is_copy=True).entries == 23
    assert "23 messages" in run("verify", str(copy), "--config", config).output
    assert run("export", "-", "--config", config).stdout_bytes == copy.read_bytes()


def test_an_export_replaces_nothing_unasked_and_leaves_no_half(config, tmp_path):
    copy = tmp_path / "copy.jsonl"
    copy.write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        run("export", str(copy), "--config", config)
    assert copy.read_text() == "mine"
    run("export", str(copy), "--force", "--config", config)
    assert copy.read_text() != "mine"
    with pytest.raises(UmiError, match="cannot be copied to"):
        run("export", str(tmp_path / "none" / "copy.jsonl"), "--config", config)


def test_verify_of_a_file_that_is_not_there(config, tmp_path):
    with pytest.raises(ConfigError, match="there is no ledger at"):
        run("verify", str(tmp_path / "none.jsonl"), "--config", config)
