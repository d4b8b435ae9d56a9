"""Spans of requests, as a collector gets them."""

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from umi_cloud.observation.traces import RequestTraces
from umi_cloud.request_log import RequestRecord
from umi_shared.transcript import Usage

CANARY = "canary-7f3a"


def test_a_request_is_a_span_by_the_conventions_for_generative_ai() -> None:
    exporter = InMemorySpanExporter()
    traces = RequestTraces(exporter, model="m", system="vllm")
    usage = Usage(prompt_tokens=100, cached_tokens=61, completion_tokens=7)
    traces.observe(RequestRecord(rpc="plan", device=CANARY, session=CANARY, usage=usage, queued_ms=4))
    traces.observe(RequestRecord(rpc="plan", outcome="OVERLOADED"))
    traces.observe(RequestRecord(rpc="plan", outcome="cancelled"))
    traces.close()
    answered, refused, cancelled = exporter.get_finished_spans()
    assert answered.name == "chat m"
    assert dict(answered.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "m",
        "gen_ai.agent.name": "plan",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 7,
        "umi.queued_ms": 4,
        "umi.first_event_ms": 0,
    }
    assert refused.attributes["error.type"] == "OVERLOADED"
    assert refused.status.status_code is StatusCode.ERROR
    assert cancelled.status.status_code is not StatusCode.ERROR
    assert CANARY not in "".join(span.to_json() for span in exporter.get_finished_spans())
