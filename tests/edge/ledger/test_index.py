"""The index of a ledger, which those who search it use."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from umi_edge.ledger import BrokenLedgerError, Ledger, LedgerConfig
from umi_edge.ledger.index import LedgerIndex, Wanted
from umi_edge.ledger.outbound import outbound_view
from umi_shared.handles import Handle
from umi_shared.labels import PLANNER, SUMMARIZER
from umi_shared.released import Disclosure, mint
from umi_shared.transcript import Call, Instruction, View
from umi_shared.wire import plan_request

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def message(*entries) -> bytes:
    view = View(catalogue=(), entries=(Instruction(("Write.",)), *entries))
    return plan_request("r1", mint(view, PLANNER, ())).SerializeToString()


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    days = iter(range(1, 29))
    return Ledger.open(
        tmp_path / "ledger.jsonl", KEY, lambda: f"2026-06-{next(days):02}T10:00:00Z", LedgerConfig()
    )


def send(ledger: Ledger, text: bytes, *, session: str = "abc", sink: str = PLANNER) -> None:
    ledger.append(
        session=session,
        sink=sink,
        request_id="r",
        message=text,
        disclosures=[
            Disclosure(entry=-1, rule="tools", clear_bytes=1000),
            Disclosure(entry=0, rule="scan", clear_bytes=6),
        ],
    )


def test_rows_follow_the_ledger_as_it_grows_and_say_what_is_in_each_message(ledger):
    index = LedgerIndex(ledger.path)
    assert index.rows() == []
    send(ledger, message())
    assert [row.number for row in index.rows()] == [1]
    ledger.checkpoint()
    send(ledger, message(Call("mail.send", ('{"to":"', Handle("email", 1), '"}'))), session="def")
    first, second = index.rows()
    assert (first.session, first.clear_bytes, second.number, second.session) == ("abc", 6, 3, "def")
    assert index.named(first).tools == frozenset()
    assert index.named(second).tools == {"mail.send"}
    assert index.named(second).types == {"email"}
    assert outbound_view(index.entry(second)).entries[1].tool == "mail.send"


def test_messages_are_found_by_day_session_destination_tool_and_type(ledger):
    index = LedgerIndex(ledger.path)
    send(ledger, message())
    send(ledger, message(Call("mail.send", (Handle("email", 1),))), session="def")
    send(ledger, message(), sink=SUMMARIZER)

    def numbers(**wanted) -> list[int]:
        return [row.number for row in index.find(Wanted(**wanted), most=9)[0]]

    days = [row.time[:10] for row in index.rows()]
    assert numbers() == [3, 2, 1]
    assert numbers(day=days[1]) == [2]
    assert numbers(session="abc") == [3, 1]
    assert numbers(sink=SUMMARIZER) == [3]
    assert numbers(tool="mail.send") == numbers(type="email") == [2]
    assert numbers(tool="mail.send", type="phone") == []
    rows, more = index.find(Wanted(), most=2)
    assert ([row.number for row in rows], more) == ([3, 2], True)
    rows, more = index.find(Wanted(), before=2, most=2)
    assert ([row.number for row in rows], more) == ([1], False)


def test_the_message_before_is_that_to_the_same_reader_in_the_same_session(ledger):
    index = LedgerIndex(ledger.path)
    for session, sink in (("a", PLANNER), ("b", PLANNER), ("a", SUMMARIZER), ("a", PLANNER)):
        send(ledger, message(), session=session, sink=sink)
    rows = index.rows()
    assert index.before(rows[3]) is rows[0]
    assert index.before(rows[2]) is None


def test_a_ledger_whose_files_are_others_is_read_anew(tmp_path):
    small = LedgerConfig(file_bytes=1500, files=3)
    days = iter(f"2026-06-01T10:00:{at:02}Z" for at in range(60))
    ledger = Ledger.open(tmp_path / "ledger.jsonl", KEY, lambda: next(days), small)
    index = LedgerIndex(ledger.path)
    for _ in range(12):
        send(ledger, message())
        known = [row.number for row in index.rows()]
        assert known == [row.number for row in LedgerIndex(ledger.path).rows()]
    assert index.entry(index.rows()[0])["number"] == known[0] > 1


def test_a_changed_line_is_told(ledger):
    send(ledger, message())
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b'"abc"', b'"abd"'))
    with pytest.raises(BrokenLedgerError, match="was changed"):
        LedgerIndex(ledger.path).rows()
