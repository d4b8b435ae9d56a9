"""The ledger holds what left, notices every change, and survives crashes, full disks and other processes."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from umi_edge.ledger import (
    BrokenLedgerError,
    Ledger,
    LedgerConfig,
    LedgerError,
    read_ledger,
    verification,
    verify_ledger,
)
from umi_edge.ledger.chain import Link, signed, written
from umi_shared.released import Disclosure

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
DEFAULT = LedgerConfig()
SMALL = LedgerConfig(file_bytes=4096, files=3)


def opened(path: Path, config: LedgerConfig = DEFAULT) -> Ledger:
    return Ledger.open(path, KEY, lambda: "2026-11-22T10:00:00+00:00", config)


def send(ledger: Ledger, message: bytes, sink: str = "planner") -> str:
    clearance = Disclosure(entry=0, rule="default.yaml:7 defaults.instruction", clear_bytes=len(message))
    return ledger.append(session="s1", sink=sink, request_id="r1", message=message, disclosures=[clearance])


def filled(path: Path, messages: int = 3, config: LedgerConfig = DEFAULT) -> Path:
    ledger = opened(path, config)
    for number in range(messages):
        send(ledger, b"message %d" % number)
    ledger.checkpoint()
    ledger.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def test_a_message_is_in_the_ledger_as_sent_with_the_rules_that_released_it(path):
    digest = send(opened(path), b"\x00any bytes\xff")
    (entry,) = read_ledger(path)
    assert base64.b64decode(entry["message"]) == b"\x00any bytes\xff"
    assert entry["sha256"] == digest == hashlib.sha256(b"\x00any bytes\xff").hexdigest()
    assert (entry["number"], entry["sink"], entry["session"], entry["bytes"]) == (1, "planner", "s1", 11)
    assert entry["clearances"][0]["rule"] == "default.yaml:7 defaults.instruction"


def test_a_sound_ledger_verifies(path):
    filled(path)
    report = verify_ledger(path, PUBLIC)
    assert (report.entries, report.sent_bytes, report.checkpoints, report.unsigned) == (3, 27, 1, 0)
    assert (report.torn_bytes, report.recovered, report.files, report.trimmed) == (0, 0, 1, 0)


def test_messages_after_the_last_checkpoint_are_counted(path):
    filled(path)
    send(opened(path), b"more")
    assert verify_ledger(path, PUBLIC).unsigned == 1


def test_a_ledger_that_is_not_there_is_empty(path):
    assert verify_ledger(path, PUBLIC).entries == 0
    assert list(read_ledger(path)) == []


def test_a_session_that_sent_nothing_leaves_no_checkpoint(path):
    ledger = opened(path)
    ledger.checkpoint()
    assert not path.exists()
    send(ledger, b"x")
    ledger.checkpoint()
    ledger.checkpoint()
    assert verify_ledger(path).checkpoints == 1


# Changes.


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> tuple[Path, bytes]:
    path = filled(tmp_path_factory.mktemp("ledger") / "ledger.jsonl")
    return path, path.read_bytes()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_change_of_any_byte_is_found(sound, data):
    path, raw = sound
    at = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != raw[at]))
    path.write_bytes(raw[:at] + bytes([byte]) + raw[at + 1 :])
    with pytest.raises(BrokenLedgerError) as caught:
        verify_ledger(path, PUBLIC)
    assert caught.value.line <= raw[: at + 1].count(b"\n") + 1


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_put_in_or_taken_out_are_found(sound, data):
    path, raw = sound
    at = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        end = data.draw(st.integers(at + 1, len(raw)))
        changed = raw[:at] + raw[end:]
    else:
        changed = raw[:at] + data.draw(st.binary(min_size=1, max_size=8)) + raw[at:]
    if changed in (raw, b""):
        return
    path.write_bytes(changed)
    with pytest.raises(BrokenLedgerError):
        verify_ledger(path, PUBLIC)


def test_another_spelling_of_the_same_json_is_a_change(path):
    filled(path, 1)
    path.write_bytes(path.read_bytes().replace(b'"kind":"sent"', b'"kind": "sent"'))
    with pytest.raises(BrokenLedgerError, match=r"ledger\.jsonl:1: .*changed"):
        verify_ledger(path)


@pytest.mark.parametrize("change", ["swap", "drop first", "drop middle", "repeat"])
def test_whole_lines_that_are_moved_missing_or_repeated_are_found(path, change):
    filled(path, 4)
    one, two, three, *rest = path.read_bytes().splitlines(keepends=True)
    changed = {
        "swap": [two, one, three],
        "drop first": [two, three],
        "drop middle": [one, three],
        "repeat": [one, two, two, three],
    }[change]
    path.write_bytes(b"".join([*changed, *rest]))
    with pytest.raises(BrokenLedgerError, match="missing"):
        verify_ledger(path, PUBLIC)


def forged(key: Ed25519PrivateKey) -> bytes:
    """A ledger that is consistent in itself, and not this device's."""
    content = b"another message"
    entry = {
        "kind": "sent",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "message": base64.b64encode(content).decode(),
    }
    line, link = written(entry, Link())
    checkpoint, _ = written({"kind": "checkpoint", **signed(link, key)}, link)
    return line + checkpoint


