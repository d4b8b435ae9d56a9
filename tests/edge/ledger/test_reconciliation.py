"""`umi ledger reconcile`: captured messages and ledger entries, byte for byte."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from umi_edge.cli import umi
from umi_edge.ledger import BrokenLedgerError, Ledger, read_ledger
from umi_edge.ledger.capture import CaptureError, Frame, read_capture, write_capture
from umi_edge.ledger.reconciliation import Reconciliation, reconcile

PLAN, SUMMARIZE = "/umi_proto.v1.Planner/Plan", "/umi_proto.v1.Summarizer/Summarize"
FRAMES = [Frame(PLAN, b"one"), Frame(PLAN, b"two\x00\xff"), Frame(PLAN, b"one"), Frame(SUMMARIZE, b"three")]


@pytest.fixture
def ledger(tmp_path) -> Path:
    """A ledger that has recorded `FRAMES`, the first two of one session."""
    path = tmp_path / "ledger.jsonl"
    writer = Ledger.open(path, Ed25519PrivateKey.generate(), lambda: "2026-11-22T10:00:00Z")
    for number, frame in enumerate(FRAMES):
        writer.append(
            session="first" if number < 2 else "second",
            sink="planner" if frame.method == PLAN else "summarizer",
            request_id="r",
            message=frame.message,
            disclosures=(),
        )
    writer.checkpoint()
    writer.close()
    return path


def held_against(ledger: Path, frames: list[Frame]) -> Reconciliation:
    """Through the file format, as the command does it."""
    capture = ledger.with_name("capture.jsonl")
    write_capture(capture, frames)
    return reconcile(read_capture(capture), read_ledger(ledger))


def run(ledger: Path, frames: list[Frame], *options: str) -> tuple[int, str]:
    capture, config = ledger.with_name("capture.jsonl"), ledger.with_name("config.yaml")
    write_capture(capture, frames)
    config.write_text(json.dumps({"ledger": str(ledger)}))
    result = CliRunner().invoke(
        umi, ["ledger", "reconcile", str(capture), "--config", str(config), *options], standalone_mode=False
    )
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def test_what_was_recorded_and_captured_matches_in_any_order(ledger):
    found = held_against(ledger, FRAMES[::-1])
    assert found.complete
    assert (found.matched, found.matched_bytes) == (4, sum(len(frame.message) for frame in FRAMES))


@pytest.mark.parametrize("dropped", range(len(FRAMES)))
def test_a_dropped_frame_leaves_its_entry_named(ledger, dropped):
    found = held_against(ledger, FRAMES[:dropped] + FRAMES[dropped + 1 :])
    assert not found.frames
    [entry] = found.entries
    assert entry.size_bytes == len(FRAMES[dropped].message)
    # The two equal messages cannot be told apart: that one of them was not seen is what can be said.
    assert entry.number in ({1, 3} if FRAMES[dropped].message == b"one" else {dropped + 1})


@pytest.mark.parametrize("added", [b"smuggled", b"one", b""])
def test_an_added_frame_is_named_also_where_it_repeats_a_recorded_one(ledger, added):
    found = held_against(ledger, [*FRAMES, Frame(PLAN, added)])
    assert not found.entries
    assert [(frame.number, frame.size_bytes) for frame in found.frames] == [(5, len(added))]


@pytest.mark.parametrize("at", range(5))
def test_a_frame_changed_by_one_bit_is_named_and_so_is_the_entry_it_was(ledger, at):
    changed = bytearray(b"two\x00\xff")
    changed[at] ^= 1
    found = held_against(ledger, [FRAMES[0], Frame(PLAN, bytes(changed)), *FRAMES[2:]])
    assert [frame.number for frame in found.frames] == [2]
    assert [entry.number for entry in found.entries] == [2]


def test_a_message_that_went_to_another_sink_than_recorded_matches_nothing(ledger):
    found = held_against(ledger, [*FRAMES[:3], Frame(PLAN, b"three")])
    assert [frame.number for frame in found.frames] == [4]
    assert [entry.sink for entry in found.entries] == ["summarizer"]
    unknown = held_against(ledger, [*FRAMES[:3], Frame("/other.Service/Call", b"three")])
    assert [frame.number for frame in unknown.frames] == [4]


def test_frames_whose_method_nobody_noted_match_by_their_bytes(ledger):
    assert held_against(ledger, [Frame("", frame.message) for frame in FRAMES]).complete


def test_the_command_says_which_and_exits_with_1(ledger):
    assert run(ledger, FRAMES)[0] == 0
    code, output = run(ledger, [*FRAMES[1:], Frame("\x1b[31m", b"smuggled")])
    assert code == 1
    assert "✗ line 4 of the capture has no entry" in output
    assert "✗ entry 3 was not captured: to the planner, 3 bytes" in output
    assert "\x1b" not in output
    code, output = run(ledger, FRAMES[1:], "--json")
    said: dict[str, Any] = json.loads(output)
    assert (code, said["complete"], said["matched"], len(said["entries"])) == (1, False, 3, 1)


@pytest.mark.parametrize(
    ("options", "frames"), [(("--session", "second"), FRAMES[2:]), (("--from", "2"), FRAMES[1:])]
)
def test_a_capture_of_a_part_is_held_against_that_part(ledger, options, frames):
    assert run(ledger, frames, *options)[0] == 0
    assert run(ledger, FRAMES, *options)[0] == 1


def test_an_entry_that_was_changed_is_not_believed(ledger):
    ledger.write_bytes(ledger.read_bytes().replace(b'"session":"first"', b'"session":"frist"', 1))
    with pytest.raises(BrokenLedgerError):
        held_against(ledger, FRAMES)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b"\xff\n"),
        lambda path: path.write_bytes(b"[]\n"),
        lambda path: path.write_bytes(b'{"method": "x"}\n'),
        lambda path: path.write_bytes(b'{"message": "not base64!"}\n'),
        lambda path: path.write_bytes(b'{"message": 5}\n'),
        lambda path: path.write_bytes(b'{"message": "", "method": 5}\n'),
        lambda path: path.write_bytes(b"[" * 100_000 + b"\n"),
    ],
)
def test_a_line_that_is_no_message_is_named(tmp_path, write: Callable[[Path], Any]):
    path = tmp_path / "capture.jsonl"
    write(path)
    with pytest.raises(CaptureError) as raised:
        list(read_capture(path))
    assert raised.value.line == 1


def test_a_capture_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CaptureError, match="cannot be read"):
        list(read_capture(tmp_path / "none.jsonl"))
