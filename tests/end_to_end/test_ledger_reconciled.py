"""What a session's socket carried, against its ledger: every frame has its entry, every entry its frame."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.end_to_end.harness import FAST, plan, world
from umi_edge.ledger import read_ledger
from umi_edge.ledger.capture import Frame, read_capture, write_capture
from umi_edge.ledger.reconciliation import reconcile
from umi_lab.wire_tap import PREFACE, FrameKind
from umi_shared.errors import TransportError

PLANS = [plan("To see people, use contacts.list."), plan("Done.", "summarizer"), "They are listed."]


@pytest.fixture
async def session(tmp_path):
    """The frames that a session sent, from its socket, and its ledger's entries."""
    async with world(tmp_path, plans=PLANS, calls=[("contacts.list", "{}")]) as w:
        await w.session.ask("Who are my contacts?")
        frames = w.capture.frames
        write_capture(tmp_path / "capture.jsonl", frames)
        yield list(read_capture(tmp_path / "capture.jsonl")), list(read_ledger(w.ledger.path))


async def test_every_frame_of_a_session_has_its_entry(session):
    frames, entries = session
    found = reconcile(frames, entries)
    assert found.complete
    assert found.matched == 3


@pytest.mark.parametrize("at", range(3))
async def test_one_that_is_dropped_changed_or_added_is_named(session, at):
    frames, entries = session
    dropped = reconcile(frames[:at] + frames[at + 1 :], entries)
    assert (len(dropped.frames), len(dropped.entries)) == (0, 1)
    longer = Frame(frames[at].method, frames[at].message + b"\0")
    changed = reconcile([*frames[:at], longer, *frames[at + 1 :]], entries)
    assert [frame.number for frame in changed.frames] == [at + 1]
    assert len(changed.entries) == 1
    added = reconcile([*frames[:at], frames[at], *frames[at:]], entries)
    assert (len(added.frames), len(added.entries)) == (1, 0)


SETTINGS, GOAWAY, ACKNOWLEDGED, END_STREAM = 4, 7, 1, 1


@asynccontextmanager
async def unseeing_server():
    """Takes each request whole, says that it has seen none of it (RFC 9113, 6.8), and hangs up."""

    async def serve(reader, writer):
        await reader.readexactly(len(PREFACE))
        writer.write(_frame(SETTINGS))
        while True:
            head = await reader.readexactly(9)
            await reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == SETTINGS and not head[4] & ACKNOWLEDGED:
                writer.write(_frame(SETTINGS, ACKNOWLEDGED))
            if head[3] == FrameKind.DATA and head[4] & END_STREAM:
                writer.write(_frame(GOAWAY, payload=bytes(8)))
                writer.close()
                return

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _frame(kind, flags=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags, 0, 0, 0, 0]) + payload


async def test_a_server_that_claims_to_have_seen_nothing_gets_no_message_that_the_ledger_lacks(tmp_path):
    """gRPC would send it again by itself, past the guard and the ledger."""
    config = replace(FAST, tries=2)
    async with unseeing_server() as address, world(tmp_path, upstream=address, config=config) as w:
        with pytest.raises(TransportError):
            await w.session.ask("Who are my contacts?")
        frames = w.capture.frames
        found = reconcile(frames, read_ledger(w.ledger.path))
    assert found.matched == 2
    assert found.complete