def test_a_ledger_rewritten_by_somebody_without_the_key_is_found(path):
    path.write_bytes(forged(Ed25519PrivateKey.generate()))
    assert verify_ledger(path, is_copy=True).entries == 1  # consistent, so only the key tells
    with pytest.raises(BrokenLedgerError, match="signature is not this device's"):
        verify_ledger(path, PUBLIC)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"null",
        b"[" * 100_000,
        b"\xff\xfe",
        written({"kind": "sent"}, Link())[0].strip(),
        written({"kind": "later"}, Link())[0].strip(),
        written({"kind": "sent", "message": "@", "sha256": "", "bytes": 0}, Link())[0].strip(),
        written({"kind": "sent", "message": 7, "sha256": "", "bytes": 0}, Link())[0].strip(),
        written({"kind": "checkpoint", "of": Link().hash, "key": "zz", "signature": ""}, Link())[0].strip(),
        written({"kind": "trimmed"}, Link())[0].strip(),
    ],
)
def test_a_line_that_is_no_entry_is_named(path, line):
    path.write_bytes(line + b"\n")
    with pytest.raises(BrokenLedgerError, match=r"ledger\.jsonl:1:"):
        verify_ledger(path)


# Ends that are cut off.


def test_a_ledger_cut_at_any_byte_says_what_is_torn_or_missing(path):
    """As kill -9 or a power failure leaves it; the whole ledger has a checkpoint, so its loss is noticed too."""
    opened(path)
    head = path.with_name("ledger.jsonl.head")
    first_head = head.read_bytes()
    raw = filled(path, 1).read_bytes()
    whole_head = head.read_bytes()
    for cut in range(len(raw)):
        path.write_bytes(raw[:cut])
        if cut % 7 == 0:
            head.write_bytes(whole_head)
            with pytest.raises(BrokenLedgerError, match="missing at the end"):
                verify_ledger(path, PUBLIC)
        head.write_bytes(first_head)  # as before the first checkpoint
        report = verify_ledger(path, PUBLIC)
        assert report.torn_bytes == cut - (raw[:cut].rfind(b"\n") + 1)
        assert report.entries == min(raw[:cut].count(b"\n"), 1)


@pytest.mark.parametrize("kept", [1, 60, -1])
def test_a_torn_end_goes_into_the_ledger_and_work_goes_on(path, kept):
    ledger = opened(path)
    send(ledger, b"one")
    before = path.stat().st_size
    send(ledger, b"two, whose entry a crash cuts short")
    raw = path.read_bytes()
    torn = raw[before:][:kept]
    path.write_bytes(raw[:before] + torn)

    again = opened(path)
    send(again, b"three")
    again.checkpoint()
    entries = list(read_ledger(path))
    assert [entry["kind"] for entry in entries] == ["sent", "torn", "sent", "checkpoint"]
    assert base64.b64decode(entries[1]["fragment"]) == torn
    report = verify_ledger(path, PUBLIC)
    assert (report.entries, report.recovered, report.torn_bytes) == (2, 1, 0)
    assert not path.with_name("ledger.jsonl.torn").exists()


