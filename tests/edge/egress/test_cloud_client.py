"""The way out: guard, ledger, then the very bytes; and what is worth another try."""

import grpc
import pytest

from tests.end_to_end.harness import hostile_cloud, policy_of, world
from umi_cloud.status import abort
from umi_edge.egress.cloud_client import CloudConfig, Sent
from umi_edge.labelling.release import release
from umi_edge.ledger import LedgerError
from umi_proto.v1 import agent_pb2 as pb
from umi_shared.errors import MalformedError, PeerError, RefusedError, TransportError
from umi_shared.labels import PLANNER, SUMMARIZER
from umi_shared.transcript import Decision, Next

QUICK = CloudConfig(backoff_seconds=0.001, step_seconds=5, idle_seconds=5, tries=3)
DECISION = pb.PlanEvent(decision=pb.Decision(next=pb.NEXT_GIVE_UP)).SerializeToString()
VIEW = release((), (), PLANNER)


class Peer:
    """Answers with each status in turn, then with a decision; keeps what it was sent."""

    def __init__(self, *codes: grpc.StatusCode, refusal: RefusedError | None = None) -> None:
        self.codes = list(codes)
        self.refusal = refusal
        self.requests: list[bytes] = []
        self.metadata: list[dict[str, str]] = []

    async def answer(self, request, context):
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            await abort(context, refusal)
        if self.codes:
            await context.abort(self.codes.pop(0), "no")
        await context.write(DECISION)


async def planned(tmp_path, peer, *, view=VIEW, config=QUICK, prepare=lambda w: None):
    async with (
        hostile_cloud(peer.answer) as address,
        world(
            tmp_path, upstream=address, tools=(), policy=policy_of("limits: {steps: 2}"), config=config
        ) as w,
    ):
        prepare(w)
        events = [event async for event in w.session.cloud.plan(view, "r1")]
        return events, w, [entry["sha256"] for entry in w.recorded]


async def test_a_message_is_in_the_ledger_before_the_event_that_says_it_left(tmp_path):
    peer = Peer()
    events, _, recorded = await planned(tmp_path, peer)
    assert isinstance(events[0], Sent)
    assert [events[0].sha256] == recorded
    assert events[-1] == Decision(Next.GIVE_UP)


async def test_the_metadata_is_the_sessions_word_and_nothing_else_of_ours(tmp_path):
    peer = Peer()
    await planned(tmp_path, peer)
    assert peer.metadata == [{"umi-session": "word", "user-agent": peer.metadata[0]["user-agent"]}]


@pytest.mark.parametrize("sink", [SUMMARIZER, "device", "tool:web"])
async def test_a_view_for_another_sink_does_not_go_to_the_planner(tmp_path, sink):
    peer = Peer()
    with pytest.raises(MalformedError, match="about to go"):
        await planned(tmp_path, peer, view=release((), (), sink))
    assert peer.requests == []


async def test_a_failed_connection_and_a_server_that_stops_are_tried_again_with_the_same_bytes(tmp_path):
    peer = Peer(grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    events, _, recorded = await planned(tmp_path, peer)
    assert events[-1] == Decision(Next.GIVE_UP)
    assert len(peer.requests) == len(recorded) == 3
    assert len(set(peer.requests)) == len(set(recorded)) == 1


async def test_tries_end(tmp_path):
    with pytest.raises(TransportError):
        await planned(tmp_path, Peer(*[grpc.StatusCode.UNAVAILABLE] * 9))


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
    ],
)
async def test_what_trying_again_does_not_mend_is_reported_at_once(tmp_path, code):
    peer = Peer(code)
    with pytest.raises(PeerError):
        await planned(tmp_path, peer)
    assert len(peer.requests) == 1


async def test_an_overloaded_peer_is_tried_again_when_it_says_so(tmp_path):
    peer = Peer(refusal=RefusedError("full", reason="OVERLOADED", retry_after_seconds=0.01))
    events, *_ = await planned(tmp_path, peer)
    assert events[-1] == Decision(Next.GIVE_UP)
    assert len(peer.requests) == 2


@pytest.mark.parametrize(
    ("ticket", "given_back"), [("aA0_-=", "aA0_-="), ("x" * 65, None), ("a b", None), ("", None)]
)
async def test_an_overloaded_peers_ticket_is_given_back_where_it_is_one(tmp_path, ticket, given_back):
    peer = Peer(refusal=RefusedError("full", reason="OVERLOADED", retry_after_seconds=0.01, ticket=ticket))
    await planned(tmp_path, peer)
    assert [sent.get("umi-ticket") for sent in peer.metadata] == [None, given_back]


async def test_a_peer_that_asks_for_more_patience_than_the_step_has_is_reported(tmp_path):
    peer = Peer(refusal=RefusedError("full", reason="OVERLOADED", retry_after_seconds=3600))
    with pytest.raises(RefusedError):
        await planned(tmp_path, peer)


async def test_a_ledger_that_fails_on_the_second_try_sends_no_second_message(tmp_path, monkeypatch):
    peer = Peer(grpc.StatusCode.UNAVAILABLE)

    def breaks(w):
        real, tries = type(w.ledger).append, []

        def append(self, **entry):
            tries.append(1)
            if len(tries) == 2:
                raise LedgerError("the ledger is full")
            return real(self, **entry)

        monkeypatch.setattr(type(w.ledger), "append", append)

    with pytest.raises(LedgerError):
        await planned(tmp_path, peer, prepare=breaks)
    assert len(peer.requests) == 1
