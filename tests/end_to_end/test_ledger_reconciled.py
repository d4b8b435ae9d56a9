"""What a session's socket carried, against its ledger: every frame has its entry, every entry its frame."""

import pytest

from tests.end_to_end.harness import plan, world
from umi_edge.ledger import read_ledger
from umi_edge.ledger.capture import Frame, read_capture, write_capture
from umi_edge.ledger.reconciliation import reconcile

PLANS = [plan("To see people, use contacts.list."), plan("Done.", "summarizer"), "They are listed."]


@pytest.fixture
async def session(tmp_path):
    """The frames that a session sent, from its socket, and its ledger's entries."""
    async with world(tmp_path, plans=PLANS, calls=[("contacts.list", "{}")]) as w:
        await w.session.ask("Who are my contacts?")
        frames = [Frame(dict(sent.headers)[":path"], sent.message) for sent in w.capture.requests]
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