def test_a_crash_while_a_torn_end_is_put_away_loses_nothing(path):
    filled(path, 1)
    raw = path.read_bytes()
    path.with_name("ledger.jsonl.torn").write_bytes(b'{"number":3,"torn')
    path.write_bytes(raw + b'{"number":3,"torn')  # the crash was before the file was cut
    opened(path)
    assert base64.b64decode(list(read_ledger(path))[-1]["fragment"]) == b'{"number":3,"torn'

    path.write_bytes(raw)  # and now after that
    path.with_name("ledger.jsonl.torn").write_bytes(b'{"number":3,"torn')
    opened(path)
    assert base64.b64decode(list(read_ledger(path))[-1]["fragment"]) == b'{"number":3,"torn'


def test_an_unsound_ledger_is_not_written_to(path):
    filled(path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"s1", b"s2", 1))
    with pytest.raises(LedgerError, match="changed after it was written; nothing was sent") as caught:
        opened(path)
    assert "umi ledger verify" in caught.value.fix


def test_a_ledger_without_its_end_is_not_written_to(path):
    filled(path)
    path.write_bytes(b"")
    with pytest.raises(LedgerError, match="entries 1 to 4 are missing"):
        opened(path)


def test_a_ledger_that_is_cut_while_a_session_uses_it_stops_the_session(path):
    ledger = opened(path)
    send(ledger, b"one")
    ledger.checkpoint()
    path.unlink()
    with pytest.raises(LedgerError, match="are missing"):
        send(ledger, b"two")


# Notes of the last checkpoint.


def checkpoints(path: Path, config: LedgerConfig = DEFAULT) -> list[dict[Path, bytes]]:
    """The ledger's files and notes, as they were after each of four checkpoints."""
    ledger, states = opened(path, config), []
    for number in range(4):
        send(ledger, b"message %d" % number)
        ledger.checkpoint()
        states.append({file: file.read_bytes() for file in (path, *ledger._heads.files)})
    return states


@pytest.mark.parametrize("note", ["removed", "put back"])
@pytest.mark.parametrize("cut", range(-1, 3))
def test_a_ledger_cut_to_an_earlier_checkpoint_is_found_whatever_becomes_of_its_note(tmp_path, note, cut):
    path, second = tmp_path / "data" / "ledger.jsonl", tmp_path / "state" / "ledger.head"
    config = LedgerConfig(second_head=second)
    states = checkpoints(path, config)
    head = path.with_name("ledger.jsonl.head")
    path.write_bytes(states[cut][path] if cut >= 0 else b"")
    head.unlink()
    if note == "put back" and cut >= 0:
        head.write_bytes(states[cut][head])
    with pytest.raises(BrokenLedgerError, match="missing"):
        verify_ledger(path, PUBLIC, second)
    with pytest.raises(LedgerError, match=r"missing.*nothing was sent"):
        opened(path, config)
    assert head.exists() is (note == "put back" and cut >= 0), "a missing note is not made anew"


@pytest.mark.parametrize("cut", range(4))
def test_entries_without_a_note_were_tampered_with_also_where_there_is_no_second_one(path, cut):
    states = checkpoints(path)
    path.write_bytes(states[cut][path])
    path.with_name("ledger.jsonl.head").unlink()
    with pytest.raises(BrokenLedgerError, match="note of the last checkpoint is missing"):
        verify_ledger(path, PUBLIC)
    with pytest.raises(LedgerError, match="note of the last checkpoint is missing"):
        opened(path)


def test_a_ledger_that_is_gone_with_its_note_is_missed_by_the_second(tmp_path):
    path, second = tmp_path / "data" / "ledger.jsonl", tmp_path / "state" / "ledger.head"
    checkpoints(path, LedgerConfig(second_head=second))
    path.unlink()
    path.with_name("ledger.jsonl.head").unlink()
    with pytest.raises(BrokenLedgerError, match="entries 1 to 8 are missing"):
        verify_ledger(path, PUBLIC, second)


def test_a_second_note_that_is_missing_is_a_person_s_to_put_back(tmp_path):
    path, second = tmp_path / "data" / "ledger.jsonl", tmp_path / "state" / "ledger.head"
    checkpoints(path, LedgerConfig(second_head=second))
    second.unlink()
    with pytest.raises(BrokenLedgerError, match="is missing") as missed:
        verify_ledger(path, PUBLIC, second)
    head = path.with_name("ledger.jsonl.head")
    assert f"copy {head} to {second}" in str(missed.value.fix)
    second.write_bytes(head.read_bytes())
    assert verify_ledger(path, PUBLIC, second).entries == 4


