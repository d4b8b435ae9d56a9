"""Messages near the corpus: decoded or refused, under limits, and never with another error."""

import contextlib

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.corpus import FUZZ, near, replayed
from umi_edge.egress.guard import EgressGuard, GuardedError
from umi_edge.labelling.vault import Origin, Source, Vault
from umi_proto.v1 import agent_pb2 as pb
from umi_shared.errors import MalformedError
from umi_shared.labels import PLANNER, Label
from umi_shared.refusal import refusal_from_metadata
from umi_shared.wire import WireLimits, read_plan_events, read_summarize_events, read_view, strings_of

LIMITS = WireLimits(tools=4, entries=8, segments=30, schema_bytes=2000, delta_bytes=500, padding_bytes=200)


def check(raw: bytes) -> None:
    for kind in (pb.PlanRequest, pb.SummarizeRequest):
        with contextlib.suppress(MalformedError, DecodeError):
            view = read_view(kind.FromString(raw), LIMITS)
            assert 0 < len(view.entries) <= LIMITS.entries
            assert len(view.catalogue) <= LIMITS.tools
            assert sum(map(len, view.texts())) <= LIMITS.segments
    with contextlib.suppress(MalformedError):
        assert 0 < len(read_plan_events(raw, LIMITS)) <= LIMITS.events
    with contextlib.suppress(MalformedError):
        assert 0 < len(read_summarize_events(raw, LIMITS)) <= LIMITS.events
    strings_of(raw)
    refusal_from_metadata((("google.rpc.errorinfo-bin", raw), ("grpc-status-details-bin", raw)))


@replayed("wire")
def test_every_message_of_the_corpus_is_decoded_or_refused(raw):
    check(raw)
    for end in range(len(raw)):
        check(raw[:end])


@given(near("wire"))
@FUZZ
def test_every_message_near_the_corpus_is_decoded_or_refused(raw):
    check(raw)


@given(near("wire"), st.integers(0, 10_000))
@FUZZ
def test_the_guard_reads_any_bytes_and_finds_a_value_wherever_it_is_put(raw, at):
    vault = Vault()
    vault.keep("Kept-4711-secret", type="text", label=Label(), origin=Origin(Source.RESULT, "t"))
    guard = EgressGuard(vault)
    guard.check(raw, PLANNER)
    at %= len(raw) + 1
    try:
        guard.check(raw[:at] + b"Kept-4711-secret" + raw[at:], PLANNER)
    except GuardedError:
        return
    raise AssertionError("a kept value passed the guard")
