"""The guard with nothing above it: a leak behind `release()` is caught in every field and encoding."""

import pytest

from tests.end_to_end.canaries.fields import REQUESTS, leaf_fields, request_with
from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress import cloud_client as cloud_module
from umi_edge.egress.guard import EgressGuard, GuardedError
from umi_edge.labelling.vault import Origin, Source, Vault
from umi_lab.attack.encoded import NUMBERS, TEXTS, spellings
from umi_shared.labels import PLANNER, SUMMARIZER, Label, Locality
from umi_shared.wire import strings_of

PATHS = [(request, path) for request in REQUESTS for path in leaf_fields(request.DESCRIPTOR)]
IDS = [f"{request.__name__}-{'.'.join(field.name for field in path)}" for request, path in PATHS]
CASES = [(name, spelling) for text in TEXTS for name, spelling in spellings(text).items()]


@pytest.fixture(scope="module")
def guard() -> EgressGuard:
    vault = Vault()
    for value in (*TEXTS, *NUMBERS):
        vault.keep(value, type="text", label=Label.at(Locality.HANDLE), origin=Origin(Source.RESULT, "test"))
    return EgressGuard(vault)


@pytest.mark.parametrize(("request_type", "path"), PATHS, ids=IDS)
def test_a_canary_in_any_field_is_caught_in_every_encoding(guard, request_type, path):
    missed, said = [], ""
    for name, spelling in CASES:
        message = request_with(request_type, path, f"see {spelling} here").SerializeToString()
        try:
            guard.check(message, PLANNER)
            missed.append((name, spelling))
        except GuardedError as error:
            said += str(error)
    assert not any(spelling in said for _, spelling in CASES)
    unreadable = {"full width", "zero width", "reversed", "upper", "casefold", "NFD", "NFKC", "NFC"}
    if path[-1].name == "padding":  # bytes that are no text are not folded
        missed = [miss for miss in missed if miss[0] not in unreadable]
    assert missed == []


@pytest.mark.parametrize(("request_type", "path"), PATHS, ids=IDS)
def test_what_is_no_canary_passes_in_any_field(guard, request_type, path):
    message = request_with(request_type, path, "nothing that is kept: 4815162 Krakow").SerializeToString()
    guard.check(message, PLANNER)


@pytest.mark.parametrize("text", TEXTS)
def test_a_canary_split_over_neighbouring_segments_is_caught(guard, text):
    for request, path in PATHS:
        if [field.name for field in path[-2:]] == ["segments", "clear"]:
            for at in range(1, len(text)):
                message = request_with(request, path, text[:at], text[at:]).SerializeToString()
                assert text.encode() not in message
                with pytest.raises(GuardedError):
                    guard.check(message, PLANNER)


@pytest.mark.parametrize(
    "spelling",
    ["4815162342", "4,815,162,342", "4 815 162 342", "4.815.162.342", "4_815_162_342", "9876543.21"],
)
def test_a_number_is_caught_however_its_digits_are_grouped(guard, spelling):
    path = next(path for request, path in PATHS if path[-1].name == "clear")
    with pytest.raises(GuardedError):
        guard.check(request_with(REQUESTS[0], path, spelling).SerializeToString(), PLANNER)


@pytest.mark.parametrize(("request_type", "path"), PATHS, ids=IDS)
def test_the_guard_reads_every_string_field(request_type, path):
    """`strings_of` is written by hand, for speed: this holds it to the descriptors."""
    if path[-1].type == path[-1].TYPE_STRING:
        assert "canary" in strings_of(request_with(request_type, path, "canary").SerializeToString())


def test_both_requests_have_the_same_fields():
    one, other = ({(f.number, f.name, f.type) for f in r.DESCRIPTOR.fields} for r in REQUESTS)
    assert one == other


@pytest.mark.parametrize("encoding", ["plain", "base64 at 1", "hex", "reversed"])
async def test_a_leak_behind_release_sends_nothing(tmp_path, monkeypatch, encoding):
    """As if the wire layer were broken: the value stands in the bytes, though no view ever showed it."""
    value = TEXTS[0]
    real = cloud_module.plan_request

    def leaky(request_id, view, *, bucket_bytes=0):
        request = real(request_id, view, bucket_bytes=bucket_bytes)
        if len(request.view.entries) > 1:
            request.view.entries[-1].observation.failure = f"it is {spellings(value)[encoding]}"
        return request

    monkeypatch.setattr(cloud_module, "plan_request", leaky)
    plans = [plan("To see, use data.get."), "never asked"]
    async with world(
        tmp_path,
        plans=plans,
        calls=[("data.get", "{}")],
        tools=[tool_of("data.get", lambda _: {"a": value})],
        policy="tools: {data.get: {runs: device}}",
        guard=EgressGuard,
    ) as w:
        with pytest.raises(GuardedError) as caught:
            await w.session.ask("Look.")
        assert len(w.capture.requests) == len(w.recorded) == 1
    assert value not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("sink", [PLANNER, SUMMARIZER])
def test_a_value_for_one_sink_passes_to_this_one_only(sink):
    vault = Vault()
    vault.keep(
        "Zqxjova Krásnohorská",
        type="person",
        label=Label.at(Locality.PLANNER),
        origin=Origin(Source.RESULT, "test"),
    )
    guard = EgressGuard(vault)
    path = next(path for request, path in PATHS if path[-1].name == "clear")
    message = request_with(REQUESTS[0], path, "Zqxjova Krásnohorská").SerializeToString()
    if sink == PLANNER:
        guard.check(message, sink)
    else:
        with pytest.raises(GuardedError):
            guard.check(message, sink)