def test_a_note_that_this_device_has_not_signed_is_none(path):
    states = checkpoints(path)
    head = path.with_name("ledger.jsonl.head")
    note = json.loads(head.read_bytes())
    early = json.loads(states[1][head])
    path.write_bytes(states[1][path])
    for forged_note in (
        {**note, "number": early["number"], "hash": early["hash"]},
        {"number": 0, "hash": "0"},
        7,
    ):
        head.write_text(json.dumps(forged_note))
        with pytest.raises(BrokenLedgerError, match="does not name the last checkpoint"):
            verify_ledger(path, PUBLIC)


def test_a_kill_between_checkpoint_and_notes_is_no_fault(tmp_path):
    path, second = tmp_path / "data" / "ledger.jsonl", tmp_path / "state" / "ledger.head"
    config = LedgerConfig(second_head=second)
    states = checkpoints(path, config)
    head = path.with_name("ledger.jsonl.head")
    for older in ((second,), (second, head)):
        for file in older:
            file.write_bytes(states[2][file])
        assert verify_ledger(path, PUBLIC, second).entries >= 4
        send(opened(path, config), b"more")


# From where it was left.


def test_a_ledger_is_verified_from_where_it_was_left_and_reports_the_same(path, monkeypatch):
    ledger, looked_at = opened(path, SMALL), []
    check = verification.check_content
    monkeypatch.setattr(verification, "check_content", lambda *args: looked_at.append(0) or check(*args))
    for number in range(40):
        send(ledger, b"message %d" % number)
        if number % 3 == 0:
            ledger.checkpoint()
        looked_at.clear()
        found, fresh = ledger.verify(), len(looked_at)
        assert found == verify_ledger(path, PUBLIC)
        assert fresh <= 4, "an entry, a checkpoint before a new file, a note of the oldest, and a checkpoint"
    assert found.trimmed


def test_another_program_s_entries_and_a_torn_end_are_verified_too(path):
    one, two = opened(path), opened(path)
    send(one, b"one")
    assert one.verify().entries == 1
    send(two, b"two")
    with path.open("ab") as file:
        file.write(b'{"number":')
    report = one.verify()
    assert (report.entries, report.torn_bytes) == (2, 10)
    send(two, b"three")
    report = one.verify()
    assert (report.entries, report.torn_bytes, report.recovered) == (3, 0, 1)


@pytest.mark.parametrize("change", ["new entry", "last entry", "cut", "replaced", "note"])
def test_what_changes_under_a_running_program_is_found_but_for_old_bytes(path, change):
    ledger = opened(path)
    for number in range(3):
        send(ledger, b"message %d" % number)
    ledger.checkpoint()
    assert ledger.verify().entries == 3
    raw = path.read_bytes()
    match change:
        case "new entry":
            send(ledger, b"message 4")
            path.write_bytes(path.read_bytes()[:-20] + b"0" + path.read_bytes()[-19:])
        case "last entry":
            path.write_bytes(raw[:-20] + bytes([raw[-20] ^ 1]) + raw[-19:])
        case "cut":
            path.write_bytes(raw[: raw.index(b"\n") + 1])
        case "replaced":
            other = path.with_name("other")  # made while the first is there, so that it is another inode
            other.write_bytes(raw.replace(b"s1", b"s2", 1) + b" ")
            other.replace(path)
        case "note":
            path.with_name("ledger.jsonl.head").unlink()
    with pytest.raises(BrokenLedgerError):
        ledger.verify()
    with pytest.raises(BrokenLedgerError):
        ledger.verify()


@pytest.mark.parametrize("change", ["oldest gone", "middle gone", "full one shorter", "full one replaced"])
def test_full_files_that_are_not_as_they_were_are_found(path, change):
    ledger = opened(path, LedgerConfig(file_bytes=2048, files=9))
    for number in range(30):
        send(ledger, b"message %d" % number)
    ledger.checkpoint()
    assert ledger.verify().files > 4
    oldest, middle, *_ = verification.LedgerFiles(path).archives()
    match change:
        case "oldest gone":
            oldest.unlink()
        case "middle gone":
            middle.unlink()
        case "full one shorter":
            middle.write_bytes(middle.read_bytes()[:-10])
        case "full one replaced":
            other = path.with_name("other")
            other.write_bytes(middle.read_bytes().replace(b"s1", b"s2", 1))
            other.replace(middle)
    with pytest.raises(BrokenLedgerError):
        ledger.verify()


