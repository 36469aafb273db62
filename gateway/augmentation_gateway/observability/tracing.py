"""Traces of requests and of their calls to Kubernetes by OpenTelemetry, if a collector is configured.

Set up by OpenTelemetry's own variables: `OTEL_EXPORTER_OTLP_ENDPOINT` turns it on, `OTEL_TRACES_SAMPLER`,
`OTEL_RESOURCE_ATTRIBUTES` and the others mean what they always do. Without the first, nothing of it is loaded.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp

SERVICE_NAME = "augmentation-gateway"
UNTRACED = "healthz,readyz,metrics"
"""Paths that probes and Prometheus request every few seconds."""


@contextmanager
def tracing() -> Iterator[Callable[[ASGIApp], ASGIApp]]:
    """Trace inside; yields a function that puts a span around each request of an application.

    To be entered before the connection to Kubernetes, whose calls are traced too. Sends all remaining spans at the end.
    """
    if not (os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        yield lambda app: app
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor  # noqa: PLC0415
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from augmentation_gateway.observability.collector_session import trusting_session  # noqa: PLC0415
    from augmentation_gateway.observability.redacted_spans import RedactedSpans  # noqa: PLC0415

    os.environ.setdefault("OTEL_SERVICE_NAME", SERVICE_NAME)
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(RedactedSpans(OTLPSpanExporter(session=trusting_session()))))
    calls = AioHttpClientInstrumentor()
    calls.instrument(tracer_provider=provider)
    try:
        # Without the spans of single ASGI messages: a stream of events would be thousands.
        yield lambda app: OpenTelemetryMiddleware(
            app, excluded_urls=UNTRACED, tracer_provider=provider, exclude_spans=["receive", "send"]
        )
    finally:
        calls.uninstrument()
        provider.shutdown()
