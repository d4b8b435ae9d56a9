"""Traces by OpenTelemetry's conventions for generative AI: a span for each request, with no content, device or session.

How much of a prompt came from the cache is not told either: of one request that says what others have asked (ADR 12).
"""

import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

from umi_cloud.request_log import RequestRecord

__all__ = ["RequestTraces", "span_exporter"]

_DEVICES_OWN = frozenset({"ok", "cancelled"})
"""Outcomes that are no failure of the server."""


def span_exporter(url: str) -> SpanExporter:
    """Sends spans to a collector, as `http://HOST:4318/v1/traces`."""
    return OTLPSpanExporter(endpoint=url)


class RequestTraces:
    """Tells a collector of requests as they end, in the background; `close` sends what is left."""

    def __init__(self, exporter: SpanExporter, *, model: str, system: str) -> None:
        """`model` is the base model's name, `system` the kind of engine."""
        self._provider = TracerProvider(
            resource=Resource({"service.name": "umi-cloud"}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("umi_cloud")
        self._name = f"chat {model}"
        self._always = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": system,
            "gen_ai.request.model": model,
        }

    def observe(self, record: RequestRecord) -> None:
        """Make the span of a request that ended now."""
        end = time.time_ns()
        span = self._tracer.start_span(
            self._name,
            kind=SpanKind.SERVER,
            start_time=end - record.milliseconds() * 1_000_000,
            attributes={
                **self._always,
                "gen_ai.agent.name": record.rpc,
                "gen_ai.usage.input_tokens": record.usage.prompt_tokens,
                "gen_ai.usage.output_tokens": record.usage.completion_tokens,
                "umi.queued_ms": record.queued_ms,
                "umi.first_event_ms": record.first_ms,
            },
        )
        if record.outcome not in _DEVICES_OWN:
            span.set_attribute("error.type", record.outcome)
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    def close(self) -> None:
        """Send what is left, and stop; it may take seconds where the collector is gone."""
        self._provider.shutdown()