def test_writers_are_not_kept_waiting_by_the_first_look_at_a_long_ledger(path, monkeypatch):
    filled(path, 20)
    ledger, writes = opened(path), []
    check = verification.check_content

    def slow(*args):
        if not writes:
            writes.append(send(opened(path, LedgerConfig(lock_seconds=0.2)), b"meanwhile"))
        check(*args)

    monkeypatch.setattr(verification, "check_content", slow)
    assert ledger.verify().entries == 21
    assert ledger.verify() == verify_ledger(path, PUBLIC)


# Several processes.


def test_two_sessions_write_one_ledger_in_turn(path):
    one, two = opened(path), opened(path)
    send(one, b"1")
    send(two, b"2")
    send(two, b"3")
    send(one, b"4")
    two.checkpoint()
    send(one, b"5")
    one.checkpoint()
    messages = [base64.b64decode(e["message"]) for e in read_ledger(path) if e["kind"] == "sent"]
    assert messages == [b"1", b"2", b"3", b"4", b"5"]
    assert verify_ledger(path, PUBLIC).checkpoints == 2


_WRITER = """
    import sys
    from pathlib import Path
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from umi_edge.ledger import Ledger, LedgerConfig

    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    config = LedgerConfig(file_bytes=int(sys.argv[3]), files=1000)
    ledger = Ledger.open(Path(sys.argv[1]), key, lambda: "now", config)
    print("ready", flush=True)
    for number in range(int(sys.argv[2])):
        ledger.append(session="s", sink="planner", request_id="r", message=b"x" * 200, disclosures=[])
    ledger.checkpoint()
    print("done", flush=True)
"""


def writer(path: Path, messages: int, file_bytes: int = 1 << 24, before: str = "") -> subprocess.Popen[str]:
    program = before + textwrap.dedent(_WRITER)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path), str(messages), str(file_bytes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_processes_that_append_at_once_never_mix_their_entries(path):
    processes = [writer(path, 150, file_bytes=20_000) for _ in range(3)]
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert "done" in output, errors
    report = verify_ledger(path, PUBLIC)
    assert report.entries == 450
    assert report.files > 5
    assert report.torn_bytes == 0


def test_a_ledger_verifies_at_any_time_while_others_write(path):
    process = writer(path, 1_000_000, file_bytes=30_000)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lengths: set[int] = set()
        while len(lengths) < 5:
            report = verify_ledger(path, PUBLIC)
            assert report.torn_bytes == 0
            lengths.add(report.entries)
            assert process.poll() is None
            time.sleep(
                0.1
            )  # a lock is nobody's in turn: who asks for it without a pause keeps it from the others
    finally:
        process.kill()
        process.communicate()
    assert verify_ledger(path, PUBLIC).entries >= max(lengths)


def test_a_lock_that_is_not_given_up_is_an_error_before_anything_is_sent(path):
    ledger = opened(path, LedgerConfig(lock_seconds=0.05))
    other = opened(path)
    with other._lock, pytest.raises(LedgerError, match="written to by another program; nothing was sent"):
        send(ledger, b"x")
    send(ledger, b"x")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_a_writer_killed_at_any_time_leaves_a_ledger_to_go_on_with(path):
    for _ in range(3):
        process = writer(path, 1_000_000)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
        process.communicate()
        ledger = opened(path)
        send(ledger, b"after the crash")
        ledger.checkpoint()
        assert verify_ledger(path, PUBLIC).unsigned == 0


# Bounds.


def test_a_full_file_is_followed_by_one_that_chains_to_it(path):
    filled(path, 25, LedgerConfig(file_bytes=4096, files=100))
    report = verify_ledger(path, PUBLIC)
    assert report.files > 2
    assert (report.entries, report.unsigned, report.trimmed) == (25, 0, 0)
    numbers = [entry["number"] for entry in read_ledger(path)]
    assert numbers == list(range(1, len(numbers) + 1))
    for archive in path.parent.glob("ledger.0*.jsonl"):
        assert archive.stat().st_size <= 4096 + 1024
        assert json.loads(archive.read_text().splitlines()[-1])["kind"] == "checkpoint"
        assert json.loads(archive.read_text().splitlines()[0])["number"] == int(archive.name.split(".")[1])


def test_the_oldest_files_are_let_go_and_the_ledger_says_so(path):
    filled(path, 60, SMALL)
    report = verify_ledger(path, PUBLIC)
    assert report.files <= 3
    assert report.trimmed > 20
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 4 * (4096 + 1024)
    again = opened(path, SMALL)
    send(again, b"and on")
    assert verify_ledger(path, PUBLIC).unsigned == 1


def test_a_full_file_that_disappears_is_missed(path):
    filled(path, 25, LedgerConfig(file_bytes=4096, files=100))
    archives = sorted(path.parent.glob("ledger.0*.jsonl"))
    kept = archives[1].read_bytes()
    archives[1].unlink()
    with pytest.raises(BrokenLedgerError, match="missing"):
        verify_ledger(path, PUBLIC)
    archives[1].write_bytes(kept)
    archives[0].unlink()
    with pytest.raises(BrokenLedgerError, match="entries 1 to "):
        verify_ledger(path, PUBLIC)


def test_a_crash_between_two_files_is_no_gap(path):
    """The full file has its new name, and the new one is not there yet."""
    filled(path, 5)
    path.rename(path.with_name("ledger.000000001.jsonl"))
    assert verify_ledger(path, PUBLIC).entries == 5
    send(opened(path), b"six")
    assert verify_ledger(path, PUBLIC).entries == 6


def test_a_message_larger_than_a_file_is_recorded_all_the_same(path):
    ledger = opened(path, SMALL)
    send(ledger, b"small")
    send(ledger, bytes(20_000))
    send(ledger, b"small")
    assert verify_ledger(path, PUBLIC).sent_bytes == 20_010


# A disk that is full.


@pytest.mark.parametrize("taken", [0, 1, 100, 10_000])
def test_a_full_disk_leaves_no_half_entry_and_stops_before_the_message_is_sent(path, monkeypatch, taken):
    ledger = opened(path)
    send(ledger, b"one")
    before = path.read_bytes()
    write, room = os.write, [taken]

    def limited(descriptor: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        count = write(descriptor, bytes(data)[: room[0]])
        room[0] -= count
        return count

    with monkeypatch.context() as patch:
        patch.setattr("umi_edge.ledger.ledger.os.write", limited)
        with pytest.raises(LedgerError, match="No space left on device; nothing was sent"):
            send(ledger, b"two" * 20_000)
    assert path.read_bytes() == before
    send(ledger, b"three")
    assert [e["bytes"] for e in read_ledger(path)] == [3, 5]
    assert verify_ledger(path, PUBLIC).torn_bytes == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE here")
def test_a_real_limit_on_a_files_size_leaves_whole_entries_only(path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
    _, errors = writer(path, 100, before=limit).communicate(timeout=30)
    assert "LedgerError" in errors
    assert "nothing was sent" in errors
    report = verify_ledger(path, PUBLIC)
    assert report.torn_bytes == 0
    assert report.entries > 2


@pytest.mark.skipif(sys.platform == "win32", reason="no modes here")
def test_the_files_are_their_owners_alone(path):
    filled(path)
    assert all(file.stat().st_mode & 0o077 == 0 for file in path.parent.iterdir())


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="nothing was sent") as caught:
        opened(tmp_path / "file" / "ledger.jsonl")
    assert "folder" in caught.value.fix


def test_neither_key_nor_message_is_in_a_repr(path):
    ledger = opened(path)
    send(ledger, b"Project Neptune")
    assert "Ed25519" not in repr(ledger)
    assert "Neptune" not in repr(ledger)


def test_a_ledger_that_cannot_be_read_is_one_clear_error(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.mkdir()  # a test that runs as root can read everything but a folder
    with pytest.raises(LedgerError, match="cannot be read"):
        verify_ledger(path)
    with pytest.raises(LedgerError, match="cannot be read"):
        list(read_ledger(path))
